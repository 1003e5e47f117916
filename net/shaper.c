/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/shaper.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>
#include <time.h>

#include "config/value.h"

/* One handle for each kind: the kernel takes no other kind under one that is in use. */
#define CAKE_HANDLE 0xbd000000u
#define TBF_HANDLE 0xbe000000u
#define INNER_HANDLE 0xbf000000u

static struct nlmsghdr *begin(struct rtnl *rtnl, void *buffer, uint16_t type, uint16_t flags, int index, uint32_t parent, uint32_t handle)
{
	struct nlmsghdr *message = rtnl_begin(rtnl, buffer, type, flags);
	struct tcmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->tcm_family = AF_UNSPEC;
	info->tcm_ifindex = index;
	info->tcm_parent = parent;
	info->tcm_handle = handle;
	return message;
}

static int set_cake(struct rtnl *rtnl, int index, const char *name, uint64_t rate, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin(rtnl, buffer, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, CAKE_HANDLE);
	struct nlattr *options;

	mnl_attr_put_strz(message, TCA_KIND, "cake");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put_u64(message, TCA_CAKE_BASE_RATE64, rate / 8);
	/* What a guest writes into its packets gives it nothing. */
	mnl_attr_put_u32(message, TCA_CAKE_DIFFSERV_MODE, CAKE_DIFFSERV_BESTEFFORT);
	mnl_attr_nest_end(message, options);
	return rtnl_request(rtnl, message, err, "limit the rate of %s", name);
}

/* In the kernel's ticks: /proc/net/psched says how many there are in a microsecond; since 2.6.31 a tick is 64 ns. */
static uint32_t ticks_for(uint64_t bytes, uint64_t rate)
{
	uint64_t ticks = bytes * 8 * 1000000000 / rate / 64;

	return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static int set_tbf(struct rtnl *rtnl, int index, const char *name, uint64_t rate, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin(rtnl, buffer, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, TBF_HANDLE);
	uint64_t bytes = rate / 8, burst = bytes / 100 < 16384 ? 16384 : bytes / 100;	/* 10 ms' worth */
	struct tc_tbf_qopt tbf = { 0 };
	struct nlattr *options;

	/* 100 ms of queue behind it, for the plain one. */
	tbf.limit = (uint32_t)(burst + (bytes / 10 > 1u << 30 ? 1u << 30 : bytes / 10));
	tbf.rate.rate = bytes >= UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
	/* By the rate alone: no table of the kernel's old ways. */
	tbf.rate.linklayer = TC_LINKLAYER_ETHERNET;
	tbf.buffer = ticks_for(burst, rate);
	mnl_attr_put_strz(message, TCA_KIND, "tbf");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put(message, TCA_TBF_PARMS, sizeof(tbf), &tbf);
	mnl_attr_put_u32(message, TCA_TBF_BURST, (uint32_t)burst);
	if (bytes >= UINT32_MAX)
		mnl_attr_put_u64(message, TCA_TBF_RATE64, bytes);
	mnl_attr_nest_end(message, options);
	int r = rtnl_request(rtnl, message, err, "limit the rate of %s", name);
	if (r < 0)
		return r;
	/* One flow of the guest's does not keep its others waiting. A kernel without it has the plain queue. */
	struct berth_error ignored;
	message = begin(rtnl, buffer, RTM_NEWQDISC, NLM_F_CREATE, index, TC_H_MAKE(TBF_HANDLE, 1), INNER_HANDLE);
	mnl_attr_put_strz(message, TCA_KIND, "fq_codel");
	(void)rtnl_request(rtnl, message, &ignored, "queue fairly");
	return 0;
}

static int remove_qdisc(struct rtnl *rtnl, int index, uint32_t parent, const char *name, struct berth_error *err)
{
	char buffer[RTNL_BUFFER];
	int r = rtnl_request(rtnl, begin(rtnl, buffer, RTM_DELQDISC, 0, index, parent, 0), err, "lift the rate of %s", name);

	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

int shaper_set(struct rtnl *rtnl, int index, const char *name, uint64_t rate, struct berth_error *err)
{
	int r;

	if (rate == UNLIMITED)
		return remove_qdisc(rtnl, index, TC_H_ROOT, name, err);
	r = set_cake(rtnl, index, name, rate, err);
	if (r == -ENOENT)
		r = set_tbf(rtnl, index, name, rate, err);
	if (r == -ENOENT)
		return fail(err, BERTH_REFUSED, ENOTSUP, "net-rate cannot be enforced: this kernel has neither CAKE nor TBF (sch_cake, sch_tbf)");
	return r;
}

/* Everything: the one key, all zero, matches. cls_u32, for it is there where cls_matchall is not. */
int shaper_redirect(struct rtnl *rtnl, int index, const char *name, int ifb_index, struct berth_error *err)
{
	const struct tc_u32_sel selector = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	char match[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	struct tc_mirred redirect = { .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)ifb_index };
	char buffer[RTNL_BUFFER];
	struct nlmsghdr *message = begin(rtnl, buffer, RTM_NEWQDISC, NLM_F_CREATE, index, TC_H_INGRESS, TC_H_MAKE(TC_H_INGRESS, 0));
	struct nlattr *options, *actions, *action, *action_options;
	int r;

	memcpy(match, &selector, sizeof(selector));
	mnl_attr_put_strz(message, TCA_KIND, "ingress");
	r = rtnl_request(rtnl, message, err, "limit the rate of %s", name);
	if (r == -EEXIST || r == 0) {
		message = begin(rtnl, buffer, RTM_NEWTFILTER, NLM_F_CREATE, index, TC_H_MAKE(TC_H_INGRESS, 0), 0);
		((struct tcmsg *)mnl_nlmsg_get_payload(message))->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
		mnl_attr_put_strz(message, TCA_KIND, "u32");
		options = mnl_attr_nest_start(message, TCA_OPTIONS);
		mnl_attr_put(message, TCA_U32_SEL, sizeof(match), match);
		actions = mnl_attr_nest_start(message, TCA_U32_ACT);
		action = mnl_attr_nest_start(message, 1);
		mnl_attr_put_strz(message, TCA_ACT_KIND, "mirred");
		action_options = mnl_attr_nest_start(message, TCA_ACT_OPTIONS);
		mnl_attr_put(message, TCA_MIRRED_PARMS, sizeof(redirect), &redirect);
		mnl_attr_nest_end(message, action_options);
		mnl_attr_nest_end(message, action);
		mnl_attr_nest_end(message, actions);
		mnl_attr_nest_end(message, options);
		r = rtnl_request(rtnl, message, err, "send what %s receives by way of the IFB device", name);
	}
	if (r == -ENOENT)
		return fail(err, BERTH_REFUSED, ENOTSUP,
			    "net-rate-out cannot be enforced: this kernel lacks one of sch_ingress, cls_u32, act_mirred and ifb");
	return r;
}

int shaper_remove_redirect(struct rtnl *rtnl, int index, const char *name, struct berth_error *err)
{
	return remove_qdisc(rtnl, index, TC_H_INGRESS, name, err);
}
