/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nftables by libnftnl, as far as it is not about what Berth filters: a batch that the kernel applies whole or not at all, and the
 * expressions that rules are made of. Which rules there are is ruleset.c's knowledge, which elements a container has firewall.c's.
 */
#pragma once

/* The kernel's headers give way to libc's of the same things, if those came first. */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct nft_batch {
	char *data;
	size_t used, size;
	uint32_t sequence;
	bool failed;		/* out of memory; told by the commit */
};

/* Free with nft_batch_free(), which also takes a zeroed one. */
void nft_batch_begin(struct nft_batch *batch);
void nft_batch_free(struct nft_batch *batch);

/* Starts a message; the one that builds it hands it to nft_batch_end_message(). NULL when out of memory. */
struct nlmsghdr *nft_batch_message(struct nft_batch *batch, uint8_t family, uint16_t type, uint16_t flags);
void nft_batch_end_message(struct nft_batch *batch, const struct nlmsghdr *message);

/* Sends the batch. Returns 0 or the first negative errno, *err then saying "cannot WHAT" and the kernel's words. */
int nft_batch_commit(struct nft_batch *batch, const char *what, struct berth_error *err);

/* --- rules. Registers: nft's 16-byte ones, or 4-byte ones where several make a key. ---------------------------------------- */

struct nft_rule {
	struct nftnl_rule *rule;
	uint8_t family;
};

struct nft_rule nft_rule_begin(uint8_t family, const char *table, const char *chain);
/* Adds it to the batch and frees it. */
void nft_rule_end(struct nft_batch *batch, struct nft_rule *rule);

void nft_meta(struct nft_rule *rule, uint32_t key, uint32_t reg);
void nft_payload(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg);
void nft_compare(struct nft_rule *rule, uint32_t reg, uint32_t operation, const void *data, uint32_t length);
/* A byte and a 16-bit number in network order. */
void nft_compare_byte(struct nft_rule *rule, uint32_t reg, uint32_t operation, uint8_t value);
void nft_compare_be16(struct nft_rule *rule, uint32_t reg, uint32_t operation, uint16_t value);
void nft_mask(struct nft_rule *rule, uint32_t reg, const void *mask, uint32_t length);
/* The packet's key, from NFT_REG_1 on, is in the set (or is not). An element with a limit or a counter is evaluated by it. */
void nft_lookup(struct nft_rule *rule, const char *set, bool in);
/* The same with a map: what it says is put into NFT_REG_1. */
void nft_map(struct nft_rule *rule, const char *set);
/* iifname or oifname begins with prefix, or does not. */
void nft_interface(struct nft_rule *rule, uint32_t key, const char *prefix, bool matches);
/* The first packet of a connection. "ct state new" would be every packet until there is an answer: of a stream that wants none, all. */
void nft_ct_first(struct nft_rule *rule);
/* What the routing tables say of the packet: flags and result as in linux/netfilter/nf_tables.h. */
void nft_fib(struct nft_rule *rule, uint32_t flags, uint32_t result, uint32_t reg);
void nft_count(struct nft_rule *rule);
void nft_verdict(struct nft_rule *rule, uint32_t verdict);
void nft_counted_drop(struct nft_rule *rule);
