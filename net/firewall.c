/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/firewall.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define TABLE "berth"
#define INTERFACES "ve-"	/* every container's veth starts with this */
#define BUFFER_SIZE (64 * 1024)

/* Type numbers of nft(8), so that "nft list table inet berth" shows the sets as what they are. */
#define TYPE_IFNAME 41u
#define TYPE_IPADDR 7u
#define TYPE_IP6ADDR 8u
#define CONCAT(a, b) ((a) << 6 | (b))

struct batch {
	struct mnl_nlmsg_batch *messages;
	char *buffer;
	uint32_t sequence;
	uint32_t count;		/* messages that are acknowledged */
};

static bool batch_begin(struct batch *batch)
{
	batch->buffer = malloc(BUFFER_SIZE * 2);	/* libmnl writes past the limit before it says "full" */
	batch->messages = batch->buffer ? mnl_nlmsg_batch_start(batch->buffer, BUFFER_SIZE) : NULL;
	batch->sequence = (uint32_t)time(NULL);
	batch->count = 0;
	if (!batch->messages)
		return false;
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch->messages), batch->sequence++);
	mnl_nlmsg_batch_next(batch->messages);
	return true;
}

static void batch_free(struct batch *batch)
{
	if (batch->messages)
		mnl_nlmsg_batch_stop(batch->messages);
	free(batch->buffer);
}

static struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags)
{
	batch->count++;
	return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch->messages), type, NFPROTO_INET,
				     (uint16_t)(NLM_F_ACK | flags), batch->sequence++);
}

static void batch_next(struct batch *batch)
{
	mnl_nlmsg_batch_next(batch->messages);
}

/* Sends the batch and takes one answer a message. Returns 0 or the first negative errno. */
static int batch_commit(struct batch *batch)
{
	char buffer[8192];
	uint32_t answered = 0;
	int result = 0;
	struct mnl_socket *socket;

	nftnl_batch_end(mnl_nlmsg_batch_current(batch->messages), batch->sequence++);
	mnl_nlmsg_batch_next(batch->messages);
	socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, mnl_nlmsg_batch_head(batch->messages), mnl_nlmsg_batch_size(batch->messages)) < 0)
		result = -errno;
	/* After an error in the batch the kernel may leave later answers out; the first error ends the wait. */
	while (result == 0 && answered < batch->count) {
		ssize_t got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			result = -errno;
			break;
		}
		for (int left = (int)got; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);

			if (answer->nlmsg_type != NLMSG_ERROR)
				continue;
			answered++;
			if (error->error && result == 0)
				result = error->error;
		}
	}
	mnl_socket_close(socket);
	return result;
}

/* --- the table's constant part ---------------------------------------------------------------------------------- */

static void add_table(struct batch *batch)
{
	struct nftnl_table *table = nftnl_table_alloc();

	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, TABLE);
	/* EXCL: whoever comes second gets EEXIST for the whole batch, and finds the table made by the first. */
	nftnl_table_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL), table);
	nftnl_table_free(table);
	batch_next(batch);
}

static void add_set(struct batch *batch, const char *name, uint32_t id, uint32_t type, uint32_t length)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, length);
	nftnl_set_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWSET, NLM_F_CREATE), set);
	nftnl_set_free(set);
	batch_next(batch);
}

static void add_chain(struct batch *batch, const char *name, const char *type, uint32_t hook, int32_t priority)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, type);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	nftnl_chain_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE), chain);
	nftnl_chain_free(chain);
	batch_next(batch);
}

static struct nftnl_rule *rule_begin(const char *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	return rule;
}

static void rule_end(struct batch *batch, struct nftnl_rule *rule)
{
	nftnl_rule_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), rule);
	nftnl_rule_free(rule);
	batch_next(batch);
}

static struct nftnl_expr *expression(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static void meta(struct nftnl_rule *rule, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *expr = expression(rule, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
}

static void compare(struct nftnl_rule *rule, uint32_t reg, uint32_t operation, const void *data, uint32_t length)
{
	struct nftnl_expr *expr = expression(rule, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, operation);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, length);
}

static void payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg)
{
	struct nftnl_expr *expr = expression(rule, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, length);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void lookup(struct nftnl_rule *rule, const char *set, uint32_t id, bool in)
{
	struct nftnl_expr *expr = expression(rule, "lookup");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, id);
	if (!in)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void counted_drop(struct nftnl_rule *rule)
{
	struct nftnl_expr *expr;

	expression(rule, "counter");
	expr = expression(rule, "immediate");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
}

/* iifname "ve-*" meta nfproto FAMILY */
static struct nftnl_rule *from_container(const char *chain, uint8_t family)
{
	struct nftnl_rule *rule = rule_begin(chain);

	meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	compare(rule, NFT_REG_1, NFT_CMP_EQ, INTERFACES, strlen(INTERFACES));
	meta(rule, NFT_META_NFPROTO, NFT_REG_3);
	compare(rule, NFT_REG_3, NFT_CMP_EQ, &family, 1);
	return rule;
}

enum { SET_SOURCE4 = 1, SET_SOURCE6, SET_NAT4, SET_NAT6 };

static void add_source_rules(struct batch *batch, const char *chain)
{
	static const uint8_t link_local_mask[16] = { 0xff, 0xc0 }, link_local[16] = { 0xfe, 0x80 }, zero[16];
	static const uint8_t icmp6 = IPPROTO_ICMPV6, forbidden[] = { 134 /* router advertisement */, 137 /* redirect */ };
	struct nftnl_rule *rule;
	struct nftnl_expr *expr;

	/* iifname . ip saddr != @source4: register 1 is 16 bytes, register 2 follows it, and the lookup reads both. */
	rule = from_container(chain, NFPROTO_IPV4);
	payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFT_REG_2);
	lookup(rule, "source4", SET_SOURCE4, false);
	counted_drop(rule);
	rule_end(batch, rule);

	/* Link-local sources stay: neighbour discovery with the gateway needs them, and they are never forwarded. */
	rule = from_container(chain, NFPROTO_IPV6);
	payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, NFT_REG_2);
	expr = expression(rule, "bitwise");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_2);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_3);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, 16);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, link_local_mask, 16);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, 16);
	compare(rule, NFT_REG_3, NFT_CMP_NEQ, link_local, 16);
	lookup(rule, "source6", SET_SOURCE6, false);
	counted_drop(rule);
	rule_end(batch, rule);

	/* A guest is never a router to its host. */
	for (size_t i = 0; i < ARRAY_LENGTH(forbidden); i++) {
		rule = from_container(chain, NFPROTO_IPV6);
		meta(rule, NFT_META_L4PROTO, NFT_REG_3);
		compare(rule, NFT_REG_3, NFT_CMP_EQ, &icmp6, 1);
		payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_3);
		compare(rule, NFT_REG_3, NFT_CMP_EQ, &forbidden[i], 1);
		counted_drop(rule);
		rule_end(batch, rule);
	}
}

/* oifname != "ve-*" saddr @natN masquerade */
static void add_nat_rule(struct batch *batch, const char *chain, uint8_t family)
{
	struct nftnl_rule *rule = rule_begin(chain);
	bool v4 = family == NFPROTO_IPV4;

	meta(rule, NFT_META_NFPROTO, NFT_REG_3);
	compare(rule, NFT_REG_3, NFT_CMP_EQ, &family, 1);
	meta(rule, NFT_META_OIFNAME, NFT_REG_1);
	compare(rule, NFT_REG_1, NFT_CMP_NEQ, INTERFACES, strlen(INTERFACES));
	payload(rule, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, v4 ? 4 : 16, NFT_REG_1);
	lookup(rule, v4 ? "nat4" : "nat6", v4 ? SET_NAT4 : SET_NAT6, true);
	expression(rule, "masq");
	rule_end(batch, rule);
}

bool firewall_present(void)
{
	char buffer[8192];
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct nftnl_table *table;
	struct nlmsghdr *message;
	bool present = false;
	ssize_t got;

	if (!socket)
		return false;
	message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, NFPROTO_INET, NLM_F_ACK, 1);
	table = nftnl_table_alloc();
	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, TABLE);
	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(socket, message, message->nlmsg_len) > 0) {
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		present = got > 0 && ((struct nlmsghdr *)buffer)->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE);
	}
	mnl_socket_close(socket);
	return present;
}

int firewall_ensure(struct berth_error *err)
{
	CLEAN(batch_free) struct batch batch = { 0 };
	int r;

	if (firewall_present())
		return 0;
	if (!batch_begin(&batch))
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	add_table(&batch);
	add_set(&batch, "source4", SET_SOURCE4, CONCAT(TYPE_IFNAME, TYPE_IPADDR), IFNAMSIZ + 4);
	add_set(&batch, "source6", SET_SOURCE6, CONCAT(TYPE_IFNAME, TYPE_IP6ADDR), IFNAMSIZ + 16);
	add_set(&batch, "nat4", SET_NAT4, TYPE_IPADDR, 4);
	add_set(&batch, "nat6", SET_NAT6, TYPE_IP6ADDR, 16);
	/* Before connection tracking (-200): a forged packet costs no entry there. */
	add_chain(&batch, "source", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
	add_source_rules(&batch, "source");
	add_chain(&batch, "nat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
	add_nat_rule(&batch, "nat", NFPROTO_IPV4);
	add_nat_rule(&batch, "nat", NFPROTO_IPV6);
	r = batch_commit(&batch);
	if (r < 0 && r != -EEXIST)
		return fail(err, BERTH_FAILED, -r, "cannot make the nftables table inet " TABLE ": %s", strerror(-r));
	return 0;
}

/* --- elements --------------------------------------------------------------------------------------------------------- */

static void put_elements(struct batch *batch, uint16_t type, uint16_t flags, const char *name, const char *interface,
			 const struct address_list *addresses, uint8_t family)
{
	struct nftnl_set *set = nftnl_set_alloc();
	uint32_t length = family == AF_INET ? 4 : 16, count = 0;

	nftnl_set_set_str(set, NFTNL_SET_TABLE, TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	for (uint32_t i = 0; i < addresses->count; i++) {
		char key[IFNAMSIZ + 16] = { 0 };
		uint32_t at = 0;
		struct nftnl_set_elem *element;

		if (addresses->at[i].family != family)
			continue;
		if (interface) {
			snprintf(key, IFNAMSIZ, "%s", interface);
			at = IFNAMSIZ;
		}
		memcpy(key + at, addresses->at[i].bytes, length);
		element = nftnl_set_elem_alloc();
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, at + length);
		nftnl_set_elem_add(set, element);
		count++;
	}
	if (count > 0) {
		nftnl_set_elems_nlmsg_build_payload(batch_message(batch, type, flags), set);
		batch_next(batch);
	}
	nftnl_set_free(set);
}

int firewall_add(const char *interface, const struct address_list *addresses, bool nat, struct berth_error *err)
{
	CLEAN(batch_free) struct batch batch = { 0 };
	int r;

	if (addresses->count == 0)
		return 0;
	if (!batch_begin(&batch))
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	put_elements(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "source4", interface, addresses, AF_INET);
	put_elements(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "source6", interface, addresses, AF_INET6);
	if (nat) {
		put_elements(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "nat4", NULL, addresses, AF_INET);
		put_elements(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "nat6", NULL, addresses, AF_INET6);
	}
	r = batch_commit(&batch);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot add the source addresses of %s to the nftables table inet " TABLE ": %s",
			    interface, strerror(-r));
	return 0;
}

static int remove_elements(const char *set, const char *interface, const struct address_list *addresses, uint8_t family)
{
	/* One missing element would undo a batch of many, so each goes alone. */
	for (uint32_t i = 0; i < addresses->count; i++) {
		struct address_list one = { .count = 1, .at = { addresses->at[i] } };
		CLEAN(batch_free) struct batch batch = { 0 };
		int r;

		if (addresses->at[i].family != family)
			continue;
		if (!batch_begin(&batch))
			return -ENOMEM;
		put_elements(&batch, NFT_MSG_DELSETELEM, 0, set, interface, &one, family);
		r = batch_commit(&batch);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

static int removed(int r, struct berth_error *err)
{
	return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot remove addresses from the nftables table inet " TABLE ": %s", strerror(-r)) : 0;
}

int firewall_remove_nat(const struct address_list *addresses, struct berth_error *err)
{
	int r = remove_elements("nat4", NULL, addresses, AF_INET);

	if (r == 0)
		r = remove_elements("nat6", NULL, addresses, AF_INET6);
	return removed(r, err);
}

int firewall_remove(const char *interface, const struct address_list *addresses, struct berth_error *err)
{
	int r = remove_elements("source4", interface, addresses, AF_INET);

	if (r == 0)
		r = remove_elements("source6", interface, addresses, AF_INET6);
	return r < 0 ? removed(r, err) : firewall_remove_nat(addresses, err);
}
