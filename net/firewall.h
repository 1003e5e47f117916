/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a container has in the firewall: elements of the sets of ruleset.h, changed in one batch, which the kernel applies whole or not at all.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"

/* Makes the tables with their rules unless they are there. BERTH_FAILED if they are another Berth's. */
int firewall_ensure(struct berth_error *err);

/* From what the container old has there to what new is to have; either may be NULL. What is there already is fine, and what is not there any
 * more too: elements are told by their keys, not by what was once found. Counters that both have go on. */
int firewall_change(const struct container_config *old, const struct container_config *new, struct berth_error *err);

/* Makes the tables anew with the elements of all these containers, in one batch: from the old rules to the new there is no moment without. */
int firewall_rebuild(const struct container_config *const configs[], size_t count, struct berth_error *err);

enum { TRAFFIC_IN, TRAFFIC_OUT };
enum { TRAFFIC_PUBLIC, TRAFFIC_INTERNAL };
enum { TRAFFIC_IPV4, TRAFFIC_IPV6 };
struct traffic_counters {
	uint64_t bytes[2][2][2];	/* [in, out][public, internal][IPv4, IPv6] */
};
/* What the container's counters say, and which tables they are in (ruleset.h): others begin at zero. -ENOENT if there are none. */
int firewall_read_counters(const struct container_config *config, struct traffic_counters *ret, uint64_t *ret_handle, struct berth_error *err);
