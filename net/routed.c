/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/routed.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "net/firewall.h"
#include "net/forwarding.h"
#include "net/rtnl.h"

#define GUEST_INTERFACE "eth0"

static const struct address gateway4 = { AF_INET, { 169, 254, 0, 1 } };
static const struct address gateway6 = { AF_INET6, { 0xfe, 0x80, [15] = 1 } };

static size_t address_length(const struct address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

void routed_interface_name(uint64_t id, char interface[static IFNAMSIZ])
{
	snprintf(interface, IFNAMSIZ, "ve-%u", (unsigned int)(id & 0xffffff));
}

static bool has_family(const struct address_list *addresses, uint8_t family)
{
	for (uint32_t i = 0; i < addresses->count; i++)
		if (addresses->at[i].family == family)
			return true;
	return false;
}

static const struct address *first_of(const struct address_list *addresses, uint8_t family)
{
	for (uint32_t i = 0; i < addresses->count; i++)
		if (addresses->at[i].family == family)
			return &addresses->at[i];
	return NULL;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

static int link_index(struct rtnl *rtnl, const char *name)
{
	char buffer[RTNL_BUFFER], answer[16384];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	const struct nlmsghdr *reply = (const struct nlmsghdr *)answer;
	int index = -ENODEV;
	bool acknowledged = false;

	/* With NLM_F_ACK the acknowledgement follows the answer: both are read, or the next request would see it. */
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (!acknowledged) {
		ssize_t got = mnl_socket_recvfrom(rtnl->socket, answer, sizeof(answer));
		int left = (int)got;

		if (got < 0)
			return -errno;
		for (reply = (const struct nlmsghdr *)answer; mnl_nlmsg_ok(reply, left); reply = mnl_nlmsg_next(reply, &left)) {
			if (reply->nlmsg_seq != message->nlmsg_seq)
				continue;
			if (reply->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *error = mnl_nlmsg_get_payload(reply);

				acknowledged = true;
				if (error->error)
					index = error->error;
			} else {
				index = ((const struct ifinfomsg *)mnl_nlmsg_get_payload(reply))->ifi_index;
			}
		}
	}
	return index;
}

static int link_up(struct rtnl *rtnl, int index, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	return rtnl_request(rtnl, message, err, "set %s up", name);
}

static int link_delete(struct rtnl *rtnl, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_DELLINK, 0);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	int r = rtnl_request(rtnl, message, err, "delete %s", name);
	return r == -ENODEV ? 0 : r;
}

/* No address of the kernel's making on the host end: fe80::1 is the only one it has. */
static void put_no_address_generation(struct nlmsghdr *message)
{
	struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);

	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, spec);
}

/* The peer is born in the container's namespace: moving an interface later costs a grace period. */
static int veth_create(struct rtnl *rtnl, const struct routed_network *network, int netns_fd, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, network->interface);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, GUEST_INTERFACE);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return rtnl_request(rtnl, message, err, "make the veth %s", network->interface);
}

/* Not at its creation: the kernel takes a family's attributes only of a device that is there. */
static int link_configure(struct rtnl *rtnl, int index, const char *alias, bool ipv6, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = index;
	mnl_attr_put_strz(message, IFLA_IFALIAS, alias);
	if (ipv6)
		put_no_address_generation(message);
	return rtnl_request(rtnl, message, err, "configure the veth of %s", alias);
}

/* RTM_NEWADDR or RTM_DELADDR of one host address. */
static int address_request(struct rtnl *rtnl, uint16_t type, int index, const struct address *address, uint8_t prefix,
			   struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX];
	bool add = type == RTM_NEWADDR;
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, type, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifa_family = address->family;
	info->ifa_prefixlen = prefix;
	info->ifa_index = (uint32_t)index;
	info->ifa_scope = address_equal(address, &gateway4) || address_equal(address, &gateway6) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	/* There is nobody else on the wire: duplicate detection would only make the address unusable for a second. */
	info->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	mnl_attr_put(message, IFA_LOCAL, address_length(address), address->bytes);
	mnl_attr_put(message, IFA_ADDRESS, address_length(address), address->bytes);
	address_format(address, text);
	return rtnl_request(rtnl, message, err, "%s address %s", add ? "set" : "remove", text);
}

/* RTM_NEWROUTE or RTM_DELROUTE: to one host (the host side's) or the default by way of a gateway (the guest's). */
static int route_request(struct rtnl *rtnl, uint16_t type, int index, const struct address *to, const struct address *via,
			 const struct address *from, struct berth_error *err)
{
	char buffer[RTNL_BUFFER], text[ADDRESS_TEXT_MAX] = "default";
	bool add = type == RTM_NEWROUTE;
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, type, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

	route->rtm_family = to ? to->family : via->family;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	route->rtm_scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (to) {
		route->rtm_dst_len = (uint8_t)(address_length(to) * 8);
		mnl_attr_put(message, RTA_DST, address_length(to), to->bytes);
		address_format(to, text);
	}
	if (via) {
		/* "On-link": the gateway is there although no prefix of ours contains it. */
		route->rtm_flags = RTNH_F_ONLINK;
		mnl_attr_put(message, RTA_GATEWAY, address_length(via), via->bytes);
	}
	if (from)
		mnl_attr_put(message, RTA_PREFSRC, address_length(from), from->bytes);
	mnl_attr_put_u32(message, RTA_OIF, (uint32_t)index);
	return rtnl_request(rtnl, message, err, "%s route %s", add ? "set" : "remove", text);
}

/* --- both ends ----------------------------------------------------------------------------------------------------------- */

/* Gateway address on the host end and default route inside, for one family. */
static int family_up(struct rtnl *host, int host_index, struct rtnl *guest, int guest_index,
		     const struct address_list *addresses, const struct address *gateway, struct berth_error *err)
{
	const struct address *first = first_of(addresses, gateway->family);
	int r;

	if (!first)
		return 0;
	r = address_request(host, RTM_NEWADDR, host_index, gateway, gateway->family == AF_INET ? 32 : 64, err);
	return r < 0 ? r : route_request(guest, RTM_NEWROUTE, guest_index, NULL, gateway, first, err);
}

static int addresses_set(uint16_t address_type, uint16_t route_type, struct rtnl *host, int host_index, struct rtnl *guest,
			 int guest_index, const struct address_list *addresses, const struct address_list *except,
			 struct berth_error *err)
{
	bool add = address_type == RTM_NEWADDR;

	for (uint32_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->at[i];
		uint8_t prefix = (uint8_t)(address_length(address) * 8);
		int r;

		if (except && address_list_has(except, address))
			continue;
		r = address_request(guest, address_type, guest_index, address, prefix, err);
		/* The guest may have removed its address itself. */
		if (r < 0 && (add || r != -EADDRNOTAVAIL))
			return r;
		r = route_request(host, route_type, host_index, address, NULL, NULL, err);
		if (r < 0 && (add || r != -ESRCH))
			return r;
	}
	return 0;
}

struct ends {
	struct rtnl host, guest;
	int host_index, guest_index;
};

static void ends_close(struct ends *ends)
{
	rtnl_close(&ends->host);
	rtnl_close(&ends->guest);
}

static int ends_open(struct ends *ends, int netns_fd, struct berth_error *err)
{
	int r = rtnl_open(&ends->host, -1, err);

	return r < 0 ? r : rtnl_open(&ends->guest, netns_fd, err);
}

static int ends_find(struct ends *ends, const char *interface, struct berth_error *err)
{
	ends->host_index = link_index(&ends->host, interface);
	if (ends->host_index < 0)
		return fail(err, BERTH_FAILED, -ends->host_index, "cannot find %s: %s", interface, strerror(-ends->host_index));
	ends->guest_index = link_index(&ends->guest, GUEST_INTERFACE);
	if (ends->guest_index < 0)
		return fail(err, BERTH_FAILED, -ends->guest_index, "cannot find " GUEST_INTERFACE " in the container: %s",
			    strerror(-ends->guest_index));
	return 0;
}

static int veth_up(struct ends *ends, const struct routed_network *network, int netns_fd, struct berth_error *err)
{
	const struct address_list *addresses = network->addresses;
	int r;

	r = forwarding_enable(has_family(addresses, AF_INET), has_family(addresses, AF_INET6), err);
	/* The filter first: from the moment the link is up the guest can send. */
	if (r == 0)
		r = firewall_ensure(err);
	if (r == 0)
		r = firewall_add(network->interface, addresses, network->nat, err);
	if (r < 0)
		return r;
	r = veth_create(&ends->host, network, netns_fd, err);
	if (r == -EEXIST) {
		/* The end of a dead run, whose namespace the kernel has not taken down yet. */
		r = link_delete(&ends->host, network->interface, err);
		if (r == 0)
			r = veth_create(&ends->host, network, netns_fd, err);
	}
	if (r == 0)
		r = ends_find(ends, network->interface, err);
	if (r == 0)
		r = link_configure(&ends->host, ends->host_index, network->alias, has_family(addresses, AF_INET6), err);
	if (r == 0)
		r = forwarding_harden(network->interface, err);
	if (r == 0)
		r = link_up(&ends->host, ends->host_index, network->interface, err);
	if (r == 0)
		r = link_up(&ends->guest, ends->guest_index, GUEST_INTERFACE " in the container", err);
	if (r == 0)
		r = addresses_set(RTM_NEWADDR, RTM_NEWROUTE, &ends->host, ends->host_index, &ends->guest, ends->guest_index,
				  addresses, NULL, err);
	if (r == 0)
		r = family_up(&ends->host, ends->host_index, &ends->guest, ends->guest_index, addresses, &gateway4, err);
	if (r == 0)
		r = family_up(&ends->host, ends->host_index, &ends->guest, ends->guest_index, addresses, &gateway6, err);
	return r;
}

int routed_network_up(const struct routed_network *network, int netns_fd, struct berth_error *err)
{
	CLEAN(ends_close) struct ends ends = { 0 };
	int r = ends_open(&ends, netns_fd, err);

	if (r == 0)
		r = link_up(&ends.guest, 1, "lo in the container", err);	/* lo is index 1 of every namespace */
	if (r < 0 || network->addresses->count == 0)
		return r;
	return veth_up(&ends, network, netns_fd, err);
}

static int narrow_firewall(const struct routed_network *old, const struct routed_network *new, struct berth_error *err)
{
	struct address_list gone = { 0 };

	for (uint32_t i = 0; i < old->addresses->count; i++)
		if (!address_list_has(new->addresses, &old->addresses->at[i]))
			gone.at[gone.count++] = old->addresses->at[i];
	int r = firewall_remove(new->interface, &gone, err);
	if (r == 0 && old->nat && !new->nat)
		r = firewall_remove_nat(new->addresses, err);
	return r;
}

static int change(struct ends *ends, const struct routed_network *old, const struct routed_network *new,
		  struct berth_error *err)
{
	int r;

	r = forwarding_enable(has_family(new->addresses, AF_INET), has_family(new->addresses, AF_INET6), err);
	if (r == 0)
		r = firewall_ensure(err);
	if (r == 0)
		r = firewall_add(new->interface, new->addresses, new->nat, err);
	if (r == 0)
		r = ends_find(ends, new->interface, err);
	if (r == 0)
		r = addresses_set(RTM_NEWADDR, RTM_NEWROUTE, &ends->host, ends->host_index, &ends->guest, ends->guest_index,
				  new->addresses, old->addresses, err);
	if (r == 0)
		r = addresses_set(RTM_DELADDR, RTM_DELROUTE, &ends->host, ends->host_index, &ends->guest, ends->guest_index,
				  old->addresses, new->addresses, err);
	/* Last: removing the address that was the preferred source takes the default route along. */
	if (r == 0)
		r = family_up(&ends->host, ends->host_index, &ends->guest, ends->guest_index, new->addresses, &gateway4, err);
	if (r == 0)
		r = family_up(&ends->host, ends->host_index, &ends->guest, ends->guest_index, new->addresses, &gateway6, err);
	return r == 0 ? narrow_firewall(old, new, err) : r;
}

int routed_network_change(const struct routed_network *old, const struct routed_network *new, int netns_fd,
			  struct berth_error *err)
{
	CLEAN(ends_close) struct ends ends = { 0 };
	struct berth_error ignored;
	int r = ends_open(&ends, netns_fd, err);

	if (r < 0)
		return r;
	if (new->addresses->count == 0)
		return routed_network_down(old, err);
	if (old->addresses->count == 0) {
		r = veth_up(&ends, new, netns_fd, err);
		if (r < 0)
			(void)routed_network_down(new, &ignored);
		return r;
	}
	r = change(&ends, old, new, err);
	if (r < 0)
		(void)change(&ends, new, old, &ignored);
	return r;
}

int routed_network_down(const struct routed_network *network, struct berth_error *err)
{
	CLEAN(rtnl_close) struct rtnl rtnl = { 0 };
	int64_t deadline = now_ms() + 50;
	int r;

	r = rtnl_open(&rtnl, -1, err);
	if (r < 0)
		return r;
	/* The namespace's end takes the veth along, some milliseconds later and for nothing; RTM_DELLINK waits for a grace
	 * period. So the wait is for the former, the latter is for a namespace that something keeps alive. */
	while (link_index(&rtnl, network->interface) >= 0) {
		if (deadline_left(deadline) == 0) {
			r = link_delete(&rtnl, network->interface, err);
			if (r < 0)
				return r;
			break;
		}
		sleep_ms(1);
	}
	/* Only now: as long as the link was there, the filter was. */
	return firewall_remove(network->interface, network->addresses, err);
}
