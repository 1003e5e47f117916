/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which device nodes a container may open: a BPF program on its cgroup (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15).
 * A node that the guest smuggles in, in an archive or on a filesystem of its own, opens to EPERM.
 */
#pragma once

#include "cgroup/container_cgroup.h"

/* One that this container has beside what every one has. */
struct device_rule {
	bool block;
	uint32_t major, minor;
	bool read, write;
};
#define DEVICE_RULES_MAX 24

/* Loads the program and attaches it to the cgroup; it goes with the cgroup. */
int device_filter_attach(const struct container_cgroup *cgroup, const struct device_rule *more, size_t count, struct berth_error *err);
