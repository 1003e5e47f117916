/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/ruleset.h"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/netlink.h"

/* Counted up with every change of the rules: a running host's table is then told from this one's. nft list shows it. */
#define COMMENT "Berth's rules 1; made by berthctl recover --network"

/* nft(8)'s numbers of its types. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_ETHERADDR = 9, TYPE_ETHERTYPE = 10, TYPE_PROTOCOL = 12, TYPE_SERVICE = 13, TYPE_DEVGROUP = 35,
       TYPE_IFNAME = 41 };
#define HOST_ENDIAN 1
#define PAIR(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))

#define INET NFPROTO_INET
#define BRIDGE NFPROTO_BRIDGE

const struct firewall_set_row firewall_sets[SET_COUNT] = {
	/* Whose neighbour discovery the host listens to: what else asks would fill the table that all share. */
	[SET_NEIGHBOUR4] = { NFPROTO_ARP, "neighbour4", PAIR(TYPE_IFNAME, TYPE_IPADDR), IFNAMSIZ + 4, 0, 0, false },
	[SET_NEIGHBOUR6] = { INET, "neighbour6", PAIR(TYPE_IFNAME, TYPE_IP6ADDR), IFNAMSIZ + 16, 0, 0, false },
	/* Sources that leave the host with the host's own address. */
	[SET_NAT4] = { INET, "nat4", TYPE_IPADDR, 4, 0, 0, false },
	[SET_NAT6] = { INET, "nat6", TYPE_IP6ADDR, 16, 0, 0, false },
	[SET_HAIRPIN4] = { INET, "hairpin4", PAIR(TYPE_IPADDR, TYPE_IPADDR), 8, 0, 0, false },
	[SET_FORWARD4] = { INET, "forward4", PAIR(TYPE_PROTOCOL, TYPE_SERVICE), 8, PAIR(TYPE_IPADDR, TYPE_SERVICE), 8, false },
	/* By the group of the interface, which is the container's id: all interfaces of a container together. */
	[SET_CONNECTIONS] = { INET, "connections", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_CONNECTION_RATE] = { INET, "connection-rate", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_PACKETS_IN] = { INET, "packets-in", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_PACKETS_OUT] = { INET, "packets-out", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_SMTP] = { INET, "smtp", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_BLOCKED] = { INET, "blocked", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_IN_PUBLIC] = { INET, "in-public", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_IN_INTERNAL] = { INET, "in-internal", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_OUT_PUBLIC] = { INET, "out-public", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_OUT_INTERNAL] = { INET, "out-internal", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_BRIDGE_MAC] = { BRIDGE, "mac", PAIR(TYPE_IFNAME, TYPE_ETHERADDR), IFNAMSIZ + 8, 0, 0, false },
	[SET_BRIDGE_SOURCE4] = { BRIDGE, "source4", PAIR(TYPE_IFNAME, TYPE_IPADDR), IFNAMSIZ + 4, 0, 0, false },
	[SET_BRIDGE_SOURCE6] = { BRIDGE, "source6", PAIR(TYPE_IFNAME, TYPE_IP6ADDR), IFNAMSIZ + 16, 0, 0, false },
	[SET_BRIDGE_PACKETS_IN] = { BRIDGE, "packets-in", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_BRIDGE_PACKETS_OUT] = { BRIDGE, "packets-out", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_BRIDGE_SMTP] = { BRIDGE, "smtp", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_BRIDGE_BLOCKED] = { BRIDGE, "blocked", TYPE_DEVGROUP, 4, 0, 0, false },
	[SET_BRIDGE_IN_PUBLIC] = { BRIDGE, "in-public", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_BRIDGE_IN_INTERNAL] = { BRIDGE, "in-internal", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_BRIDGE_OUT_PUBLIC] = { BRIDGE, "out-public", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
	[SET_BRIDGE_OUT_INTERNAL] = { BRIDGE, "out-internal", PAIR(TYPE_DEVGROUP, TYPE_ETHERTYPE), 8, 0, 0, true },
};

/* --- tables, chains, sets ------------------------------------------------------------------------------------------------- */

static const uint8_t families[] = { INET, NFPROTO_ARP, BRIDGE };

static struct nftnl_table *table_of(uint8_t family)
{
	struct nftnl_table *table = nftnl_table_alloc();

	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, family);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, FIREWALL_TABLE);
	return table;
}

static void table_message(struct nft_batch *batch, uint8_t family, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = nft_batch_message(batch, family, type, flags);
	struct nftnl_udata_buf *comment = nftnl_udata_buf_alloc(128);
	struct nftnl_table *table = table_of(family);

	nftnl_udata_put_strz(comment, NFTNL_UDATA_TABLE_COMMENT, COMMENT);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_data(table, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(comment), nftnl_udata_buf_len(comment));
	if (message)
		nftnl_table_nlmsg_build_payload(message, table);
	nft_batch_end_message(batch, message);
	nftnl_udata_buf_free(comment);
	nftnl_table_free(table);
}

static void put_set(struct nft_batch *batch, enum firewall_set id)
{
	const struct firewall_set_row *row = &firewall_sets[id];
	struct nlmsghdr *message = nft_batch_message(batch, row->family, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_udata_buf *order = nftnl_udata_buf_alloc(32);
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, row->name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, row->family);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id + 1);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, row->key_type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, row->key_length);
	if (row->data_length) {
		nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, row->data_type);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, row->data_length);
	}
	if (row->counter)
		nftnl_set_add_expr(set, nftnl_expr_alloc("counter"));
	/* For nft(8), which shows the number: the kernel compares bytes. */
	nftnl_udata_put_u32(order, NFTNL_UDATA_SET_KEYBYTEORDER, HOST_ENDIAN);
	if (row->key_type == TYPE_DEVGROUP)
		nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(order), nftnl_udata_buf_len(order));
	if (message)
		nftnl_set_nlmsg_build_payload(message, set);
	nft_batch_end_message(batch, message);
	nftnl_udata_buf_free(order);
	nftnl_set_free(set);
}

static void put_chain(struct nft_batch *batch, uint8_t family, const char *name, const char *type, uint32_t hook, int32_t priority)
{
	struct nlmsghdr *message = nft_batch_message(batch, family, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nftnl_chain *chain = nftnl_chain_alloc();

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, FIREWALL_TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, family);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, type);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	if (message)
		nftnl_chain_nlmsg_build_payload(message, chain);
	nft_batch_end_message(batch, message);
	nftnl_chain_free(chain);
}

/* --- what rules are made of --------------------------------------------------------------------------------------------------- */

enum way { FROM_GUEST, TO_GUEST, FROM_GUEST_OUT, TO_GUEST_IN, GUEST_TO_GUEST };

/* A rule of packets that go this way. */
static struct nft_rule rule_of(uint8_t family, const char *chain, enum way way)
{
	struct nft_rule rule = nft_rule_begin(family, FIREWALL_TABLE, chain);

	if (way != TO_GUEST)
		nft_interface(&rule, NFT_META_IIFNAME, GUEST_INTERFACES, way != TO_GUEST_IN);
	if (way != FROM_GUEST)
		nft_interface(&rule, NFT_META_OIFNAME, GUEST_INTERFACES, way != FROM_GUEST_OUT);
	return rule;
}

/* Everything that is not a container's is none of this chain's business: the first rule of it. */
static void put_others_pass(struct nft_batch *batch, uint8_t family, const char *chain)
{
	struct nft_rule rule = nft_rule_begin(family, FIREWALL_TABLE, chain);

	nft_interface(&rule, NFT_META_IIFNAME, GUEST_INTERFACES, false);
	nft_verdict(&rule, NF_ACCEPT);
	nft_rule_end(batch, &rule);
}

static void match_family(struct nft_rule *rule, uint8_t family)
{
	/* In the bridge family the packet's family is the frame's type. */
	if (rule->family == INET) {
		nft_meta(rule, NFT_META_NFPROTO, NFT_REG_4);
		nft_compare_byte(rule, NFT_REG_4, NFT_CMP_EQ, family);
	} else {
		nft_meta(rule, NFT_META_PROTOCOL, NFT_REG_4);
		nft_compare_be16(rule, NFT_REG_4, NFT_CMP_EQ, family == NFPROTO_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	}
}

static void match_protocol(struct nft_rule *rule, uint8_t protocol)
{
	nft_meta(rule, NFT_META_L4PROTO, NFT_REG_4);
	nft_compare_byte(rule, NFT_REG_4, NFT_CMP_EQ, protocol);
}

static void match_icmp6(struct nft_rule *rule, uint8_t type)
{
	match_family(rule, NFPROTO_IPV6);
	match_protocol(rule, IPPROTO_ICMPV6);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_4);
	nft_compare_byte(rule, NFT_REG_4, NFT_CMP_EQ, type);
}

static void match_port(struct nft_rule *rule, uint8_t protocol, uint32_t offset, uint16_t port)
{
	match_protocol(rule, protocol);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2, NFT_REG_4);
	nft_compare_be16(rule, NFT_REG_4, NFT_CMP_EQ, port);
}

/* iifname and so many bytes of the packet behind it: registers follow each other, and the lookup reads both. */
static void key_with_interface(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t length)
{
	nft_meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	nft_payload(rule, base, offset, length, NFT_REG_2);
}

enum { ROUTER_ADVERTISEMENT = 134, NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERTISEMENT = 136, REDIRECT = 137, LISTENER_REPORT2 = 143 };

#define IP4_SOURCE 12
#define IP4_DESTINATION 16
#define IP6_LENGTH 4
#define IP6_NEXT_HEADER 6
#define IP6_SOURCE 8
#define SOURCE_PORT 0
#define DESTINATION_PORT 2

/* What no guest may be to anybody: a router, or a server of addresses. */
static void put_impostor_rules(struct nft_batch *batch, uint8_t family, const char *chain)
{
	static const uint8_t types[] = { ROUTER_ADVERTISEMENT, REDIRECT };
	static const uint16_t ports[] = { 67, 547 };
	struct nft_rule rule;

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		rule = rule_of(family, chain, FROM_GUEST);
		match_icmp6(&rule, types[i]);
		nft_counted_drop(&rule);
		nft_rule_end(batch, &rule);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(ports); i++) {
		rule = rule_of(family, chain, FROM_GUEST);
		match_port(&rule, IPPROTO_UDP, SOURCE_PORT, ports[i]);
		nft_counted_drop(&rule);
		nft_rule_end(batch, &rule);
	}
}

/* Before it has an address a host asks whether somebody has it, from "::". */
static void put_detection_rules(struct nft_batch *batch, uint8_t family, const char *chain)
{
	static const uint8_t types[] = { NEIGHBOUR_SOLICITATION, LISTENER_REPORT2 }, zero[16];

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		struct nft_rule rule = rule_of(family, chain, FROM_GUEST);

		match_icmp6(&rule, types[i]);
		nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 16, NFT_REG_4);
		nft_compare(&rule, NFT_REG_4, NFT_CMP_EQ, zero, sizeof(zero));
		nft_verdict(&rule, NF_ACCEPT);
		nft_rule_end(batch, &rule);
	}
}

/* The key of a container is its interfaces' group. */
static void put_drop_in_set(struct nft_batch *batch, uint8_t family, const char *chain, enum way way, uint32_t group, bool first, enum firewall_set set)
{
	struct nft_rule rule = rule_of(family, chain, way);

	if (first)
		nft_ct_first(&rule);
	nft_meta(&rule, group, NFT_REG_1);
	nft_lookup(&rule, firewall_sets[set].name, true);
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);
}

static void put_count(struct nft_batch *batch, uint8_t family, const char *chain, enum way way, uint32_t group, enum firewall_set set)
{
	struct nft_rule rule = rule_of(family, chain, way);

	nft_meta(&rule, group, NFT_REG32_00);
	nft_meta(&rule, NFT_META_PROTOCOL, NFT_REG32_01);
	nft_lookup(&rule, firewall_sets[set].name, true);
	nft_rule_end(batch, &rule);
}

/* --- table inet: routed containers ---------------------------------------------------------------------------------------------- */

/* Before connection tracking (-200): a forged packet costs no entry there. After defragmentation (-400), so no header hides in the
 * second fragment. What the host would not send to this interface does not come from it either: the routing table is the list. */
static void put_source_rules(struct nft_batch *batch)
{
	static const uint8_t guest[16] = GUEST_LINK_LOCAL, link_local_mask[16] = { 0xff, 0xc0 }, link_local[16] = { 0xfe, 0x80 };
	static const uint8_t discovery[] = { NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT };
	static const uint32_t missing;
	struct nft_rule rule;

	put_others_pass(batch, INET, "source");
	put_drop_in_set(batch, INET, "source", FROM_GUEST, NFT_META_IIFGROUP, false, SET_PACKETS_OUT);
	put_impostor_rules(batch, INET, "source");
	put_detection_rules(batch, INET, "source");

	for (size_t i = 0; i < ARRAY_LENGTH(discovery); i++) {
		rule = rule_of(INET, "source", FROM_GUEST);
		match_icmp6(&rule, discovery[i]);
		nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 16, NFT_REG_3);
		nft_compare(&rule, NFT_REG_3, NFT_CMP_NEQ, guest, sizeof(guest));
		key_with_interface(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 16);
		nft_lookup(&rule, firewall_sets[SET_NEIGHBOUR6].name, false);
		nft_counted_drop(&rule);
		nft_rule_end(batch, &rule);
	}
	rule = rule_of(INET, "source", FROM_GUEST);
	match_family(&rule, NFPROTO_IPV6);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 16, NFT_REG_3);
	nft_compare(&rule, NFT_REG_3, NFT_CMP_NEQ, guest, sizeof(guest));
	nft_mask(&rule, NFT_REG_3, link_local_mask, sizeof(link_local_mask));
	nft_compare(&rule, NFT_REG_3, NFT_CMP_EQ, link_local, sizeof(link_local));
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);

	rule = rule_of(INET, "source", FROM_GUEST);
	nft_fib(&rule, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT, NFT_FIB_RESULT_OIF, NFT_REG_4);
	nft_compare(&rule, NFT_REG_4, NFT_CMP_EQ, &missing, sizeof(missing));
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);
}

static void put_smtp_rule(struct nft_batch *batch, uint8_t family, const char *chain, enum firewall_set set)
{
	struct nft_rule rule = rule_of(family, chain, FROM_GUEST);

	match_port(&rule, IPPROTO_TCP, DESTINATION_PORT, 25);
	nft_meta(&rule, NFT_META_IIFGROUP, NFT_REG_1);
	nft_lookup(&rule, firewall_sets[set].name, false);
	nft_count(&rule);
	if (family == INET) {
		struct nftnl_expr *reject = nftnl_expr_alloc("reject");

		nftnl_expr_set_u32(reject, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
		nftnl_rule_add_expr(rule.rule, reject);
	} else {
		/* A bridge has no address to refuse from. */
		nft_verdict(&rule, NF_DROP);
	}
	nft_rule_end(batch, &rule);
}

static void put_forward_rules(struct nft_batch *batch)
{
	put_drop_in_set(batch, INET, "connections", FROM_GUEST, NFT_META_IIFGROUP, true, SET_CONNECTION_RATE);
	put_drop_in_set(batch, INET, "connections", FROM_GUEST, NFT_META_IIFGROUP, true, SET_CONNECTIONS);

	put_drop_in_set(batch, INET, "forward", FROM_GUEST_OUT, NFT_META_IIFGROUP, false, SET_BLOCKED);
	put_drop_in_set(batch, INET, "forward", TO_GUEST_IN, NFT_META_OIFGROUP, false, SET_BLOCKED);
	put_drop_in_set(batch, INET, "forward", TO_GUEST, NFT_META_OIFGROUP, false, SET_PACKETS_IN);
	put_drop_in_set(batch, INET, "forward", TO_GUEST, NFT_META_OIFGROUP, true, SET_CONNECTIONS);
	put_smtp_rule(batch, INET, "forward", SET_SMTP);
}

/* l4proto . dport of what goes to an address of the host, but not of its loopback: from there a guest could not answer. */
static void put_destination_rule(struct nft_batch *batch, const char *chain)
{
	static const uint32_t local = RTN_LOCAL;
	struct nft_rule rule = nft_rule_begin(INET, FIREWALL_TABLE, chain);
	struct nftnl_expr *nat;

	match_family(&rule, NFPROTO_IPV4);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP4_DESTINATION, 1, NFT_REG_4);
	nft_compare_byte(&rule, NFT_REG_4, NFT_CMP_NEQ, 127);
	nft_fib(&rule, NFTA_FIB_F_DADDR, NFT_FIB_RESULT_ADDRTYPE, NFT_REG_4);
	nft_compare(&rule, NFT_REG_4, NFT_CMP_EQ, &local, sizeof(local));
	nft_meta(&rule, NFT_META_L4PROTO, NFT_REG32_00);
	nft_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, DESTINATION_PORT, 2, NFT_REG32_01);
	nft_map(&rule, firewall_sets[SET_FORWARD4].name);
	nat = nftnl_expr_alloc("nat");
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG32_00);
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG32_01);
	nftnl_rule_add_expr(rule.rule, nat);
	nft_rule_end(batch, &rule);
}

static void put_masquerade_rules(struct nft_batch *batch)
{
	struct nft_rule rule;

	for (int i = 0; i < 2; i++) {
		rule = nft_rule_begin(INET, FIREWALL_TABLE, "source-nat");
		nft_interface(&rule, NFT_META_OIFNAME, GUEST_INTERFACES, false);
		match_family(&rule, i ? NFPROTO_IPV6 : NFPROTO_IPV4);
		nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, i ? IP6_SOURCE : IP4_SOURCE, i ? 16 : 4, NFT_REG_1);
		nft_lookup(&rule, firewall_sets[i ? SET_NAT6 : SET_NAT4].name, true);
		nftnl_rule_add_expr(rule.rule, nftnl_expr_alloc("masq"));
		nft_rule_end(batch, &rule);
	}
	/* A container that reaches itself by the host's address would see its own address come from outside. */
	rule = rule_of(INET, "source-nat", TO_GUEST);
	match_family(&rule, NFPROTO_IPV4);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP4_SOURCE, 4, NFT_REG32_00);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP4_DESTINATION, 4, NFT_REG32_01);
	nft_lookup(&rule, firewall_sets[SET_HAIRPIN4].name, true);
	nftnl_rule_add_expr(rule.rule, nftnl_expr_alloc("masq"));
	nft_rule_end(batch, &rule);
}

static void put_inet(struct nft_batch *batch)
{
	put_chain(batch, INET, "source", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
	put_source_rules(batch);
	put_chain(batch, INET, "connections", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE);
	put_chain(batch, INET, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER);
	put_forward_rules(batch);
	put_chain(batch, INET, "destination-nat", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
	put_destination_rule(batch, "destination-nat");
	put_chain(batch, INET, "own-destination-nat", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
	put_destination_rule(batch, "own-destination-nat");
	put_chain(batch, INET, "source-nat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
	put_masquerade_rules(batch);
	/* Behind all filters, also the host's own: what they drop is not counted. */
	put_chain(batch, INET, "count-forward", "filter", NF_INET_FORWARD, NF_IP_PRI_LAST - 1);
	put_count(batch, INET, "count-forward", FROM_GUEST_OUT, NFT_META_IIFGROUP, SET_OUT_PUBLIC);
	put_count(batch, INET, "count-forward", TO_GUEST_IN, NFT_META_OIFGROUP, SET_IN_PUBLIC);
	put_count(batch, INET, "count-forward", GUEST_TO_GUEST, NFT_META_IIFGROUP, SET_OUT_INTERNAL);
	put_count(batch, INET, "count-forward", GUEST_TO_GUEST, NFT_META_OIFGROUP, SET_IN_INTERNAL);
	put_chain(batch, INET, "count-in", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_LAST - 1);
	put_count(batch, INET, "count-in", FROM_GUEST, NFT_META_IIFGROUP, SET_OUT_INTERNAL);
	put_chain(batch, INET, "count-out", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_LAST - 1);
	put_count(batch, INET, "count-out", TO_GUEST, NFT_META_OIFGROUP, SET_IN_INTERNAL);
}

/* --- table arp: routed containers ------------------------------------------------------------------------------------------------ */

static void put_arp(struct nft_batch *batch)
{
	struct nft_rule rule;

	put_chain(batch, NFPROTO_ARP, "source", "filter", NF_ARP_IN, 0);
	rule = rule_of(NFPROTO_ARP, "source", FROM_GUEST);
	key_with_interface(&rule, NFT_PAYLOAD_NETWORK_HEADER, 14, 4);	/* the sender's address */
	nft_lookup(&rule, firewall_sets[SET_NEIGHBOUR4].name, false);
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);
}

/* --- table bridge: containers on a bridge ------------------------------------------------------------------------------------------- */

static struct nft_rule frame_rule(uint16_t type)
{
	struct nft_rule rule = rule_of(BRIDGE, "source", FROM_GUEST);

	nft_payload(&rule, NFT_PAYLOAD_LL_HEADER, 12, 2, NFT_REG_4);
	nft_compare_be16(&rule, NFT_REG_4, NFT_CMP_EQ, type);
	return rule;
}

static void end_unless_in(struct nft_batch *batch, struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t length, enum firewall_set set)
{
	key_with_interface(rule, base, offset, length);
	nft_lookup(rule, firewall_sets[set].name, false);
	nft_counted_drop(rule);
	nft_rule_end(batch, rule);
}

/* Who says where an address is says so of his own. Neighbour discovery comes plain: a header or a fragment before it would hide what
 * it says, and an option before the address another address (RFC 6980 forbids the one, nobody sends the other). */
static void put_bridge_discovery_rules(struct nft_batch *batch)
{
	static const uint8_t types[] = { NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT };
	struct nft_rule rule;

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		rule = frame_rule(ETHERTYPE_IPV6);
		match_icmp6(&rule, types[i]);
		nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_NEXT_HEADER, 1, NFT_REG_4);
		nft_compare_byte(&rule, NFT_REG_4, NFT_CMP_NEQ, IPPROTO_ICMPV6);
		nft_counted_drop(&rule);
		nft_rule_end(batch, &rule);
	}
	rule = frame_rule(ETHERTYPE_IPV6);
	match_protocol(&rule, IPPROTO_ICMPV6);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_NEXT_HEADER, 1, NFT_REG_4);
	nft_compare_byte(&rule, NFT_REG_4, NFT_CMP_EQ, IPPROTO_FRAGMENT);
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);

	rule = frame_rule(ETHERTYPE_IPV6);
	match_icmp6(&rule, NEIGHBOUR_ADVERTISEMENT);
	end_unless_in(batch, &rule, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, SET_BRIDGE_SOURCE6);	/* the target */
	rule = frame_rule(ETHERTYPE_IPV6);
	match_icmp6(&rule, NEIGHBOUR_ADVERTISEMENT);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_LENGTH, 2, NFT_REG_4);
	nft_compare_be16(&rule, NFT_REG_4, NFT_CMP_GT, 32);	/* itself and one option */
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);
	rule = frame_rule(ETHERTYPE_IPV6);
	match_icmp6(&rule, NEIGHBOUR_ADVERTISEMENT);
	nft_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 24, 1, NFT_REG_4);
	nft_compare_byte(&rule, NFT_REG_4, NFT_CMP_NEQ, 2);	/* the option is the target's link-layer address */
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);
	rule = frame_rule(ETHERTYPE_IPV6);
	match_icmp6(&rule, NEIGHBOUR_ADVERTISEMENT);
	end_unless_in(batch, &rule, NFT_PAYLOAD_TRANSPORT_HEADER, 26, 6, SET_BRIDGE_MAC);
}

/* There is no "established" before any of these: what has passed once may still be a lie. */
static void put_bridge_source_rules(struct nft_batch *batch)
{
	static const uint16_t types[] = { ETHERTYPE_IP, ETHERTYPE_IPV6, ETHERTYPE_ARP };
	static const uint32_t nobody;
	struct nft_rule rule;

	put_others_pass(batch, BRIDGE, "source");
	put_drop_in_set(batch, BRIDGE, "source", FROM_GUEST, NFT_META_IIFGROUP, false, SET_BRIDGE_PACKETS_OUT);
	put_drop_in_set(batch, BRIDGE, "source", FROM_GUEST, NFT_META_IIFGROUP, false, SET_BRIDGE_BLOCKED);
	rule = rule_of(BRIDGE, "source", FROM_GUEST);
	end_unless_in(batch, &rule, NFT_PAYLOAD_LL_HEADER, 6, 6, SET_BRIDGE_MAC);
	/* No VLAN tags of the guest's, no spanning tree, nothing that is not known. */
	rule = rule_of(BRIDGE, "source", FROM_GUEST);
	nft_payload(&rule, NFT_PAYLOAD_LL_HEADER, 12, 2, NFT_REG_4);
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		nft_compare_be16(&rule, NFT_REG_4, NFT_CMP_NEQ, types[i]);
	nft_counted_drop(&rule);
	nft_rule_end(batch, &rule);

	rule = frame_rule(ETHERTYPE_ARP);
	end_unless_in(batch, &rule, NFT_PAYLOAD_NETWORK_HEADER, 8, 6, SET_BRIDGE_MAC);	/* the sender, as ARP says it */
	rule = frame_rule(ETHERTYPE_ARP);
	/* From nobody: a question whether an address is free. */
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, 14, 4, NFT_REG_4);
	nft_compare(&rule, NFT_REG_4, NFT_CMP_NEQ, &nobody, sizeof(nobody));
	end_unless_in(batch, &rule, NFT_PAYLOAD_NETWORK_HEADER, 14, 4, SET_BRIDGE_SOURCE4);

	put_impostor_rules(batch, BRIDGE, "source");
	/* A DHCP client has no address yet. */
	rule = frame_rule(ETHERTYPE_IP);
	match_port(&rule, IPPROTO_UDP, DESTINATION_PORT, 67);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP4_SOURCE, 4, NFT_REG_4);
	nft_compare(&rule, NFT_REG_4, NFT_CMP_EQ, &nobody, sizeof(nobody));
	nft_verdict(&rule, NF_ACCEPT);
	nft_rule_end(batch, &rule);
	rule = frame_rule(ETHERTYPE_IP);
	end_unless_in(batch, &rule, NFT_PAYLOAD_NETWORK_HEADER, IP4_SOURCE, 4, SET_BRIDGE_SOURCE4);

	put_bridge_discovery_rules(batch);
	put_detection_rules(batch, BRIDGE, "source");
	rule = frame_rule(ETHERTYPE_IPV6);
	end_unless_in(batch, &rule, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 16, SET_BRIDGE_SOURCE6);
	put_smtp_rule(batch, BRIDGE, "source", SET_BRIDGE_SMTP);
}

static void put_bridge(struct nft_batch *batch)
{
	put_chain(batch, BRIDGE, "source", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED);
	put_bridge_source_rules(batch);
	put_chain(batch, BRIDGE, "forward", "filter", NF_BR_FORWARD, NF_BR_PRI_FILTER_BRIDGED);
	put_drop_in_set(batch, BRIDGE, "forward", TO_GUEST, NFT_META_OIFGROUP, false, SET_BRIDGE_BLOCKED);
	put_drop_in_set(batch, BRIDGE, "forward", TO_GUEST, NFT_META_OIFGROUP, false, SET_BRIDGE_PACKETS_IN);
	put_chain(batch, BRIDGE, "count-forward", "filter", NF_BR_FORWARD, NF_BR_PRI_LAST - 1);
	put_count(batch, BRIDGE, "count-forward", FROM_GUEST_OUT, NFT_META_IIFGROUP, SET_BRIDGE_OUT_PUBLIC);
	put_count(batch, BRIDGE, "count-forward", TO_GUEST_IN, NFT_META_OIFGROUP, SET_BRIDGE_IN_PUBLIC);
	put_count(batch, BRIDGE, "count-forward", GUEST_TO_GUEST, NFT_META_IIFGROUP, SET_BRIDGE_OUT_INTERNAL);
	put_count(batch, BRIDGE, "count-forward", GUEST_TO_GUEST, NFT_META_OIFGROUP, SET_BRIDGE_IN_INTERNAL);
	put_chain(batch, BRIDGE, "count-in", "filter", NF_BR_LOCAL_IN, NF_BR_PRI_LAST - 1);
	put_count(batch, BRIDGE, "count-in", FROM_GUEST, NFT_META_IIFGROUP, SET_BRIDGE_OUT_INTERNAL);
	put_chain(batch, BRIDGE, "count-out", "filter", NF_BR_LOCAL_OUT, NF_BR_PRI_LAST - 1);
	put_count(batch, BRIDGE, "count-out", TO_GUEST, NFT_META_OIFGROUP, SET_BRIDGE_IN_INTERNAL);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

void ruleset_put(struct nft_batch *batch, bool fresh)
{
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
		if (fresh) {
			/* Made, so that it can be deleted: a table that is not there would be ENOENT. */
			table_message(batch, families[i], NFT_MSG_NEWTABLE, NLM_F_CREATE);
			table_message(batch, families[i], NFT_MSG_DELTABLE, 0);
		}
		/* EXCL: whoever comes second gets EEXIST for the whole batch, and finds the tables made by the first. */
		table_message(batch, families[i], NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	}
	for (enum firewall_set set = 0; set < SET_COUNT; set++)
		put_set(batch, set);
	put_inet(batch);
	put_arp(batch);
	put_bridge(batch);
}

static int match_comment(const struct nftnl_udata *attribute, void *data)
{
	if (nftnl_udata_type(attribute) == NFTNL_UDATA_TABLE_COMMENT && nftnl_udata_len(attribute) == sizeof(COMMENT) &&
	    !memcmp(nftnl_udata_get(attribute), COMMENT, sizeof(COMMENT)))
		*(bool *)data = true;
	return 0;
}

static bool look_at_table(struct mnl_socket *socket, uint8_t family, bool *ret_current, uint64_t *ret_handle)
{
	char buffer[8192];
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, family, 0, 1);
	struct nftnl_table *table = table_of(family);
	bool present;
	ssize_t got;

	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 || (got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer))) <= 0)
		return false;
	message = (struct nlmsghdr *)buffer;
	table = nftnl_table_alloc();
	*ret_current = false;
	present = mnl_nlmsg_ok(message, (int)got) && message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) &&
		  nftnl_table_nlmsg_parse(message, table) == 0;
	if (present) {
		uint32_t length = 0;
		const void *userdata = nftnl_table_get_data(table, NFTNL_TABLE_USERDATA, &length);

		/* An attribute in it may say that it is longer than all of it: what it reaches to is ours too. */
		char copy[2 * NFT_USERDATA_MAXLEN + 2] = { 0 };

		if (userdata && length <= NFT_USERDATA_MAXLEN) {
			memcpy(copy, userdata, length);
			(void)nftnl_udata_parse(copy, length, match_comment, ret_current);
		}
		*ret_handle = nftnl_table_get_u64(table, NFTNL_TABLE_HANDLE);
	}
	nftnl_table_free(table);
	return present;
}

void ruleset_look(struct ruleset_found *ret)
{
	struct berth_error ignored;
	struct mnl_socket *socket = netlink_open(-1, NETLINK_NETFILTER, &ignored);

	*ret = (struct ruleset_found){ .present = socket, .current = socket };
	for (size_t i = ARRAY_LENGTH(families); socket && ret->present && i > 0; i--) {
		bool current;

		/* inet, the first, is looked at last: it is its handle that is told. */
		ret->present = look_at_table(socket, families[i - 1], &current, &ret->handle);
		ret->current = ret->present && ret->current && current;
	}
	if (socket)
		mnl_socket_close(socket);
}
