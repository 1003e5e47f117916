/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The constant part of the firewall: three tables called berth (families inet, arp and bridge), whose chains and rules are the same however
 * many containers there are. A container is elements of their sets (firewall.h). docs/network.md has the picture of a packet's way.
 */
#pragma once

#include "net/nft.h"

#define FIREWALL_TABLE "berth"
#define GUEST_INTERFACES "ve-"		/* the host's end of every container's veth starts with this */
#define GUEST_LINK_LOCAL { 0xfe, 0x80, [15] = 2 }	/* of every routed container */

/* A set is in all tables whose family it names. */
enum firewall_set {
	SET_NEIGHBOUR4, SET_NEIGHBOUR6, SET_NAT4, SET_NAT6, SET_HAIRPIN4, SET_FORWARD4, SET_CONNECTIONS, SET_CONNECTION_RATE,
	SET_PACKETS_IN, SET_PACKETS_OUT, SET_SMTP, SET_BLOCKED, SET_IN_PUBLIC, SET_IN_INTERNAL, SET_OUT_PUBLIC, SET_OUT_INTERNAL,
	SET_BRIDGE_MAC, SET_BRIDGE_SOURCE4, SET_BRIDGE_SOURCE6,
	SET_BRIDGE_PACKETS_IN, SET_BRIDGE_PACKETS_OUT, SET_BRIDGE_SMTP, SET_BRIDGE_BLOCKED, SET_BRIDGE_IN_PUBLIC, SET_BRIDGE_IN_INTERNAL,
	SET_BRIDGE_OUT_PUBLIC, SET_BRIDGE_OUT_INTERNAL,
	SET_COUNT,
};

struct firewall_set_row {
	uint8_t family;
	const char *name;
	uint32_t key_type, key_length;	/* nft(8)'s number of the type, so that it shows the elements as what they are */
	uint32_t data_type, data_length;	/* of a map */
	bool counter;			/* each element counts packets and bytes */
};
extern const struct firewall_set_row firewall_sets[SET_COUNT];

/* Adds the three tables with all chains, rules and sets to the batch. With fresh, what was there before goes; without, somebody else's are
 * EEXIST for the whole batch. */
void ruleset_put(struct nft_batch *batch, bool fresh);

struct ruleset_found {
	bool present;		/* all three tables */
	bool current;		/* and made by a Berth whose rules are these */
	uint64_t handle;	/* of the inet table: another one each time it is made */
};
void ruleset_look(struct ruleset_found *ret);
