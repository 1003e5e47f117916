/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/interface.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void put_name(const char *prefix, uint64_t id, uint32_t nic, char name[static IFNAMSIZ])
{
	unsigned int number = (unsigned int)(id & 0xffffff);

	if (nic == 0)
		snprintf(name, IFNAMSIZ, "%s-%u", prefix, number);
	else
		snprintf(name, IFNAMSIZ, "%s-%u-%u", prefix, number, nic % 100);
}

void interface_name(uint64_t id, uint32_t nic, char name[static IFNAMSIZ])
{
	put_name("ve", id, nic, name);
}

void interface_shaper_name(uint64_t id, uint32_t nic, char name[static IFNAMSIZ])
{
	put_name("vi", id, nic, name);
}

const char *interface_inside(const struct nic *nic)
{
	return nic->name[0] ? nic->name : "eth0";
}

uint32_t interface_group(const struct container_config *config)
{
	return (uint32_t)config->id + 1;
}

struct mac interface_mac(const struct container_config *config, uint32_t nic)
{
	const struct nic *configured = config_nic(config, nic);
	struct mac mac = configured->mac;
	uint64_t hash = UINT64_C(14695981039346656037);	/* FNV-1a: spreads, and protects nothing */

	if (mac.bytes[0] | mac.bytes[1] | mac.bytes[2] | mac.bytes[3] | mac.bytes[4] | mac.bytes[5])
		return mac;
	for (const char *p = config->uuid; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	/* Locally administered, unicast. */
	mac.bytes[0] = 0x02;
	for (int i = 1; i < 5; i++, hash >>= 8)
		mac.bytes[i] = (uint8_t)hash;
	mac.bytes[5] = (uint8_t)((hash & 0xf8) | (nic & 7));
	return mac;
}

struct mac interface_host_mac(const struct container_config *config, uint32_t nic)
{
	struct mac mac = { { 0xfe, 0x00, 0x00, 0x00, 0x00, 0x01 } };

	if (config_nic(config, nic)->mode != NET_BRIDGE)
		return mac;
	/* High, so that the bridge does not take it for its own. */
	mac = interface_mac(config, nic);
	mac.bytes[0] = 0xfe;
	return mac;
}

struct address interface_link_local(const struct mac *mac)
{
	const uint8_t *b = mac->bytes;

	return (struct address){ AF_INET6, 0, { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, b[0] ^ 2, b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5] } };
}
