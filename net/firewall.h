/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The nftables table "inet berth" of the host, by libnftnl. Its rules are the same however many containers there are;
 * a container is only elements of its sets:
 *
 *   set source4 { ifname . ipv4_addr }   what may come in through a container's veth
 *   set source6 { ifname . ipv6_addr }
 *   set nat4 { ipv4_addr }               sources that leave the host with the host's own address
 *   set nat6 { ipv6_addr }
 *
 * Every change is one batch, which the kernel applies whole or not at all.
 */
#pragma once

#include "base/error.h"
#include "config/value.h"

/* Makes the table with its rules unless it is there. */
int firewall_ensure(struct berth_error *err);

/* Lets these sources in through the interface, in one batch; nat says whether they are translated too. What is there
 * already is fine. */
int firewall_add(const char *interface, const struct address_list *addresses, bool nat, struct berth_error *err);

/* Takes them out again, and of the nat sets; what is not there is fine. */
int firewall_remove(const char *interface, const struct address_list *addresses, struct berth_error *err);

/* Takes them out of the nat sets alone. */
int firewall_remove_nat(const struct address_list *addresses, struct berth_error *err);

/* Whether the table is in the kernel. */
bool firewall_present(void);
