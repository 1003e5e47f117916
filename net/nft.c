/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/nft.h"

#include <arpa/inet.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "net/netlink.h"

/* More than any one message takes. */
#define MESSAGE_MAX (16 * 1024)

/* --- batches ------------------------------------------------------------------------------------------------------------ */

static char *room(struct nft_batch *batch)
{
	if (batch->size - batch->used < MESSAGE_MAX && !batch->failed) {
		size_t size = batch->size ? batch->size * 2 : 4 * MESSAGE_MAX;
		char *data = realloc(batch->data, size);

		if (data) {
			batch->data = data;
			batch->size = size;
		}
		batch->failed = !data;
	}
	return batch->failed ? NULL : batch->data + batch->used;
}

void nft_batch_end_message(struct nft_batch *batch, const struct nlmsghdr *message)
{
	if (message)
		batch->used += MNL_ALIGN(message->nlmsg_len);
}

void nft_batch_begin(struct nft_batch *batch)
{
	char *at;

	*batch = (struct nft_batch){ .sequence = (uint32_t)time(NULL) };
	at = room(batch);
	if (at)
		nft_batch_end_message(batch, nftnl_batch_begin(at, batch->sequence++));
}

void nft_batch_free(struct nft_batch *batch)
{
	free(batch->data);
	batch->data = NULL;
}

struct nlmsghdr *nft_batch_message(struct nft_batch *batch, uint8_t family, uint16_t type, uint16_t flags)
{
	char *at = room(batch);

	return at ? nftnl_nlmsg_build_hdr(at, type, family, flags, batch->sequence++) : NULL;
}

/* Nothing is acknowledged but what went wrong, and all of it was read by the kernel when send returns: what there is to hear is in the
 * socket's queue by then. */
static int first_refusal(struct mnl_socket *socket, const char *what, struct berth_error *err)
{
	char buffer[16384];
	ssize_t got;

	while ((got = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;

		for (int left = (int)got; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
			const char *words;

			if (answer->nlmsg_type != NLMSG_ERROR || error->error == 0)
				continue;
			words = netlink_words(answer);
			return fail(err, BERTH_FAILED, -error->error, "cannot %s: nftables: %s%s%s", what, strerror(-error->error), words ? ": " : "",
				    words ? words : "");
		}
	}
	return got < 0 && errno != EAGAIN ? fail_errno(err, "cannot %s: nftables", what) : 0;
}

int nft_batch_commit(struct nft_batch *batch, const char *what, struct berth_error *err)
{
	char *at = room(batch);
	struct mnl_socket *socket;
	int size, r;

	if (!at)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	nft_batch_end_message(batch, nftnl_batch_end(at, batch->sequence++));
	socket = netlink_open(-1, NETLINK_NETFILTER, err);
	if (!socket)
		return -err->code;
	/* One send is one transaction, however many containers are in it. */
	size = (int)batch->used + 4096;
	if (batch->used > 100000)
		(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (mnl_socket_sendto(socket, batch->data, batch->used) < 0)
		r = fail_errno(err, "cannot %s: nftables", what);
	else
		r = first_refusal(socket, what, err);
	mnl_socket_close(socket);
	return r;
}

/* --- rules ----------------------------------------------------------------------------------------------------------------- */

struct nft_rule nft_rule_begin(uint8_t family, const char *table, const char *chain)
{
	struct nft_rule rule = { nftnl_rule_alloc(), family };

	nftnl_rule_set_str(rule.rule, NFTNL_RULE_TABLE, table);
	nftnl_rule_set_str(rule.rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(rule.rule, NFTNL_RULE_FAMILY, family);
	return rule;
}

void nft_rule_end(struct nft_batch *batch, struct nft_rule *rule)
{
	struct nlmsghdr *message = nft_batch_message(batch, rule->family, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	if (message)
		nftnl_rule_nlmsg_build_payload(message, rule->rule);
	nft_batch_end_message(batch, message);
	nftnl_rule_free(rule->rule);
}

static struct nftnl_expr *expression(struct nft_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule->rule, expr);
	return expr;
}

void nft_meta(struct nft_rule *rule, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *expr = expression(rule, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
}

void nft_payload(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg)
{
	struct nftnl_expr *expr = expression(rule, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, length);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void nft_compare(struct nft_rule *rule, uint32_t reg, uint32_t operation, const void *data, uint32_t length)
{
	struct nftnl_expr *expr = expression(rule, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, operation);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, length);
}

void nft_compare_byte(struct nft_rule *rule, uint32_t reg, uint32_t operation, uint8_t value)
{
	nft_compare(rule, reg, operation, &value, sizeof(value));
}

void nft_compare_be16(struct nft_rule *rule, uint32_t reg, uint32_t operation, uint16_t value)
{
	value = htons(value);
	nft_compare(rule, reg, operation, &value, sizeof(value));
}

void nft_mask(struct nft_rule *rule, uint32_t reg, const void *mask, uint32_t length)
{
	static const uint8_t zero[16];
	struct nftnl_expr *expr = expression(rule, "bitwise");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, length);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, length);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, length);
}

void nft_lookup(struct nft_rule *rule, const char *set, bool in)
{
	struct nftnl_expr *expr = expression(rule, "lookup");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	if (!in)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void nft_map(struct nft_rule *rule, const char *set)
{
	struct nftnl_expr *expr = expression(rule, "lookup");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
}

void nft_interface(struct nft_rule *rule, uint32_t key, const char *prefix, bool matches)
{
	nft_meta(rule, key, NFT_REG_4);
	nft_compare(rule, NFT_REG_4, matches ? NFT_CMP_EQ : NFT_CMP_NEQ, prefix, (uint32_t)strlen(prefix));
}

void nft_ct_first(struct nft_rule *rule)
{
	static const uint32_t confirmed = IPS_CONFIRMED, zero;
	struct nftnl_expr *expr = expression(rule, "ct");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, NFT_CT_STATUS);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, NFT_REG_4);
	nft_mask(rule, NFT_REG_4, &confirmed, sizeof(confirmed));
	nft_compare(rule, NFT_REG_4, NFT_CMP_EQ, &zero, sizeof(zero));
}

void nft_fib(struct nft_rule *rule, uint32_t flags, uint32_t result, uint32_t reg)
{
	struct nftnl_expr *expr = expression(rule, "fib");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_FLAGS, flags);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_RESULT, result);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_DREG, reg);
}

void nft_count(struct nft_rule *rule)
{
	(void)expression(rule, "counter");
}

void nft_verdict(struct nft_rule *rule, uint32_t verdict)
{
	struct nftnl_expr *expr = expression(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, verdict);
}

void nft_counted_drop(struct nft_rule *rule)
{
	nft_count(rule);
	nft_verdict(rule, NF_DROP);
}
