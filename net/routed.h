/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container's network in routed mode: a veth whose host end is called ve-ID, host routes to each address, and inside
 * an eth0 that has the addresses and an on-link gateway. No bridge, no MAC to police.
 *
 *   host   ve-ID   169.254.0.1/32  fe80::1/64     routes: each address -> ve-ID
 *   guest  eth0    the addresses (/32, /128)      routes: default -> 169.254.0.1 and fe80::1
 */
#pragma once

#include <net/if.h>

#include "base/error.h"
#include "config/value.h"

struct routed_network {
	char interface[IFNAMSIZ];		/* host end */
	const char *alias;			/* shown by "ip link": the container's name */
	const struct address_list *addresses;
	bool nat;
};

/* The host end's name for an id. */
void routed_interface_name(uint64_t id, char interface[static IFNAMSIZ]);

/* Brings up lo in the container's namespace and, when it has addresses, the whole network. The source filter is in the
 * kernel before the link is up. Leftovers of a dead run under the same name are replaced. */
int routed_network_up(const struct routed_network *network, int netns_fd, struct berth_error *err);

/* Changes a running network from old to new: addresses added first, then removed, then the filter narrowed. Undoes
 * itself on failure. Going from no address to some makes the veth. */
int routed_network_change(const struct routed_network *old, const struct routed_network *new, int netns_fd,
			  struct berth_error *err);

/* Takes the container's elements out of the firewall and waits until the veth, which dies with the container's
 * namespace, is gone; removes it itself when that takes too long. Needs no namespace; nothing there is fine. */
int routed_network_down(const struct routed_network *network, struct berth_error *err);
