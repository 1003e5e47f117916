/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_network.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/guest_path.h"
#include "container/guest_files.h"
#include "net/interface.h"

#define NOTE "# written by berth from the keys ip, route, nic; chmod u-w this file to keep it\n"
#define FILE_MAX (256 * 1024)

/* --- what there is to say of an interface ----------------------------------------------------------------------------------------- */

/* With its length: in routed mode the address alone. */
static void address_text(const struct nic *nic, const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	struct address whole = *address;

	if (nic->mode == NET_ROUTED || !whole.prefix)
		whole.prefix = whole.family == AF_INET ? 32 : 128;
	address_format(&whole, text);
}

/* The router of a family: the host's end, or the network's. False: there is none. */
static bool gateway_of(const struct nic *nic, uint8_t family, char text[static ADDRESS_TEXT_MAX])
{
	const struct address *gateway = address_list_first(&nic->gateways, family);

	if (nic->mode == NET_ROUTED) {
		strcpy(text, family == AF_INET ? "169.254.0.1" : "fe80::1");
		return nic_has_family(nic, family);
	}
	if (gateway)
		address_format(gateway, text);
	return gateway != NULL;
}

/* What packets of its own have as their source: " src 192.0.2.1" behind word, or nothing. */
static const char *source_text(const struct nic *nic, uint8_t family, const char *word, char text[static ADDRESS_TEXT_MAX + 32])
{
	const struct address *first = address_list_first(&nic->addresses, family);
	struct address plain;
	char address[ADDRESS_TEXT_MAX];

	text[0] = '\0';
	if (!first)
		return text;
	plain = *first;
	plain.prefix = 0;
	address_format(&plain, address);
	snprintf(text, ADDRESS_TEXT_MAX + 32, "%s%s", word, address);
	return text;
}

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* Its own link-local address: the host knows this one. */
static bool has_link_local(const struct nic *nic)
{
	return nic->mode == NET_ROUTED && nic_has_family(nic, AF_INET6);
}

static const char *const link_local = "fe80::2/64";

/* Calls print for each of the container's interfaces. */
static char *each_nic(const struct container_config *config, const struct nic *only, void (*print)(FILE *out, const struct container_config *config, const struct nic *nic))
{
	const struct nic *nic;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	for (uint32_t i = 0; (nic = config_nic(config, i)); i++)
		if (nic_exists(nic) && (!only || nic == only))
			print(out, config, nic);
	return fclose(out) == 0 ? text : NULL;
}

/* --- ifupdown, ifupdown-ng, busybox --------------------------------------------------------------------------------------------------- */

/* By "ip ... replace", which is content with what is there: their own methods fail on an address that the interface has. */
static void print_ifupdown(FILE *out, const struct container_config *config, const struct nic *nic)
{
	const char *name = interface_inside(nic);
	char text[ADDRESS_TEXT_MAX], source[ADDRESS_TEXT_MAX + 32];

	(void)config;
	fprintf(out, "auto %s\niface %s inet manual\n\tup ip link set dev %s up\n", name, name, name);
	if (has_link_local(nic))
		fprintf(out, "\tup ip address replace %s dev %s nodad\n", link_local, name);
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		address_text(nic, &nic->addresses.at[i], text);
		fprintf(out, "\tup ip address replace %s dev %s%s\n", text, name, nic->addresses.at[i].family == AF_INET6 ? " nodad" : "");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
		if (gateway_of(nic, families[i], text))
			fprintf(out, "\tup ip -%d route replace default via %s dev %s%s onlink\n", families[i] == AF_INET ? 4 : 6, text, name, source_text(nic, families[i], " src ", source));
	fprintf(out, "\tdown ip link set dev %s down\n", name);
}

/* Whether the line is about one of the interfaces: "auto eth0", "allow-hotplug eth0", "iface eth0 inet dhcp". */
static bool is_about(const char *line, size_t length, const struct container_config *config)
{
	static const char *const words[] = { "auto ", "allow-hotplug ", "iface ", "allow-auto " };
	const struct nic *nic;

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		size_t word = strlen(words[i]);

		if (length <= word || strncmp(line, words[i], word) != 0)
			continue;
		line += word;
		length -= word;
		size_t name = strcspn(line, " \t\n");
		if (name > length)
			name = length;
		for (uint32_t n = 0; (nic = config_nic(config, n)); n++)
			if (strlen(interface_inside(nic)) == name && !strncmp(line, interface_inside(nic), name))
				return true;
		return false;
	}
	return false;
}

char *guest_network_drop_stanzas(const char *text, const struct container_config *config)
{
	char *result = malloc(strlen(text) + 1), *out = result;
	bool ours = false, dropping = false;

	if (!result)
		return NULL;
	while (*text) {
		size_t length = strcspn(text, "\n");
		size_t whole = length + (text[length] == '\n');

		if (!strncmp(text, "# berth begin", 13) || !strncmp(text, "# berth end", 11)) {
			ours = text[8] == 'b';
			dropping = false;
		} else if (length > 0 && text[0] != ' ' && text[0] != '\t') {
			dropping = !ours && is_about(text, length, config);
		}
		if (!dropping) {
			memcpy(out, text, whole);
			out += whole;
		}
		text += whole;
	}
	*out = '\0';
	return result;
}

static int write_ifupdown(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL, *cleaned = NULL, *lines = NULL, *text = NULL;
	int r;

	if (!guest_exists(rootfs_fd, "etc/network/interfaces") && !guest_exists(rootfs_fd, "sbin/ifup") && !guest_exists(rootfs_fd, "usr/sbin/ifup"))
		return 0;
	r = guest_read_file(rootfs_fd, "etc/network/interfaces", FILE_MAX, &old);
	if (r < 0 && r != -ENOENT)
		return 0;
	cleaned = guest_network_drop_stanzas(old ? old : "auto lo\niface lo inet loopback\n\n", config);
	lines = each_nic(config, NULL, print_ifupdown);
	text = cleaned && lines ? guest_files_block(cleaned, lines) : NULL;
	return guest_files_put(rootfs_fd, "etc/network", "interfaces", text, 0644, err);
}

/* --- one file for each interface ---------------------------------------------------------------------------------------------------------- */

static void print_networkd(FILE *out, const struct container_config *config, const struct nic *nic)
{
	char text[ADDRESS_TEXT_MAX], source[ADDRESS_TEXT_MAX + 32];

	(void)config;
	fprintf(out, NOTE "[Match]\nName=%s\n\n[Network]\nDHCP=no\nIPv6AcceptRA=no\nLinkLocalAddressing=%s\n", interface_inside(nic),
		nic->mode == NET_ROUTED ? "no" : "ipv6");
	if (has_link_local(nic))
		fprintf(out, "\n[Address]\nAddress=%s\nDuplicateAddressDetection=none\n", link_local);
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		address_text(nic, &nic->addresses.at[i], text);
		fprintf(out, "\n[Address]\nAddress=%s\n%s", text, nic->addresses.at[i].family == AF_INET6 ? "DuplicateAddressDetection=none\n" : "");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
		if (gateway_of(nic, families[i], text))
			fprintf(out, "\n[Route]\nGateway=%s\nGatewayOnLink=yes%s\n", text, source_text(nic, families[i], "\nPreferredSource=", source));
}

static void print_manager(FILE *out, const struct container_config *config, const struct nic *nic)
{
	char text[ADDRESS_TEXT_MAX];

	(void)config;
	fprintf(out, NOTE "[connection]\nid=berth-%s\ntype=ethernet\ninterface-name=%s\nautoconnect-priority=100\n", interface_inside(nic), interface_inside(nic));
	for (size_t f = 0; f < ARRAY_LENGTH(families); f++) {
		uint32_t n = 0;

		fprintf(out, "\n[ipv%d]\n", families[f] == AF_INET ? 4 : 6);
		if (!address_list_first(&nic->addresses, families[f])) {
			fprintf(out, "method=%s\n", families[f] == AF_INET ? "disabled" : "ignore");
			continue;
		}
		fprintf(out, "method=manual\n%s", families[f] == AF_INET6 ? "addr-gen-mode=eui64\nip6-privacy=0\n" : "");
		for (uint32_t i = 0; i < nic->addresses.count; i++) {
			if (nic->addresses.at[i].family != families[f])
				continue;
			address_text(nic, &nic->addresses.at[i], text);
			fprintf(out, "address%u=%s\n", ++n, text);
		}
		if (families[f] == AF_INET6 && has_link_local(nic))
			fprintf(out, "address%u=%s\n", ++n, link_local);
		if (gateway_of(nic, families[f], text))
			fprintf(out, "gateway=%s\n", text);
	}
}

static void print_wicked(FILE *out, const struct container_config *config, const struct nic *nic)
{
	char text[ADDRESS_TEXT_MAX];
	uint32_t n = 0;

	(void)config;
	fprintf(out, NOTE "STARTMODE='auto'\nBOOTPROTO='static'\n");
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		address_text(nic, &nic->addresses.at[i], text);
		fprintf(out, "IPADDR_%u='%s'\n", n++, text);
	}
	if (has_link_local(nic))
		fprintf(out, "IPADDR_%u='%s'\n", n, link_local);
}

static void print_wicked_routes(FILE *out, const struct container_config *config, const struct nic *nic)
{
	char text[ADDRESS_TEXT_MAX];

	(void)config;
	fprintf(out, NOTE);
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
		if (!gateway_of(nic, families[i], text))
			continue;
		if (nic->mode == NET_ROUTED && families[i] == AF_INET)
			fprintf(out, "%s/32 - - %s\n", text, interface_inside(nic));
		fprintf(out, "%s %s - %s\n", families[i] == AF_INET ? "default" : "::/0", text, interface_inside(nic));
	}
}

/* One program's file of each interface. */
static const struct per_interface {
	const char *program[2];			/* the tree has it when it has one of these */
	const char *directory, *prefix, *suffix;
	mode_t mode;
	void (*print)(FILE *out, const struct container_config *config, const struct nic *nic);
} per_interface[] = {
	{ { "usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd" }, "etc/systemd/network", "10-berth-", ".network", 0644, print_networkd },
	{ { "usr/sbin/NetworkManager", "usr/bin/NetworkManager" }, "etc/NetworkManager/system-connections", "berth-", ".nmconnection", 0600, print_manager },
	{ { "usr/sbin/wicked", NULL }, "etc/sysconfig/network", "ifcfg-", "", 0644, print_wicked },
	{ { "usr/sbin/wicked", NULL }, "etc/sysconfig/network", "ifroute-", "", 0644, print_wicked_routes },
};

static int write_per_interface(int rootfs_fd, const struct container_config *config, const struct per_interface *row, struct berth_error *err)
{
	const struct nic *nic;
	int r = 0;

	if (!guest_exists(rootfs_fd, row->program[0]) && !(row->program[1] && guest_exists(rootfs_fd, row->program[1])))
		return 0;
	for (uint32_t i = 0; r == 0 && (nic = config_nic(config, i)); i++) {
		CLEAN_FREE char *text = NULL;
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s", row->prefix, interface_inside(nic), row->suffix);
		/* One that the container has no more. */
		if (!nic_exists(nic)) {
			(void)guest_remove_file(rootfs_fd, row->directory, name);
			continue;
		}
		text = each_nic(config, nic, row->print);
		r = guest_files_put(rootfs_fd, row->directory, name, text, row->mode, err);
	}
	return r;
}

/* --- netplan, netifrc: all interfaces in one file ------------------------------------------------------------------------------------------------ */

static void print_netplan(FILE *out, const struct container_config *config, const struct nic *nic)
{
	char text[ADDRESS_TEXT_MAX], source[ADDRESS_TEXT_MAX + 32];
	bool any = false;

	(void)config;
	fprintf(out, "    %s:\n      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n      link-local: []\n", interface_inside(nic));
	if (nic->addresses.count || has_link_local(nic))
		fprintf(out, "      addresses:\n");
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		address_text(nic, &nic->addresses.at[i], text);
		fprintf(out, "        - \"%s\"\n", text);
	}
	if (has_link_local(nic))
		fprintf(out, "        - \"%s\"\n", link_local);
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
		if (!gateway_of(nic, families[i], text))
			continue;
		fprintf(out, "%s        - to: \"%s\"\n          via: \"%s\"\n          on-link: true%s\n", any ? "" : "      routes:\n", families[i] == AF_INET ? "0.0.0.0/0" : "::/0", text,
			source_text(nic, families[i], "\n          from: ", source));
		any = true;
	}
}

static int write_netplan(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FREE char *nics = NULL, *text = NULL;

	if (!guest_exists(rootfs_fd, "usr/sbin/netplan") && !guest_exists(rootfs_fd, "usr/bin/netplan"))
		return 0;
	nics = each_nic(config, NULL, print_netplan);
	if (nics && asprintf(&text, NOTE "network:\n  version: 2\n%s%s", nics[0] ? "  ethernets:\n" : "", nics) < 0)
		text = NULL;
	return guest_files_put(rootfs_fd, "etc/netplan", "60-berth.yaml", text, 0600, err);
}

static void print_netifrc(FILE *out, const struct container_config *config, const struct nic *nic)
{
	const char *name = interface_inside(nic);
	char text[ADDRESS_TEXT_MAX];

	(void)config;
	fprintf(out, "config_%s=\"", name);
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		address_text(nic, &nic->addresses.at[i], text);
		fprintf(out, "%s%s", i ? "\n" : "", text);
	}
	fprintf(out, "%s%s\"\nroutes_%s=\"", has_link_local(nic) && nic->addresses.count ? "\n" : "", has_link_local(nic) ? link_local : "", name);
	for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
		if (gateway_of(nic, families[i], text))
			fprintf(out, "%sdefault via %s onlink", i ? "\n" : "", text);
	fprintf(out, "\"\n");
}

static int write_netifrc(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FREE char *lines = NULL;

	if (!guest_exists(rootfs_fd, "etc/init.d/net.lo"))
		return 0;
	lines = each_nic(config, NULL, print_netifrc);
	return lines ? guest_files_put_block(rootfs_fd, "etc/conf.d", "net", "", lines, err) : fail(err, BERTH_FAILED, ENOMEM, "out of memory");
}

int guest_network_write(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	int r = write_ifupdown(rootfs_fd, config, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(per_interface); i++)
		r = write_per_interface(rootfs_fd, config, &per_interface[i], err);
	if (r == 0)
		r = write_netplan(rootfs_fd, config, err);
	return r == 0 ? write_netifrc(rootfs_fd, config, err) : r;
}
