/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What rtnetlink and nftables share: a socket in a chosen network namespace, and the kernel's own words of a refusal. */
#pragma once

#include <libmnl/libmnl.h>

#include "base/error.h"

/* socket(2) in the network namespace of the fd, or in the caller's own for -1; the calling thread visits the other one only for
 * that call. Returns the fd or a negative errno. */
int socket_in_namespace(int netns_fd, int domain, int type, int protocol, struct berth_error *err);

/* A netlink socket of libmnl, bound, with extended acks; NULL with *err filled. */
struct mnl_socket *netlink_open(int netns_fd, int protocol, struct berth_error *err);

/* The text of the extended ack in an NLMSG_ERROR, or NULL. */
const char *netlink_words(const struct nlmsghdr *answer);
