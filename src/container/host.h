/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host has, and its policy. */
#pragma once

#include "config/policy.h"
#include "container/instance.h"

struct host_resources {
	uint64_t memory, swap;		/* bytes, as /proc/meminfo says */
	uint64_t memory_available, swap_free;
	uint64_t cpus;			/* thousandths */
	uint64_t disk, disk_free;	/* bytes of the filesystem with the containers */
};
int host_resources_read(const struct berth *berth, struct host_resources *ret, struct berth_error *err);

/* Memory that containers may be promised: all but the reserve. */
uint64_t host_usable_memory(const struct host_resources *resources, const struct policy *policy);

/* Reads /etc/berth/berth.conf; without the file, the policy of a host without. Free with policy_free(). */
int host_policy_read(const struct berth *berth, struct policy *ret, struct berth_error *err);
