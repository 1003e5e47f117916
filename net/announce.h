/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells the neighbours where an address is now: gratuitous ARP (RFC 5227, 3), unsolicited neighbour advertisement (RFC 4861, 7.2.6). */
#pragma once

#include "base/error.h"
#include "config/network_value.h"

/* On the interface of the namespace netns_fd (-1: the caller's own), which has this MAC. */
int announce_addresses(int netns_fd, int index, const struct mac *mac, const struct address_list *addresses, struct berth_error *err);
