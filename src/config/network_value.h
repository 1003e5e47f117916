/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The types of settings that are the network's: addresses, prefixes, rates, interfaces, ports. See value.h. */
#pragma once

#include "config/value.h"

/* An IPv4 (4 bytes used) or IPv6 address in network order, with or without a prefix length. */
struct address {
	uint8_t family;			/* AF_INET or AF_INET6; 0 is none */
	uint8_t prefix;			/* 0: none was given */
	uint8_t bytes[16];
};

#define ADDRESSES_MAX 64
struct address_list {
	uint32_t count;
	struct address at[ADDRESSES_MAX];
};

#define ADDRESS_TEXT_MAX 52
/* With "/prefix" when it has one. */
void address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX]);
/* Bytes of an address of its family: 4 or 16. */
size_t address_length(const struct address *address);
/* The same address; the prefix length does not matter. */
bool address_equal(const struct address *a, const struct address *b);
/* Whether the first prefix.prefix bits of address are prefix's. */
bool prefix_contains(const struct address *prefix, const struct address *address);
bool address_list_has(const struct address_list *list, const struct address *address);
/* The first of the family, or NULL. */
const struct address *address_list_first(const struct address_list *list, uint8_t family);
/* An address a container can be given: no prefix length, no loopback, multicast, link-local, unspecified.
 * On refusal writes what is accepted to why. */
bool address_parse_usable(const char *text, struct address *ret, char *why, size_t why_size);

struct mac { uint8_t bytes[6]; };	/* all zero: derived from the container's identity */

enum net_mode { NET_ROUTED, NET_BRIDGE, NET_NONE };

#define INTERFACE_NAME_MAX 16		/* IFNAMSIZ */

/* One network interface of a container, as it was asked for. */
struct nic {
	char name[INTERFACE_NAME_MAX];	/* inside; "" is eth0, the one that the plain keys describe */
	uint64_t mode;			/* enum net_mode */
	char bridge[INTERFACE_NAME_MAX];
	uint64_t vlan;			/* 0 is none */
	struct mac mac;
	uint64_t mtu;
	struct address_list addresses, routes, gateways;
	uint64_t rate_in, rate_out;	/* bits a second or UNLIMITED */
};

#define NICS_MAX 7			/* beside eth0 */
struct nic_list {
	uint32_t count;
	struct nic at[NICS_MAX];
};

/* Whether the interface is made at all: in routed mode only with something to route. */
bool nic_exists(const struct nic *nic);
bool nic_has_family(const struct nic *nic, uint8_t family);
/* Refuses what contradicts itself; why says it. */
bool nic_check(const struct nic *nic, char *why, size_t why_size);

enum { PORT_TCP = 1, PORT_UDP = 2 };

/* count ports of the host, from host on, are the container's, from guest on. */
struct port_forward {
	uint16_t host, guest, count;
	uint8_t protocols;		/* PORT_TCP | PORT_UDP */
};

#define PORT_FORWARDS_MAX 64
#define PORT_RANGE_MAX 1024
struct port_forward_list {
	uint32_t count;
	struct port_forward at[PORT_FORWARDS_MAX];
};

/* A block of the host's ports; first 0: not chosen yet; count 0: none. */
struct port_block {
	uint16_t first, count;
};

enum traffic_counted { COUNT_BOTH, COUNT_IN, COUNT_OUT };
enum traffic_action { QUOTA_WARN, QUOTA_THROTTLE, QUOTA_BLOCK };

extern const struct value_type type_ADDRESSES, type_INTERFACE_ADDRESSES, type_PREFIXES, type_BIT_RATE, type_NET_MODE, type_INTERFACE_NAME,
	type_VLAN, type_MAC, type_MTU, type_NICS, type_PORT_FORWARDS, type_PORT_BLOCK, type_DAY, type_TRAFFIC_COUNTED, type_TRAFFIC_ACTION;
