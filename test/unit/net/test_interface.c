/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "net/interface.h"
#include "tap.h"

int main(void)
{
	struct container_config config, other;
	struct address address;
	struct mac mac, again;
	char name[IFNAMSIZ], text[ADDRESS_TEXT_MAX];

	interface_name(16, 0, name);
	check(!strcmp(name, "ve-16"), "the host end is named after the id");
	interface_name(65000, 3, name);
	check(!strcmp(name, "ve-65000-3"), "and the number of the interface, if it is not the first");
	interface_name(UINT64_MAX, UINT32_MAX, name);
	check(strlen(name) < IFNAMSIZ && !strncmp(name, "ve-", 3), "nonsense cannot overflow the name");
	interface_shaper_name(65000, 1, name);
	check(!strcmp(name, "vi-65000-1"), "the shaper's device too");

	config_init(&config);
	strcpy(config.uuid, "9a3c6a2e-0c0b-4d6e-9d7e-111111111111");
	config.nics.count = 1;
	mac = interface_mac(&config, 0);
	again = interface_mac(&config, 0);
	check(!memcmp(&mac, &again, sizeof(mac)) && (mac.bytes[0] & 3) == 2, "a derived MAC is always the same, local and unicast");
	again = interface_mac(&config, 1);
	check(memcmp(&mac, &again, sizeof(mac)) != 0, "each interface has its own");
	other = config;
	strcpy(other.uuid, "9a3c6a2e-0c0b-4d6e-9d7e-111111111112");
	again = interface_mac(&other, 0);
	check(memcmp(&mac, &again, sizeof(mac)) != 0, "and each container");
	config.eth0.mac = (struct mac){ { 2, 0, 0x5e, 0x10, 0, 1 } };
	mac = interface_mac(&config, 0);
	check(!memcmp(&mac, &config.eth0.mac, sizeof(mac)), "one that is given is taken");
	address = interface_link_local(&mac);
	address_format(&address, text);
	check(!strcmp(text, "fe80::5eff:fe10:1"), "the link-local address of a MAC: %s", text);
	mac = interface_host_mac(&config, 0);
	again = interface_host_mac(&other, 0);
	check(!memcmp(&mac, &again, sizeof(mac)), "the host's ends of routed veths have the same MAC");
	config.eth0.mode = NET_BRIDGE;
	again = interface_host_mac(&config, 0);
	check(memcmp(&mac, &again, sizeof(mac)) != 0 && again.bytes[0] == 0xfe, "those on a bridge one of their own, too high for the bridge to take");
	config.id = 16;
	check(interface_group(&config) == 17, "the group is the container's, and never everybody's");
	return tap_done();
}
