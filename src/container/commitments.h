/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host has promised to all its containers together, kept as sums: so that create, set and start can refuse to oversell it
 * without looking at every other container.
 *
 * /run/berth/.commitments has a record for each container, by its id, and the sums. It is a note of what the configurations say and
 * is made from them anew whenever it is missing, of another version, or a change of it was broken off; recover does so on purpose.
 */
#pragma once

#include "config/policy.h"
#include "container/container.h"

#define COMMITMENT_CORES 512	/* cores that cpuset auto knows */

/* Sums over containers. Those without a limit are counted apart: they can use all there is. */
struct promised {
	uint64_t containers;
	uint64_t memory, swap, disk;				/* bytes */
	uint64_t cpus;						/* thousandths */
	uint64_t guarantee, hard_guarantee;			/* bytes */
	uint64_t no_memory, no_swap, no_disk, no_cpus;		/* containers without a limit */
};

struct commitments {
	struct promised sold;		/* all containers */
	struct promised running;	/* those that run */
	uint32_t core_load[COMMITMENT_CORES];	/* thousandths promised to running containers with cpuset auto */
};

/* Records what the container is promised; running says whether it counts as one that runs. Refuses (BERTH_REFUSED) what the policy
 * does not allow and then changes nothing; with policy NULL, or where it only warns, all is recorded. Nothing is refused that
 * takes no more than before. When it runs with cpuset auto, list becomes the cores chosen for it. */
int commitments_take(const struct container *container, const struct container_config *config, bool running, const struct policy *policy,
		     char list[static 257], struct commitments *ret, struct berth_error *err);

/* Forgets the container. */
int commitments_drop(const struct container *container, struct commitments *ret, struct berth_error *err);

/* The sums as they are. */
int commitments_read(const struct berth *berth, struct commitments *ret, struct berth_error *err);

/* Makes the next use count anew. */
void commitments_invalidate(const struct berth *berth);

/* Writes the sums of guarantees to Berth's own cgroup, if there is one. */
int commitments_protect(const struct container_cgroup *cgroup, const struct commitments *commitments, struct berth_error *err);
