/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses, routes and neighbours, by rtnetlink. Setting what is there is fine, and so is removing what is not. */
#pragma once

#include "config/network_value.h"
#include "net/rtnl.h"

enum change { CHANGE_REMOVE, CHANGE_SET };

/* An address of the interface, with this prefix length; gateways of containers have link scope. */
int route_address(struct rtnl *rtnl, enum change change, int index, const struct address *address, uint8_t prefix, bool gateway,
		  struct berth_error *err);

struct route {
	const struct address *to;	/* NULL: the default; without a prefix length one host */
	const struct address *via;	/* NULL: on the link */
	const struct address *from;	/* preferred source, or NULL */
	uint8_t family;
	uint32_t table;			/* 0: the main one */
};
int route_change(struct rtnl *rtnl, enum change change, int index, const struct route *wanted, struct berth_error *err);

/* What comes from the address is looked up in the table (ip-rule(8)). */
int route_rule(struct rtnl *rtnl, enum change change, const struct address *from, uint32_t table, struct berth_error *err);

/* A neighbour that is never asked for: its MAC is known. */
int route_neighbour(struct rtnl *rtnl, enum change change, int index, const struct address *address, const struct mac *mac, struct berth_error *err);
/* An address that the interface answers for. */
int route_proxy(struct rtnl *rtnl, enum change change, int index, const struct address *address, struct berth_error *err);

/* Index of the interface that the default route of the family goes to, or a negative errno. */
int route_default_interface(struct rtnl *rtnl, uint8_t family);
