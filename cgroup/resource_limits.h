/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which kernel file each limit is, on cgroup v2 and on v1, and in which units; and what is used of it.
 * Makes no cgroups. docs/limits.md has the same table for people.
 */
#pragma once

#include "config/config.h"
#include "cgroup/container_cgroup.h"

/* Refuses (BERTH_REFUSED) a given key that this host cannot enforce, with the reason. Touches nothing. */
int limits_check(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err);

/* Whether a limit is given for which cgroup->disk must be known. */
bool limits_need_disk(const struct container_config *config);

/* Writes the limits of all keys to a cgroup that was just made. */
int limits_apply(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err);

/* Writes those limits that differ from old, all with old NULL (then nothing is known of what is in force, and there is no way back); when one
 * is refused, puts the earlier ones back. Memory is not lowered below what is in
 * use: it is reclaimed first, and BERTH_REFUSED with the figure says what cannot be. */
int limits_change(const struct container_cgroup *cgroup, const struct container_config *old,
		  const struct container_config *new, struct berth_error *err);

/* Takes the limits off the disk, so that what waits for it can end. */
void limits_lift_disk(const struct container_cgroup *cgroup, const struct container_config *config);

/* The part of memory-guarantee that is never taken, even when nothing else is left (memory.min), in bytes. */
uint64_t limits_hard_guarantee(uint64_t guarantee);

/* Writes the sums of the containers' guarantees to Berth's own cgroup, without which theirs have no effect: the kernel hands
 * protection down from the root (cgroup-v2.rst, "memory.low"). */
int limits_set_guarantees(const struct cgroup_host *host, const char *parent, uint64_t guarantee, uint64_t hard, struct berth_error *err);

/* The swap limit that is in force, in bytes or UNLIMITED: v1 has none without a memory limit. */
uint64_t limits_swap(const struct cgroup_host *host, const struct container_config *config);

/* What the container uses now; members the host cannot tell are UINT64_MAX. */
struct limits_usage {
	uint64_t memory, memory_peak, swap;	/* bytes */
	uint64_t oom_kills;			/* processes ended since the cgroup was made */
	uint64_t cpu;				/* microseconds since the cgroup was made */
	uint64_t pids;
	uint64_t io_read, io_written;		/* bytes since the cgroup was made */
};
/* parts are BERTH_USAGE_...: of the others nothing is read. */
void limits_read_usage(const struct container_cgroup *cgroup, unsigned int parts, struct limits_usage *ret);

/* One limit as the kernel has it. The same for Berth's own cgroup, which holds all containers. */
struct limits_meter {
	bool known;		/* the host has this limit */
	uint64_t effective;	/* what is in force, in the key's units */
	uint64_t used, peak;	/* UINT64_MAX: not counted */
	uint64_t hits;		/* how often the limit was met; UINT64_MAX: not counted */
	char text[264];		/* of keys that are no number: the effective value */
};
/* False: the key is no limit of a cgroup. */
bool limits_read_meter(const struct container_cgroup *cgroup, enum key_id key, struct limits_meter *ret);
