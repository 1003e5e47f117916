/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* --- finding --------------------------------------------------------------------------------------------------------------- */

static int read_bridge_attribute(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_FILTERING)
		((struct link_found *)data)->vlan_filtering = mnl_attr_get_u8(attribute);
	return MNL_CB_OK;
}

static int read_kind(const struct nlattr *attribute, void *data)
{
	struct link_found *found = data;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		snprintf(found->kind, sizeof(found->kind), "%s", mnl_attr_get_str(attribute));
	/* The kind comes before its data. */
	else if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && !strcmp(found->kind, "bridge"))
		(void)mnl_attr_parse_nested(attribute, read_bridge_attribute, found);
	return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *data)
{
	struct link_found *found = data;

	if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == sizeof(found->mac))
		memcpy(&found->mac, mnl_attr_get_payload(attribute), sizeof(found->mac));
	else if (mnl_attr_get_type(attribute) == IFLA_LINK)
		found->peer = (int)mnl_attr_get_u32(attribute);
	else if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
		(void)mnl_attr_parse_nested(attribute, read_kind, found);
	return MNL_CB_OK;
}

static void read_link(const struct nlmsghdr *answer, void *data)
{
	struct link_found *found = data;

	if (answer->nlmsg_type != RTM_NEWLINK)
		return;
	found->index = ((const struct ifinfomsg *)mnl_nlmsg_get_payload(answer))->ifi_index;
	(void)mnl_attr_parse(answer, sizeof(struct ifinfomsg), read_attribute, found);
}

static void ask(struct rtnl *rtnl, int index, const char *name, struct link_found *ret)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	int r;

	info->ifi_index = index;
	if (name)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	/* Statistics are half of the answer, and nobody asked. */
	mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	*ret = (struct link_found){ .index = -ENODEV };
	r = rtnl_ask(rtnl, message, read_link, ret);
	if (r < 0)
		ret->index = r;
}

void link_find(struct rtnl *rtnl, const char *name, struct link_found *ret)
{
	ask(rtnl, 0, name, ret);
}

void link_look(struct rtnl *rtnl, int index, struct link_found *ret)
{
	ask(rtnl, index, NULL, ret);
}

int link_index(struct rtnl *rtnl, const char *name)
{
	struct link_found found;

	link_find(rtnl, name, &found);
	return found.index;
}

/* --- making and changing ------------------------------------------------------------------------------------------------------- */

int link_make_veth(struct rtnl *rtnl, const struct veth *veth, int netns_fd, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, veth->host);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(veth->host_mac), &veth->host_mac);
	mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
	mnl_attr_put_u32(message, IFLA_GROUP, veth->group);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, veth->guest);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(veth->guest_mac), &veth->guest_mac);
	mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return rtnl_request(rtnl, message, err, "make the veth %s", veth->host);
}

int link_make_ifb(struct rtnl *rtnl, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "ifb");
	mnl_attr_nest_end(message, info);
	return rtnl_request(rtnl, message, err, "make the IFB device %s", name);
}

/* A change of a link that is there. */
static struct nlmsghdr *begin_change(struct rtnl *rtnl, void *buffer, int index)
{
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = index;
	return message;
}

int link_set_alias(struct rtnl *rtnl, int index, const char *alias, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin_change(rtnl, buffer, index);

	mnl_attr_put_strz(message, IFLA_IFALIAS, alias);
	return rtnl_request(rtnl, message, err, "name the veth of %s", alias);
}

int link_generate_no_addresses(struct rtnl *rtnl, int index, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin_change(rtnl, buffer, index);
	struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);

	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, spec);
	return rtnl_request(rtnl, message, err, "switch off automatic IPv6 addresses");
}

int link_set_mtu(struct rtnl *rtnl, int index, uint32_t mtu, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin_change(rtnl, buffer, index);

	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return rtnl_request(rtnl, message, err, "set the MTU to %u", mtu);
}

int link_up(struct rtnl *rtnl, int index, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin_change(rtnl, buffer, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	info->ifi_flags = info->ifi_change = IFF_UP;
	return rtnl_request(rtnl, message, err, "set %s up", name);
}

int link_delete(struct rtnl *rtnl, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_DELLINK, 0);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	int r = rtnl_request(rtnl, message, err, "delete %s", name);
	return r == -ENODEV ? 0 : r;
}

/* --- ports of a bridge -------------------------------------------------------------------------------------------------------------- */

static int join(struct rtnl *rtnl, int index, const char *bridge, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message;
	struct link_found found;

	link_find(rtnl, bridge, &found);
	if (found.index < 0 || strcmp(found.kind, "bridge") != 0)
		return fail(err, BERTH_REFUSED, ENODEV, "net-bridge: there is no bridge %s on this host", bridge);
	message = begin_change(rtnl, buffer, index);
	mnl_attr_put_u32(message, IFLA_MASTER, (uint32_t)found.index);
	return rtnl_request(rtnl, message, err, "make the veth a port of %s", bridge);
}

static int set_flags(struct rtnl *rtnl, int index, const char *bridge, struct berth_error *err)
{
	static const struct { uint16_t flag; uint8_t on; } flags[] = {
		{ IFLA_BRPORT_LEARNING, 0 }, { IFLA_BRPORT_UNICAST_FLOOD, 0 }, { IFLA_BRPORT_ISOLATED, 1 }, { IFLA_BRPORT_GUARD, 1 },
		{ IFLA_BRPORT_PROTECT, 1 },
	};
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_SETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	struct nlattr *port;

	info->ifi_family = AF_BRIDGE;
	info->ifi_index = index;
	port = mnl_attr_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		mnl_attr_put_u8(message, flags[i].flag, flags[i].on);
	mnl_attr_nest_end(message, port);
	return rtnl_request(rtnl, message, err, "configure the port of %s", bridge);
}

/* RTM_SETLINK adds a VLAN to the port, RTM_DELLINK takes it away. */
static int change_vlan(struct rtnl *rtnl, uint16_t type, int index, uint16_t vlan, struct berth_error *err)
{
	struct bridge_vlan_info vlan_info = { .vid = vlan, .flags = type == RTM_SETLINK ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0 };
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, type, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	struct nlattr *spec;

	info->ifi_family = AF_BRIDGE;
	info->ifi_index = index;
	spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(vlan_info), &vlan_info);
	mnl_attr_nest_end(message, spec);
	return rtnl_request(rtnl, message, err, "%s VLAN %u", type == RTM_SETLINK ? "set" : "remove", vlan);
}

static int add_to_table(struct rtnl *rtnl, int index, const struct mac *mac, uint16_t vlan, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *entry = mnl_nlmsg_put_extra_header(message, sizeof(*entry));

	entry->ndm_family = AF_BRIDGE;
	entry->ndm_ifindex = index;
	entry->ndm_state = NUD_NOARP;	/* static: it does not age */
	entry->ndm_flags = NTF_MASTER;
	mnl_attr_put(message, NDA_LLADDR, sizeof(*mac), mac);
	if (vlan)
		mnl_attr_put_u16(message, NDA_VLAN, vlan);
	return rtnl_request(rtnl, message, err, "put the container's MAC into the bridge's table");
}

int link_make_port(struct rtnl *rtnl, int index, const char *bridge, const struct mac *mac, uint16_t vlan, struct berth_error *err)
{
	int r = join(rtnl, index, bridge, err);

	if (r == 0)
		r = set_flags(rtnl, index, bridge, err);
	if (r == 0 && vlan)
		r = change_vlan(rtnl, RTM_SETLINK, index, vlan, err);
	/* The VLAN that a bridge gives every new port by itself. */
	if (r == 0 && vlan > 1) {
		struct berth_error ignored;

		(void)change_vlan(rtnl, RTM_DELLINK, index, 1, &ignored);
	}
	return r == 0 ? add_to_table(rtnl, index, mac, vlan, err) : r;
}
