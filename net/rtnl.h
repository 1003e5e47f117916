/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rtnetlink transport over libmnl: a socket in a chosen network namespace, one request and its answer, the kernel's
 * own words (extended ack) kept in errors. Which messages make a network is link.c's, address.c's and shaper.c's knowledge.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

#include "base/error.h"

struct rtnl {
	struct mnl_socket *socket;
	uint32_t sequence;
};

/* Opens a socket in the network namespace of the fd, or in the caller's own for -1. Close with rtnl_close(); a zeroed struct is
 * closed. */
int rtnl_open(struct rtnl *rtnl, int netns_fd, struct berth_error *err);
void rtnl_close(struct rtnl *rtnl);

/* Starts a request in buffer (of RTNL_BUFFER bytes) with NLM_F_REQUEST|NLM_F_ACK and flags. */
#define RTNL_BUFFER 1024
struct nlmsghdr *rtnl_begin(struct rtnl *rtnl, void *buffer, uint16_t type, uint16_t flags);

/* Sends it and waits for the acknowledgement. Returns 0 or a negative errno; says "cannot WHAT: ..." in *err. */
int rtnl_request(struct rtnl *rtnl, struct nlmsghdr *message, struct berth_error *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Sends it and hands each message of the answer to read. Returns 0 or a negative errno. */
typedef void (*rtnl_reader)(const struct nlmsghdr *answer, void *data);
int rtnl_ask(struct rtnl *rtnl, struct nlmsghdr *message, rtnl_reader read, void *data);
