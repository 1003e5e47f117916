/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container's network, all of it: interfaces, addresses, routes, filters, rates. docs/network.md has the picture of a packet's way.
 *
 *   routed   host   ve-ID   169.254.0.1/32  fe80::1/64     routes: each address and prefix -> ve-ID
 *            guest  eth0    the addresses (/32, /128), fe80::2     routes: default -> 169.254.0.1 and fe80::1
 *   bridge   host   ve-ID   a port of the bridge, isolated, filtered
 *            guest  eth0    the addresses in their network          routes: default -> net-gateway
 *
 * The configuration handed in is all there is to know: names and MACs are derived from its id and uuid.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"

/* Whether there is anything but lo. */
bool network_exists(const struct container_config *config);

/* What the host must have for it: the bridge, the uplink. BERTH_REFUSED; changes nothing. */
int network_check(const struct container_config *config, struct berth_error *err);

/* Fills in what is left to Berth: the uplink. */
int network_resolve(struct container_config *config, struct berth_error *err);

/* Brings up lo in the container's namespace and the whole network. The filters are in the kernel before a link is up. Leftovers of a dead run
 * under the same names are replaced. alias is shown by "ip link". */
int network_up(const struct container_config *config, const char *alias, int netns_fd, struct berth_error *err);

/* Changes a running network from old to new. Can be repeated and run backwards; an interface whose kind or MAC changes is made anew. */
int network_change(const struct container_config *old, const struct container_config *new, const char *alias, int netns_fd, struct berth_error *err);

/* Puts back on the host's side what a stranger took away: routes, neighbours, rates, proxy entries; a lost interface is made anew. The firewall
 * is not its affair (firewall_rebuild()). */
int network_mend(const struct container_config *config, const char *alias, int netns_fd, struct berth_error *err);

/* Waits until the veths, which die with the container's namespace, are gone; removes them itself when that takes too long. Then the rest. Needs
 * no namespace; nothing there is fine. */
int network_down(const struct container_config *config, struct berth_error *err);
