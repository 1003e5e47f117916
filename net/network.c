/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/network.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "net/announce.h"
#include "net/firewall.h"
#include "net/forwarding.h"
#include "net/interface.h"
#include "net/link.h"
#include "net/route.h"
#include "net/ruleset.h"
#include "net/shaper.h"

#define OWN_TABLES 1000

static const struct address gateway4 = { AF_INET, 0, { 169, 254, 0, 1 } };
static const struct address gateway6 = { AF_INET6, 0, { 0xfe, 0x80, [15] = 1 } };
static const struct address guest6 = { AF_INET6, 0, GUEST_LINK_LOCAL };

/* One interface while it is worked at. */
struct wire {
	struct rtnl host, guest;
	const struct container_config *config;
	const struct nic *nic;
	uint32_t number;
	const char *alias;
	int netns_fd;
	char name[IFNAMSIZ];
	int host_index, guest_index;
	struct mac host_mac, guest_mac;
	bool host_only;			/* the guest's side is left as it is */
};

static void wire_close(struct wire *wire)
{
	rtnl_close(&wire->host);
	rtnl_close(&wire->guest);
}

static int wire_open(struct wire *wire, const char *alias, int netns_fd, struct berth_error *err)
{
	int r = rtnl_open(&wire->host, -1, err);

	wire->alias = alias;
	wire->netns_fd = netns_fd;
	return r < 0 ? r : rtnl_open(&wire->guest, netns_fd, err);
}

static void wire_take(struct wire *wire, const struct container_config *config, uint32_t number)
{
	wire->config = config;
	wire->number = number;
	wire->nic = config_nic(config, number);
	interface_name(config->id, number, wire->name);
	wire->host_mac = interface_host_mac(config, number);
	wire->guest_mac = interface_mac(config, number);
}

/* The guest's end is known by the host's: the guest may have given it another name. */
static int wire_find(struct wire *wire, struct berth_error *err)
{
	struct link_found host, guest;

	link_find(&wire->host, wire->name, &host);
	wire->host_index = host.index;
	if (host.index < 0)
		return fail(err, BERTH_FAILED, -host.index, "cannot find %s: %s; berthctl recover --network makes it anew", wire->name, strerror(-host.index));
	if (wire->host_only)
		return 0;
	link_look(&wire->guest, host.peer, &guest);
	wire->guest_index = guest.index;
	if (guest.index < 0 || guest.peer != host.index || strcmp(guest.kind, "veth") != 0)
		return fail(err, BERTH_FAILED, ENODEV, "%s is not in the container any more: it was moved elsewhere inside", interface_inside(wire->nic));
	return 0;
}

static int make_veth(struct wire *wire, struct berth_error *err)
{
	struct veth veth = {
		.host = wire->name, .guest = interface_inside(wire->nic), .host_mac = wire->host_mac, .guest_mac = wire->guest_mac,
		.mtu = (uint32_t)wire->nic->mtu, .group = interface_group(wire->config),
	};
	int r = link_make_veth(&wire->host, &veth, wire->netns_fd, err);

	if (r != -EEXIST)
		return r;
	/* The end of a dead run, whose namespace the kernel has not taken down yet. */
	r = link_delete(&wire->host, wire->name, err);
	return r < 0 ? r : link_make_veth(&wire->host, &veth, wire->netns_fd, err);
}

/* --- rates -------------------------------------------------------------------------------------------------------------------- */

static int remove_rate_out(struct wire *wire, struct berth_error *err)
{
	char ifb[IFNAMSIZ];
	int r = wire->host_index < 0 ? 0 : shaper_remove_redirect(&wire->host, wire->host_index, wire->name, err);

	interface_shaper_name(wire->config->id, wire->number, ifb);
	return r < 0 ? r : link_delete(&wire->host, ifb, err);
}

static int set_rate_out(struct wire *wire, uint64_t rate, struct berth_error *err)
{
	char ifb[IFNAMSIZ];
	int index, r = 0;

	interface_shaper_name(wire->config->id, wire->number, ifb);
	index = link_index(&wire->host, ifb);
	if (index < 0) {
		r = link_make_ifb(&wire->host, ifb, err);
		if (r == -EOPNOTSUPP)
			return fail(err, BERTH_REFUSED, ENOTSUP, "net-rate-out cannot be enforced: this kernel has no IFB devices (ifb)");
		index = r < 0 ? r : link_index(&wire->host, ifb);
		if (r == 0 && index < 0)
			r = fail(err, BERTH_FAILED, -index, "cannot find %s: %s", ifb, strerror(-index));
	}
	if (r == 0)
		r = shaper_set(&wire->host, index, ifb, rate, err);
	if (r == 0)
		r = link_up(&wire->host, index, ifb, err);
	return r < 0 ? r : shaper_redirect(&wire->host, wire->host_index, wire->name, index, err);
}

/* old NULL: nothing is known of what there is. */
static int set_rates(struct wire *wire, const struct nic *old, struct berth_error *err)
{
	const struct nic *nic = wire->nic;
	int r = 0;

	if (!old || old->rate_in != nic->rate_in)
		r = !old && nic->rate_in == UNLIMITED ? 0 : shaper_set(&wire->host, wire->host_index, wire->name, nic->rate_in, err);
	if (r < 0 || (old && old->rate_out == nic->rate_out))
		return r;
	if (nic->rate_out != UNLIMITED)
		return set_rate_out(wire, nic->rate_out, err);
	return old ? remove_rate_out(wire, err) : 0;
}

/* --- routed ----------------------------------------------------------------------------------------------------------------------- */

static int host_address(struct wire *wire, enum change change, const struct address *address, struct berth_error *err)
{
	struct route route = { .to = address, .family = address->family };
	int r = route_neighbour(&wire->host, change, wire->host_index, address, &wire->guest_mac, err);

	return r < 0 ? r : route_change(&wire->host, change, wire->host_index, &route, err);
}

/* The main table has the default route of the first interface; every other has a table for what comes from its addresses: the answer to what came
 * in there goes out there, where the filter expects it. */
static uint32_t own_table(const struct wire *wire)
{
	return wire->number == 0 ? 0 : OWN_TABLES + wire->number;
}

static int guest_address(struct wire *wire, enum change change, const struct address *address, uint8_t prefix, struct berth_error *err)
{
	int r;

	if (wire->host_only)
		return 0;
	r = route_address(&wire->guest, change, wire->guest_index, address, prefix, false, err);
	return r == 0 && own_table(wire) ? route_rule(&wire->guest, change, address, own_table(wire), err) : r;
}

/* A prefix goes to one address of the guest's, whose MAC is known: whoever scans it makes no neighbour entries. */
static int host_prefix(struct wire *wire, enum change change, const struct address *prefix, struct berth_error *err)
{
	struct route route = { .to = prefix, .family = prefix->family };

	route.via = prefix->family == AF_INET6 ? &guest6 : address_list_first(&wire->nic->addresses, AF_INET);
	if (change == CHANGE_REMOVE)
		route.via = NULL;
	return route.via || change == CHANGE_REMOVE ? route_change(&wire->host, change, wire->host_index, &route, err) : 0;
}

/* The gateway on the host's end, and the way to it inside, for one family. */
static int set_gateway(struct wire *wire, const struct address *gateway, struct berth_error *err)
{
	const struct address *first = address_list_first(&wire->nic->addresses, gateway->family);
	struct route route = { .via = gateway, .from = first, .family = gateway->family, .table = own_table(wire) };
	int r;

	if (!nic_has_family(wire->nic, gateway->family))
		return 0;
	r = route_address(&wire->host, CHANGE_SET, wire->host_index, gateway, gateway->family == AF_INET ? 32 : 64, true, err);
	if (r == 0 && gateway->family == AF_INET6)
		r = route_neighbour(&wire->host, CHANGE_SET, wire->host_index, &guest6, &wire->guest_mac, err);
	if (r < 0 || wire->host_only)
		return r;
	if (gateway->family == AF_INET6)
		r = route_address(&wire->guest, CHANGE_SET, wire->guest_index, &guest6, 64, true, err);
	if (r == 0)
		r = route_neighbour(&wire->guest, CHANGE_SET, wire->guest_index, gateway, &wire->host_mac, err);
	if (r == 0)
		r = route_change(&wire->guest, CHANGE_SET, wire->guest_index, &route, err);
	return r;
}

static int set_routed(struct wire *wire, const struct nic *old, struct berth_error *err)
{
	const struct nic *nic = wire->nic;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < nic->addresses.count; i++) {
		const struct address *address = &nic->addresses.at[i];

		r = guest_address(wire, CHANGE_SET, address, (uint8_t)(address_length(address) * 8), err);
		if (r == 0)
			r = host_address(wire, CHANGE_SET, address, err);
	}
	/* Prefixes that are not wanted any more, before addresses that they go to. */
	for (uint32_t i = 0; r == 0 && old && i < old->routes.count; i++)
		if (!address_list_has(&nic->routes, &old->routes.at[i]))
			r = host_prefix(wire, CHANGE_REMOVE, &old->routes.at[i], err);
	for (uint32_t i = 0; r == 0 && old && i < old->addresses.count; i++) {
		const struct address *address = &old->addresses.at[i];

		if (address_list_has(&nic->addresses, address))
			continue;
		r = guest_address(wire, CHANGE_REMOVE, address, (uint8_t)(address_length(address) * 8), err);
		if (r == 0)
			r = host_address(wire, CHANGE_REMOVE, address, err);
	}
	/* Last: removing the address that was the preferred source takes the default route along, and the prefixes' way may be another one. */
	if (r == 0)
		r = set_gateway(wire, &gateway4, err);
	if (r == 0)
		r = set_gateway(wire, &gateway6, err);
	for (uint32_t i = 0; r == 0 && i < nic->routes.count; i++)
		r = host_prefix(wire, CHANGE_SET, &nic->routes.at[i], err);
	return r;
}

/* --- on a bridge -------------------------------------------------------------------------------------------------------------------- */

static int set_bridged(struct wire *wire, const struct nic *old, struct berth_error *err)
{
	const struct nic *nic = wire->nic;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < nic->addresses.count; i++)
		r = guest_address(wire, CHANGE_SET, &nic->addresses.at[i], nic->addresses.at[i].prefix, err);
	for (uint32_t i = 0; r == 0 && old && i < old->addresses.count; i++)
		if (!address_list_has(&nic->addresses, &old->addresses.at[i]))
			r = guest_address(wire, CHANGE_REMOVE, &old->addresses.at[i], old->addresses.at[i].prefix, err);
	for (uint32_t i = 0; r == 0 && !wire->host_only && i < nic->gateways.count; i++) {
		struct route route = { .via = &nic->gateways.at[i], .family = nic->gateways.at[i].family, .table = own_table(wire) };

		r = route_change(&wire->guest, CHANGE_SET, wire->guest_index, &route, err);
	}
	if (r < 0 || wire->host_only)
		return r;
	return announce_addresses(wire->netns_fd, wire->guest_index, &wire->guest_mac, &nic->addresses, err);
}

/* --- one interface -------------------------------------------------------------------------------------------------------------------- */

static int set_addresses(struct wire *wire, const struct nic *old, struct berth_error *err)
{
	return wire->nic->mode == NET_BRIDGE ? set_bridged(wire, old, err) : set_routed(wire, old, err);
}

/* fe80::1 and fe80::2 are the only ones of a routed veth, and a port has none on the host's side. A kernel or an MTU without IPv6 has none anyway. */
static int keep_link_local(struct wire *wire, struct berth_error *err)
{
	int r = link_generate_no_addresses(&wire->host, wire->host_index, err);

	if (r == 0 && wire->nic->mode == NET_ROUTED)
		r = link_generate_no_addresses(&wire->guest, wire->guest_index, err);
	return nic_has_family(wire->nic, AF_INET6) ? r : 0;
}

static int nic_up(struct wire *wire, struct berth_error *err)
{
	const struct nic *nic = wire->nic;
	int r = make_veth(wire, err);

	if (r == 0)
		r = wire_find(wire, err);
	if (r == 0)
		r = link_set_alias(&wire->host, wire->host_index, wire->alias, err);
	if (r == 0)
		r = keep_link_local(wire, err);
	if (r == 0)
		r = forwarding_harden(wire->name, err);
	if (r == 0 && nic->mode == NET_BRIDGE)
		r = link_make_port(&wire->host, wire->host_index, nic->bridge, &wire->guest_mac, (uint16_t)nic->vlan, err);
	if (r == 0)
		r = set_rates(wire, NULL, err);
	if (r == 0)
		r = link_up(&wire->host, wire->host_index, wire->name, err);
	if (r == 0)
		r = link_up(&wire->guest, wire->guest_index, interface_inside(nic), err);
	return r == 0 ? set_addresses(wire, NULL, err) : r;
}

/* The veth goes at once, by the host's hand: the namespace lives on. */
static int nic_down(struct wire *wire, struct berth_error *err)
{
	int r;

	wire->host_index = -1;
	r = link_delete(&wire->host, wire->name, err);
	/* Routes and addresses go with the interface, rules do not. */
	for (uint32_t i = 0; r == 0 && own_table(wire) && i < wire->nic->addresses.count; i++)
		r = route_rule(&wire->guest, CHANGE_REMOVE, &wire->nic->addresses.at[i], own_table(wire), err);
	return r == 0 ? remove_rate_out(wire, err) : r;
}

static bool same_kind(const struct container_config *a, const struct container_config *b, uint32_t number)
{
	const struct nic *one = config_nic(a, number), *other = config_nic(b, number);
	struct mac mac = interface_mac(a, number), other_mac = interface_mac(b, number);

	return one->mode == other->mode && one->vlan == other->vlan && !strcmp(one->bridge, other->bridge) &&
	       !strcmp(interface_inside(one), interface_inside(other)) && !memcmp(&mac, &other_mac, sizeof(mac));
}

static int nic_adjust(struct wire *wire, const struct nic *old, struct berth_error *err)
{
	const struct nic *nic = wire->nic;
	int r = wire_find(wire, err);

	if (r == 0 && old->mtu != nic->mtu) {
		r = link_set_mtu(&wire->host, wire->host_index, (uint32_t)nic->mtu, err);
		if (r == 0)
			r = link_set_mtu(&wire->guest, wire->guest_index, (uint32_t)nic->mtu, err);
	}
	if (r == 0)
		r = set_rates(wire, old, err);
	if (r < 0 || (!memcmp(&old->addresses, &nic->addresses, sizeof(nic->addresses)) && !memcmp(&old->routes, &nic->routes, sizeof(nic->routes)) &&
		      !memcmp(&old->gateways, &nic->gateways, sizeof(nic->gateways))))
		return r;
	return set_addresses(wire, old, err);
}

/* --- proxy entries ------------------------------------------------------------------------------------------------------------------------ */

static int change_proxies(struct rtnl *rtnl, enum change change, const struct container_config *config, const struct container_config *except,
			  struct berth_error *err)
{
	const struct address_list *list = &config->eth0.addresses;
	int index, r = 0;

	if (!config->net_proxy || !config->net_uplink[0])
		return 0;
	if (except && (!except->net_proxy || strcmp(except->net_uplink, config->net_uplink) != 0))
		except = NULL;
	index = link_index(rtnl, config->net_uplink);
	if (index < 0)
		return change == CHANGE_REMOVE ? 0 : fail(err, BERTH_REFUSED, -index, "net-uplink: there is no interface %s on this host", config->net_uplink);
	if (change == CHANGE_SET)
		r = forwarding_answer(config->net_uplink, err);
	for (uint32_t i = 0; r == 0 && i < list->count; i++)
		if (!except || !address_list_has(&except->eth0.addresses, &list->at[i]))
			r = route_proxy(rtnl, change, index, &list->at[i], err);
	return r;
}

/* The host answers for them on its uplink from now on; neighbours that knew them elsewhere are told. */
static int announce_proxies(struct rtnl *rtnl, const struct container_config *config, struct berth_error *err)
{
	struct link_found uplink;

	if (!config->net_proxy || !config->net_uplink[0])
		return 0;
	link_find(rtnl, config->net_uplink, &uplink);
	return uplink.index < 0 ? 0 : announce_addresses(-1, uplink.index, &uplink.mac, &config->eth0.addresses, err);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------------ */

static uint32_t nic_count(const struct container_config *config)
{
	return config->nics.count + 1;
}

bool network_exists(const struct container_config *config)
{
	for (uint32_t i = 0; i < nic_count(config); i++)
		if (nic_exists(config_nic(config, i)))
			return true;
	return false;
}

static bool is_made(const struct container_config *config, uint32_t number)
{
	return number < nic_count(config) && nic_exists(config_nic(config, number));
}

static int check_bridge(struct rtnl *rtnl, const struct nic *nic, struct berth_error *err)
{
	struct link_found found;

	if (nic->mode != NET_BRIDGE)
		return 0;
	link_find(rtnl, nic->bridge, &found);
	if (found.index < 0 || strcmp(found.kind, "bridge") != 0)
		return fail(err, BERTH_REFUSED, ENODEV, "net-bridge: %s is no bridge of this host; ip link add %s type bridge makes one", nic->bridge, nic->bridge);
	if (nic->vlan && !found.vlan_filtering)
		return fail(err, BERTH_REFUSED, EOPNOTSUPP,
			    "net-vlan: the bridge %s does not filter VLANs; ip link set %s type bridge vlan_filtering 1 makes it", nic->bridge, nic->bridge);
	return 0;
}

int network_check(const struct container_config *config, struct berth_error *err)
{
	CLEAN(rtnl_close) struct rtnl rtnl = { 0 };
	int r;

	if (!network_exists(config))
		return 0;
	r = rtnl_open(&rtnl, -1, err);
	for (uint32_t i = 0; r == 0 && i < nic_count(config); i++)
		r = check_bridge(&rtnl, config_nic(config, i), err);
	if (r == 0 && config->net_uplink[0] && link_index(&rtnl, config->net_uplink) < 0)
		r = fail(err, BERTH_REFUSED, ENODEV, "net-uplink: there is no interface %s on this host", config->net_uplink);
	return r;
}

int network_resolve(struct container_config *config, struct berth_error *err)
{
	CLEAN(rtnl_close) struct rtnl rtnl = { 0 };
	int index, r;

	if (!config->net_proxy || config->net_uplink[0] || config->eth0.addresses.count == 0)
		return 0;
	r = rtnl_open(&rtnl, -1, err);
	if (r < 0)
		return r;
	index = route_default_interface(&rtnl, config->eth0.addresses.at[0].family);
	if (index < 0 || !if_indextoname((unsigned int)index, config->net_uplink))
		return fail(err, BERTH_REFUSED, ENETUNREACH, "net-proxy: this host has no default route that would tell the uplink; give net-uplink");
	config->given[KEY_NET_UPLINK] = true;
	return 0;
}

static int enable_forwarding(const struct container_config *config, struct berth_error *err)
{
	bool ipv4 = false, ipv6 = false;
	const struct nic *nic;

	for (uint32_t i = 0; (nic = config_nic(config, i)); i++) {
		if (nic->mode != NET_ROUTED)
			continue;
		ipv4 = ipv4 || nic_has_family(nic, AF_INET);
		ipv6 = ipv6 || nic_has_family(nic, AF_INET6);
	}
	return forwarding_enable(ipv4, ipv6, err);
}

int network_up(const struct container_config *config, const char *alias, int netns_fd, struct berth_error *err)
{
	CLEAN(wire_close) struct wire wire = { .config = config };
	int r = wire_open(&wire, alias, netns_fd, err);

	if (r == 0)
		r = link_up(&wire.guest, 1, "lo in the container", err);	/* lo is index 1 of every namespace */
	if (r < 0 || !network_exists(config))
		return r;
	r = enable_forwarding(config, err);
	/* The filter first: from the moment the link is up the guest can send. */
	if (r == 0)
		r = firewall_ensure(err);
	if (r == 0)
		r = firewall_change(NULL, config, err);
	for (uint32_t i = 0; r == 0 && i < nic_count(config); i++) {
		wire_take(&wire, config, i);
		if (nic_exists(wire.nic))
			r = nic_up(&wire, err);
	}
	if (r == 0)
		r = change_proxies(&wire.host, CHANGE_SET, config, NULL, err);
	return r == 0 ? announce_proxies(&wire.host, config, err) : r;
}

static int change_nics(struct wire *wire, const struct container_config *old, const struct container_config *new, struct berth_error *err)
{
	uint32_t most = nic_count(old) > nic_count(new) ? nic_count(old) : nic_count(new);
	int r = 0;

	/* First what goes: its name inside may be another one's. */
	for (uint32_t i = 0; r == 0 && i < most; i++) {
		if (!is_made(old, i) || (is_made(new, i) && same_kind(old, new, i)))
			continue;
		wire_take(wire, old, i);
		r = nic_down(wire, err);
	}
	for (uint32_t i = 0; r == 0 && i < nic_count(new); i++) {
		if (!is_made(new, i))
			continue;
		wire_take(wire, new, i);
		r = is_made(old, i) && same_kind(old, new, i) ? nic_adjust(wire, config_nic(old, i), err) : nic_up(wire, err);
	}
	return r;
}

int network_change(const struct container_config *old, const struct container_config *new, const char *alias, int netns_fd, struct berth_error *err)
{
	CLEAN(wire_close) struct wire wire = { .config = new };
	int r = wire_open(&wire, alias, netns_fd, err);

	if (r == 0)
		r = enable_forwarding(new, err);
	if (r == 0 && network_exists(new))
		r = firewall_ensure(err);
	if (r == 0)
		r = firewall_change(old, network_exists(new) ? new : NULL, err);
	if (r == 0)
		r = change_nics(&wire, old, new, err);
	if (r == 0)
		r = change_proxies(&wire.host, CHANGE_SET, new, NULL, err);
	if (r == 0)
		r = change_proxies(&wire.host, CHANGE_REMOVE, old, new, err);
	return r;
}

int network_mend(const struct container_config *config, const char *alias, int netns_fd, struct berth_error *err)
{
	CLEAN(wire_close) struct wire wire = { .config = config };
	int r = wire_open(&wire, alias, netns_fd, err);

	if (r == 0)
		r = enable_forwarding(config, err);
	for (uint32_t i = 0; r == 0 && i < nic_count(config); i++) {
		wire_take(&wire, config, i);
		if (!nic_exists(wire.nic))
			continue;
		wire.host_only = true;
		if (wire_find(&wire, err) < 0) {
			wire.host_only = false;
			r = nic_up(&wire, err);
			continue;
		}
		if (wire.nic->mode == NET_BRIDGE)
			r = link_make_port(&wire.host, wire.host_index, wire.nic->bridge, &wire.guest_mac, (uint16_t)wire.nic->vlan, err);
		if (r == 0)
			r = set_rates(&wire, NULL, err);
		if (r == 0)
			r = link_up(&wire.host, wire.host_index, wire.name, err);
		if (r == 0)
			r = set_addresses(&wire, NULL, err);
	}
	return r == 0 ? change_proxies(&wire.host, CHANGE_SET, config, NULL, err) : r;
}

/* The namespace's end takes the veth along, some milliseconds later and for nothing; RTM_DELLINK waits for a grace period. So the wait is for
 * the former, the latter is for a namespace that something keeps alive. */
static int await_end(struct rtnl *rtnl, const char *name, int64_t deadline, struct berth_error *err)
{
	while (link_index(rtnl, name) >= 0) {
		if (deadline_left(deadline) == 0)
			return link_delete(rtnl, name, err);
		sleep_ms(1);
	}
	return 0;
}

int network_down(const struct container_config *config, struct berth_error *err)
{
	CLEAN(wire_close) struct wire wire = { .config = config };
	int64_t deadline = now_ms() + 50;
	int r;

	if (!network_exists(config))
		return 0;
	r = rtnl_open(&wire.host, -1, err);
	for (uint32_t i = 0; r == 0 && i < nic_count(config); i++) {
		wire_take(&wire, config, i);
		r = await_end(&wire.host, wire.name, deadline, err);
		wire.host_index = -1;
		if (r == 0 && wire.nic->rate_out != UNLIMITED)
			r = remove_rate_out(&wire, err);
	}
	if (r == 0)
		r = change_proxies(&wire.host, CHANGE_REMOVE, config, NULL, err);
	/* Only now: as long as the link was there, the filter was. */
	return r == 0 ? firewall_change(config, NULL, err) : r;
}
