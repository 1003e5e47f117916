/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/route.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

static const char *const verbs[] = { [CHANGE_REMOVE] = "remove", [CHANGE_SET] = "set" };

static struct nlmsghdr *begin(struct rtnl *rtnl, void *buffer, enum change change, uint16_t new, uint16_t delete)
{
	return rtnl_begin(rtnl, buffer, change == CHANGE_SET ? new : delete, change == CHANGE_SET ? NLM_F_CREATE | NLM_F_REPLACE : 0);
}

/* The guest may have removed its part itself, or the kernel with the interface. */
static int settled(enum change change, int r)
{
	return change == CHANGE_REMOVE && (r == -ESRCH || r == -ENOENT || r == -EADDRNOTAVAIL || r == -ENODEV) ? 0 : r;
}

int route_address(struct rtnl *rtnl, enum change change, int index, const struct address *address, uint8_t prefix, bool gateway,
		  struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX];
	struct nlmsghdr *message = begin(rtnl, buffer, change, RTM_NEWADDR, RTM_DELADDR);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifa_family = address->family;
	info->ifa_prefixlen = prefix;
	info->ifa_index = (uint32_t)index;
	info->ifa_scope = gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	/* Berth knows that nobody else has it: duplicate detection would only make the address unusable for a second. */
	info->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	mnl_attr_put(message, IFA_LOCAL, address_length(address), address->bytes);
	mnl_attr_put(message, IFA_ADDRESS, address_length(address), address->bytes);
	address_format(address, text);
	return settled(change, rtnl_request(rtnl, message, err, "%s address %s", verbs[change], text));
}

int route_change(struct rtnl *rtnl, enum change change, int index, const struct route *wanted, struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX] = "default";
	struct nlmsghdr *message = begin(rtnl, buffer, change, RTM_NEWROUTE, RTM_DELROUTE);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

	route->rtm_family = wanted->family;
	route->rtm_table = wanted->table ? RT_TABLE_UNSPEC : RT_TABLE_MAIN;
	if (wanted->table)
		mnl_attr_put_u32(message, RTA_TABLE, wanted->table);
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	route->rtm_scope = wanted->via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (wanted->to) {
		const struct address *to = wanted->to;

		route->rtm_dst_len = (uint8_t)(to->prefix ? to->prefix : address_length(to) * 8);
		mnl_attr_put(message, RTA_DST, address_length(to), to->bytes);
		address_format(to, text);
	}
	if (wanted->via) {
		/* "On-link": the gateway is there although no prefix of ours contains it. */
		route->rtm_flags = RTNH_F_ONLINK;
		mnl_attr_put(message, RTA_GATEWAY, address_length(wanted->via), wanted->via->bytes);
	}
	if (wanted->from)
		mnl_attr_put(message, RTA_PREFSRC, address_length(wanted->from), wanted->from->bytes);
	mnl_attr_put_u32(message, RTA_OIF, (uint32_t)index);
	return settled(change, rtnl_request(rtnl, message, err, "%s route %s", verbs[change], text));
}

int route_rule(struct rtnl *rtnl, enum change change, const struct address *from, uint32_t table, struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, change == CHANGE_SET ? RTM_NEWRULE : RTM_DELRULE,
					      change == CHANGE_SET ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(message, sizeof(*rule));
	int r;

	rule->family = from->family;
	rule->src_len = (uint8_t)(address_length(from) * 8);
	rule->action = FR_ACT_TO_TBL;
	mnl_attr_put(message, FRA_SRC, address_length(from), from->bytes);
	mnl_attr_put_u32(message, FRA_TABLE, table);
	address_format(from, text);
	r = rtnl_request(rtnl, message, err, "%s the routing rule for %s", verbs[change], text);
	return r == -EEXIST ? 0 : settled(change, r);
}

static int neighbour(struct rtnl *rtnl, enum change change, int index, const struct address *address, const struct mac *mac, struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX];
	struct nlmsghdr *message = begin(rtnl, buffer, change, RTM_NEWNEIGH, RTM_DELNEIGH);
	struct ndmsg *entry = mnl_nlmsg_put_extra_header(message, sizeof(*entry));

	entry->ndm_family = address->family;
	entry->ndm_ifindex = index;
	entry->ndm_state = NUD_PERMANENT;
	entry->ndm_flags = mac ? 0 : NTF_PROXY;
	mnl_attr_put(message, NDA_DST, address_length(address), address->bytes);
	if (mac)
		mnl_attr_put(message, NDA_LLADDR, sizeof(*mac), mac);
	address_format(address, text);
	return settled(change, rtnl_request(rtnl, message, err, "%s %s %s", verbs[change], mac ? "neighbour" : "proxy entry", text));
}

int route_neighbour(struct rtnl *rtnl, enum change change, int index, const struct address *address, const struct mac *mac, struct berth_error *err)
{
	return neighbour(rtnl, change, index, address, mac, err);
}

int route_proxy(struct rtnl *rtnl, enum change change, int index, const struct address *address, struct berth_error *err)
{
	return neighbour(rtnl, change, index, address, NULL, err);
}

static int read_interface(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == RTA_OIF)
		*(int *)data = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static void read_route(const struct nlmsghdr *answer, void *data)
{
	(void)mnl_attr_parse(answer, sizeof(struct rtmsg), read_interface, data);
}

int route_default_interface(struct rtnl *rtnl, uint8_t family)
{
	/* Somewhere in the world: nothing is sent there. */
	static const struct address world4 = { AF_INET, 0, { 1, 0, 0, 1 } }, world6 = { AF_INET6, 0, { 0x20, 0x00, [15] = 1 } };
	const struct address *world = family == AF_INET ? &world4 : &world6;
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	int index = -ENETUNREACH, r;

	route->rtm_family = family;
	route->rtm_dst_len = (uint8_t)(address_length(world) * 8);
	mnl_attr_put(message, RTA_DST, address_length(world), world->bytes);
	r = rtnl_ask(rtnl, message, read_route, &index);
	return r < 0 ? r : index;
}
