/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of a container's memory while it runs: that a process was killed for it, that all of them wait for it, and how
 * much there is left to reclaim.
 */
#pragma once

#include "cgroup/container_cgroup.h"

/* A descriptor for poll(2): memory.events of cgroup v2 (POLLPRI at every change; read it again to wait for the next), on v1 an eventfd
 * that counts (POLLIN). A negative errno where there is neither. */
int memory_events_open(const struct container_cgroup *cgroup);

/* A descriptor for poll(2) with POLLPRI: everything in the container that wants to run has waited for memory, or for the disk, for 60 %
 * of two seconds (PSI trigger, Linux 5.2; accounting/psi.rst). Of cgroup2 on every host. A negative errno without PSI. */
int memory_pressure_open(const struct container_cgroup *cgroup);
int io_pressure_open(const struct container_cgroup *cgroup);

/* Processes killed for want of memory since the cgroup was made; UINT64_MAX if unknown. */
uint64_t memory_oom_kills(const struct container_cgroup *cgroup);

/* True when the container is at its own limit and has next to nothing left that could be reclaimed: neither file pages nor swap. Then waiting
 * for memory does not end by itself. A container that waits because the host is short, or that still makes way, is not. */
bool memory_is_exhausted(const struct container_cgroup *cgroup);

/* Pages of programs and mapped files that had to be read from the disk again since the cgroup was made; UINT64_MAX if unknown. */
uint64_t memory_major_faults(const struct container_cgroup *cgroup);
