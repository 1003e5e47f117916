/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links, by rtnetlink: veths, IFB devices, ports of a bridge. */
#pragma once

#include "config/network_value.h"
#include "net/rtnl.h"

/* Its index, or a negative errno (-ENODEV). */
int link_index(struct rtnl *rtnl, const char *name);

struct link_found {
	int index;		/* or a negative errno */
	char kind[16];		/* "bridge", "veth"; "" of hardware */
	int peer;		/* of a veth: the index of the other end, in its namespace */
	struct mac mac;
	bool vlan_filtering;	/* of a bridge */
};
void link_find(struct rtnl *rtnl, const char *name, struct link_found *ret);
/* The same by index, whatever it is called now. */
void link_look(struct rtnl *rtnl, int index, struct link_found *ret);

struct veth {
	const char *host, *guest;	/* names of the ends */
	struct mac host_mac, guest_mac;
	uint32_t mtu, group;		/* the group is the host end's */
};
/* The guest's end is born in the namespace netns_fd: moving it there later costs a grace period. -EEXIST if the name is taken. */
int link_make_veth(struct rtnl *rtnl, const struct veth *veth, int netns_fd, struct berth_error *err);
int link_make_ifb(struct rtnl *rtnl, const char *name, struct berth_error *err);

int link_set_alias(struct rtnl *rtnl, int index, const char *alias, struct berth_error *err);
/* No IPv6 address of the kernel's own making. Not at its creation: the kernel takes a family's attributes only of a device that is there. */
int link_generate_no_addresses(struct rtnl *rtnl, int index, struct berth_error *err);
int link_set_mtu(struct rtnl *rtnl, int index, uint32_t mtu, struct berth_error *err);
int link_up(struct rtnl *rtnl, int index, const char *name, struct berth_error *err);
/* One that is not there is fine. */
int link_delete(struct rtnl *rtnl, const char *name, struct berth_error *err);

/* Makes it a port that can be trusted with a guest: isolated from its likes, that learns nothing, floods nothing unknown to the guest, takes no
 * spanning tree, and has this MAC in the bridge's table; in this VLAN, untagged, if it is not 0. */
int link_make_port(struct rtnl *rtnl, int index, const char *bridge, const struct mac *mac, uint16_t vlan, struct berth_error *err);
