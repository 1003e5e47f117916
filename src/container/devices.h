/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device nodes of a container: those that every one has, and those that its keys give it (device, tun, fuse). */
#pragma once

#include "cgroup/device_filter.h"
#include "config/config.h"

#define DEVICES_MAX (DEVICE_RULES_MAX + 6)

/* One node, made or opened on the host before the clone. */
struct device_node {
	char name[64];		/* below /dev: "null", "net/tun" */
	int mount;		/* detached mount of the host's own node; or -EBADF, and it is on the shelf under the number */
	unsigned int number;
};

struct devices {
	struct device_node nodes[DEVICES_MAX];
	size_t count;
	int shelf;		/* detached tmpfs with nodes that belong to the container's root; -EBADF without such. Before Linux 6.15 only what is attached can be cloned, so it is the
				 * container side that takes the nodes from it. */
	struct device_rule rules[DEVICE_RULES_MAX];	/* for the device filter: those that not every container has */
	size_t rule_count;
};

/* owner is the host id of the container's root. BERTH_REFUSED for a device that the host does not have. Release with devices_close(), also after a failure. */
int devices_open(const struct container_config *config, uid_t owner, struct devices *ret, struct berth_error *err);
void devices_close(struct devices *devices);
