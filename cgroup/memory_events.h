/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of a container's memory while it runs: that a process was killed for it, that all of them wait for it, and how
 * much there is left to reclaim.
 */
#pragma once

#include "cgroup/container_cgroup.h"

/* A descriptor for poll(2) that speaks whenever the kernel reclaims or kills for the container's limit: memory.events of cgroup v2 (POLLPRI
 * at every change; read it again to wait for the next), on v1 an eventfd that counts (POLLIN). A negative errno where there is neither. */
int memory_events_open(const struct container_cgroup *cgroup);

/* The file that has a line "oom_kill N". */
int memory_kills_open(const struct container_cgroup *cgroup);

/* PSI of the container: how long everything in it that wanted to run waited for memory, or for the disk (accounting/psi.rst, Linux 5.2). Of
 * cgroup2 on every host. To be read, without a trigger: each trigger costs the end of the container a grace period of RCU
 * (psi_trigger_destroy()), and on kernels before 6.5 a thread. */
int memory_pressure_open(const struct container_cgroup *cgroup);
int io_pressure_open(const struct container_cgroup *cgroup);

/* True when the container is at its own limit and has next to nothing left that could be reclaimed: neither file pages nor swap. Then waiting
 * for memory does not end by itself. A container that waits because the host is short, or that still makes way, is not. */
bool memory_is_exhausted(const struct container_cgroup *cgroup);

/* Pages of programs and mapped files that had to be read from the disk again since the cgroup was made; UINT64_MAX if unknown. */
uint64_t memory_major_faults(const struct container_cgroup *cgroup);
