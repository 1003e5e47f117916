/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a container's interfaces are called and numbered: all derived from its identity, so that whoever comes later finds them. */
#pragma once

#include <net/if.h>

#include "config/config.h"

/* The host's end of a nic: ve-ID, ve-ID-1 and so on. */
void interface_name(uint64_t id, uint32_t nic, char name[static IFNAMSIZ]);
/* The IFB device through which goes what the container sends there: vi-ID, vi-ID-1. */
void interface_shaper_name(uint64_t id, uint32_t nic, char name[static IFNAMSIZ]);
/* The name inside. */
const char *interface_inside(const struct nic *nic);
/* The group of all of a container's interfaces. Never 0, which is everybody's. */
uint32_t interface_group(const struct container_config *config);

/* The MAC inside: as configured, or derived from the container's uuid, the same wherever it runs. */
struct mac interface_mac(const struct container_config *config, uint32_t nic);
/* The MAC of the host's end: of routed interfaces always the same one, so that a container's neighbour entry is right on every host. */
struct mac interface_host_mac(const struct container_config *config, uint32_t nic);
/* The IPv6 link-local address that goes with a MAC (RFC 4291, appendix A). */
struct address interface_link_local(const struct mac *mac);
