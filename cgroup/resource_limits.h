/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which kernel file each limit is, on cgroup v2 and on v1, and in which units; and what is used of it.
 * Makes no cgroups.
 */
#pragma once

#include "config/config.h"
#include "cgroup/container_cgroup.h"

/* Refuses (BERTH_REFUSED) a given key that this host cannot enforce, with the reason. Touches nothing. */
int limits_check(const struct cgroup_host *host, const struct container_config *config, struct berth_error *err);

/* Writes the limits of all keys to a cgroup that was just made. */
int limits_apply(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err);

/* Writes those limits that differ from old; when one is refused, puts the earlier ones back. */
int limits_change(const struct container_cgroup *cgroup, const struct container_config *old,
		  const struct container_config *new, struct berth_error *err);

/* The swap limit that is in force, in bytes or UNLIMITED: v1 has none without a memory limit. */
uint64_t limits_swap(const struct cgroup_host *host, const struct container_config *config);

/* What the container uses now; members the host cannot tell are UINT64_MAX. */
struct limits_usage {
	uint64_t memory, memory_peak, swap;	/* bytes */
	uint64_t oom_kills;			/* processes ended since the cgroup was made */
	uint64_t cpu;				/* microseconds since the cgroup was made */
	uint64_t pids;
};
void limits_read_usage(const struct container_cgroup *cgroup, struct limits_usage *ret);
