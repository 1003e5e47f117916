/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/network_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/value_parts.h"

/* --- addresses and prefixes ---------------------------------------------------------------------------------------------- */

size_t address_length(const struct address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(address->family, address->bytes, text, ADDRESS_TEXT_MAX))
		strcpy(text, "?");
	if (address->prefix)
		sprintf(text + strlen(text), "/%u", address->prefix);
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool prefix_contains(const struct address *prefix, const struct address *address)
{
	size_t whole = prefix->prefix / 8;
	uint8_t mask = (uint8_t)(0xff00 >> prefix->prefix % 8);

	if (prefix->family != address->family || memcmp(prefix->bytes, address->bytes, whole) != 0)
		return false;
	return whole == address_length(prefix) || ((prefix->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool address_list_has(const struct address_list *list, const struct address *address)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (address_equal(&list->at[i], address))
			return true;
	return false;
}

const struct address *address_list_first(const struct address_list *list, uint8_t family)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->at[i].family == family)
			return &list->at[i];
	return NULL;
}

static const char *unusable_because(const struct address *a)
{
	const uint8_t *b = a->bytes;
	static const uint8_t zero[16];

	if (a->family == AF_INET) {
		if (b[0] == 0)
			return "it is in 0.0.0.0/8";
		if (b[0] == 127)
			return "it is a loopback address";
		if (b[0] == 169 && b[1] == 254)
			return "it is link-local, where the gateway is";
		if (b[0] >= 240)
			return "it is a reserved address";
		return b[0] >= 224 ? "it is a multicast address" : NULL;
	}
	if (!memcmp(b, zero, 16))
		return "it is the unspecified address";
	if (!memcmp(b, zero, 15) && b[15] == 1)
		return "it is the loopback address";
	if (!memcmp(b, zero, 10) && b[10] == 0xff && b[11] == 0xff)
		return "it is an IPv4 address in IPv6 clothes";
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return "it is link-local, where the gateway is";
	return b[0] == 0xff ? "it is a multicast address" : NULL;
}

/* Without the prefix length: *ret_prefix is the text after the slash, or NULL. */
static bool parse_bytes(const char *text, struct address *ret, const char **ret_prefix)
{
	char address[ADDRESS_TEXT_MAX];
	size_t length = strcspn(text, "/");

	*ret_prefix = text[length] ? text + length + 1 : NULL;
	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	*ret = (struct address){ 0 };
	if (inet_pton(AF_INET, address, ret->bytes) == 1)
		ret->family = AF_INET;
	else if (inet_pton(AF_INET6, address, ret->bytes) == 1)
		ret->family = AF_INET6;
	return ret->family;
}

static bool parse_prefix_length(const char *text, struct address *address, uint64_t least)
{
	uint64_t prefix;

	if (!parse_between(text, &prefix, least, address_length(address) * 8))
		return false;
	address->prefix = (uint8_t)prefix;
	return true;
}

static bool is_usable(const struct address *address, char *why, size_t why_size)
{
	const char *because = unusable_because(address);

	if (because)
		snprintf(why, why_size, "%s", because);
	return !because;
}

bool address_parse_usable(const char *text, struct address *ret, char *why, size_t why_size)
{
	struct address address;
	const char *prefix;

	if (!parse_bytes(text, &address, &prefix) || prefix || !is_usable(&address, why, why_size))
		return false;
	*ret = address;
	return true;
}

static bool parse_with_prefix(const char *text, struct address *ret, char *why, size_t why_size)
{
	struct address address;
	const char *prefix;

	if (!parse_bytes(text, &address, &prefix) || (prefix && !parse_prefix_length(prefix, &address, 1)) || !is_usable(&address, why, why_size))
		return false;
	*ret = address;
	return true;
}

/* What is routed to a guest: the whole world is not. */
static bool parse_route(const char *text, struct address *ret, char *why, size_t why_size)
{
	struct address address;
	const char *prefix;

	if (!parse_bytes(text, &address, &prefix) || !prefix || !parse_prefix_length(prefix, &address, address.family == AF_INET ? 8 : 16))
		return false;
	for (size_t bit = address.prefix; bit < address_length(&address) * 8; bit++) {
		if (address.bytes[bit / 8] & (0x80 >> bit % 8)) {
			snprintf(why, why_size, "it has bits set behind its first %u", address.prefix);
			return false;
		}
	}
	if (!is_usable(&address, why, why_size))
		return false;
	*ret = address;
	return true;
}

typedef bool (*parse_one)(const char *text, struct address *ret, char *why, size_t why_size);

static bool append(const char *text, struct address_list *list, parse_one parse, char *why, size_t why_size)
{
	struct address address;

	if (!parse(text, &address, why, why_size))
		return false;
	if (address_list_has(list, &address)) {
		snprintf(why, why_size, "it is given twice");
		return false;
	}
	if (list->count == ADDRESSES_MAX) {
		snprintf(why, why_size, "there are %d already", ADDRESSES_MAX);
		return false;
	}
	list->at[list->count++] = address;
	return true;
}

static bool parse_address(const char *text, void *field, char *why, size_t why_size)
{
	return append(text, field, address_parse_usable, why, why_size);
}

static bool parse_interface_address(const char *text, void *field, char *why, size_t why_size)
{
	return append(text, field, parse_with_prefix, why, why_size);
}

static bool parse_prefix(const char *text, void *field, char *why, size_t why_size)
{
	return append(text, field, parse_route, why, why_size);
}

static bool remove_address(const char *text, void *field)
{
	struct address_list *list = field;
	struct address address;
	const char *prefix;

	if (!parse_bytes(text, &address, &prefix) || (prefix && !parse_prefix_length(prefix, &address, 1)))
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (!address_equal(&list->at[i], &address) || (prefix && list->at[i].prefix != address.prefix))
			continue;
		memmove(&list->at[i], &list->at[i + 1], (--list->count - i) * sizeof(address));
		memset(&list->at[list->count], 0, sizeof(address));
		return true;
	}
	return false;
}

static void format_address(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct address_list *list = field;

	address_format(&list->at[index], text);
}

static size_t count_addresses(const void *field)
{
	return ((const struct address_list *)field)->count;
}

#define ADDRESS_TYPE(parse_function, syntax_text, accepted_text) { \
	.syntax = syntax_text, .accepted = accepted_text, .size = sizeof(struct address_list), .list = true, .parse = parse_function, \
	.format = format_address, .count = count_addresses, .remove = remove_address }

const struct value_type type_ADDRESSES = ADDRESS_TYPE(parse_address, "ADDRESS",
	"an IPv4 or IPv6 address without a prefix length, such as 192.0.2.10 or 2001:db8::10");
const struct value_type type_INTERFACE_ADDRESSES = ADDRESS_TYPE(parse_interface_address, "ADDRESS",
	"an IPv4 or IPv6 address such as 192.0.2.10 or 2001:db8::10, in bridge mode with its prefix length: 192.0.2.10/24");
const struct value_type type_PREFIXES = ADDRESS_TYPE(parse_prefix, "PREFIX",
	"an IPv4 prefix of 8 to 32 bits or an IPv6 prefix of 16 to 128 bits, such as 198.51.100.0/29 or 2001:db8:1::/64");

/* --- BIT_RATE: bits a second, powers of 1000 as the trade has them --------------------------------------------------------- */

#define BIT_RATE_LEAST UINT64_C(8000)
#define BIT_RATE_MOST UINT64_C(100000000000)

static bool parse_bit_rate(const char *text, void *field, char *why, size_t why_size)
{
	static const char units[] = "kMG";
	uint64_t whole, thousandths, unit = 1000, value;
	const char *p = text;

	(void)why;
	(void)why_size;
	if (!strcmp(text, "unlimited")) {
		*(uint64_t *)field = UNLIMITED;
		return true;
	}
	if (!parse_decimal(&p, &whole, &thousandths) || whole > BIT_RATE_MOST)
		return false;
	if (*p) {
		const char *found = strchr(units, *p == 'K' ? 'k' : *p);

		if (!found || p[1])
			return false;
		for (; found >= units; found--)
			unit *= 1000;
	} else if (thousandths) {
		return false;
	}
	/* whole is at most 1e11 and unit 1e12: as thousandths of a bit. */
	if (__builtin_mul_overflow(whole, unit, &value) || __builtin_add_overflow(value, thousandths * (unit / 1000), &value))
		return false;
	value /= 1000;
	if (value < BIT_RATE_LEAST || value > BIT_RATE_MOST)
		return false;
	*(uint64_t *)field = value;
	return true;
}

static void format_bit_rate(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	uint64_t value = *(const uint64_t *)field;
	int unit = 0;

	(void)index;
	if (value == UNLIMITED) {
		strcpy(text, "unlimited");
		return;
	}
	while (unit < 3 && value && value % 1000 == 0) {
		value /= 1000;
		unit++;
	}
	sprintf(text, "%" PRIu64 "%.*s", value, unit > 0, &"kMG"[unit > 0 ? unit - 1 : 0]);
}

const struct value_type type_BIT_RATE = {
	.syntax = "RATE", .accepted = "a number of bits a second from 8k to 100G such as 100M (k, M, G are powers of 1000), or unlimited",
	.size = sizeof(uint64_t), .number = true, .parse = parse_bit_rate, .format = format_bit_rate, .format_raw = format_raw_number,
};

/* --- one of a few words ------------------------------------------------------------------------------------------------------- */

static bool parse_word(const char *text, void *field, const char *const words[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*(uint64_t *)field = i;
		return true;
	}
	return false;
}

#define CHOICE(type, accepted_text, ...) \
	static const char *const words_##type[] = { __VA_ARGS__ }; \
	static bool parse_##type(const char *text, void *field, char *why, size_t why_size) \
	{ \
		(void)why; \
		(void)why_size; \
		return parse_word(text, field, words_##type, ARRAY_LENGTH(words_##type)); \
	} \
	static void format_##type(const void *field, size_t index, char text[static VALUE_TEXT_MAX]) \
	{ \
		(void)index; \
		strcpy(text, words_##type[*(const uint64_t *)field]); \
	} \
	const struct value_type type_##type = { .syntax = "WORD", .accepted = accepted_text, .size = sizeof(uint64_t), .parse = parse_##type, \
						.format = format_##type };

CHOICE(NET_MODE, "routed, bridge or none", "routed", "bridge", "none")
CHOICE(TRAFFIC_COUNTED, "both, in or out", "both", "in", "out")
CHOICE(TRAFFIC_ACTION, "warn, throttle or block", "warn", "throttle", "block")

/* --- interfaces ----------------------------------------------------------------------------------------------------------------- */

static bool parse_interface_name(const char *text, void *field, char *why, size_t why_size)
{
	size_t length = strlen(text);

	if (length >= INTERFACE_NAME_MAX) {
		snprintf(why, why_size, "it is longer than the kernel's 15 bytes");
		return false;
	}
	/* What dev_valid_name() of the kernel takes, and nothing that a line or a list would be cut at. */
	if (length == 0 || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.@", *p))
			return false;
	memset(field, 0, INTERFACE_NAME_MAX);
	strcpy(field, text);
	return true;
}

const struct value_type type_INTERFACE_NAME = {
	.syntax = "NAME", .accepted = "the name of an interface: 1 to 15 of letters, digits, '-', '_', '.' and '@'", .size = INTERFACE_NAME_MAX,
	.parse = parse_interface_name, .format = format_text,
};

static bool parse_vlan(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (strcmp(text, "none") != 0)
		return parse_between(text, field, 1, 4094);
	*(uint64_t *)field = 0;
	return true;
}

static void format_vlan(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	if (*(const uint64_t *)field)
		format_raw_number(field, index, text);
	else
		strcpy(text, "none");
}

static void format_raw_vlan(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	if (*(const uint64_t *)field)
		format_raw_number(field, index, text);
	else
		strcpy(text, "null");
}

const struct value_type type_VLAN = {
	.syntax = "N", .accepted = "a VLAN's number from 1 to 4094, or none", .size = sizeof(uint64_t), .number = true, .parse = parse_vlan,
	.format = format_vlan, .format_raw = format_raw_vlan,
};

static bool parse_mtu(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return parse_between(text, field, 576, 65535);
}

const struct value_type type_MTU = {
	.syntax = "N", .accepted = "a whole number of bytes from 576 to 65535", .size = sizeof(uint64_t), .number = true, .parse = parse_mtu,
	.format = format_raw_number, .format_raw = format_raw_number,
};

static bool parse_mac(const char *text, void *field, char *why, size_t why_size)
{
	static const struct mac none;
	struct mac mac;

	for (size_t i = 0; i < sizeof(mac.bytes); i++) {
		unsigned int value = 0;

		for (int digit = 0; digit < 2; digit++) {
			char c = (char)tolower((unsigned char)*text++);

			if (!isxdigit((unsigned char)c))
				return false;
			value = value * 16 + (unsigned int)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
		}
		mac.bytes[i] = (uint8_t)value;
		if (*text++ != (i < sizeof(mac.bytes) - 1 ? ':' : '\0'))
			return false;
	}
	if (!memcmp(&mac, &none, sizeof(mac)) || mac.bytes[0] & 1) {
		snprintf(why, why_size, mac.bytes[0] & 1 ? "it is a multicast address" : "it is no address");
		return false;
	}
	memcpy(field, &mac, sizeof(mac));
	return true;
}

static void format_mac(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	static const struct mac none;
	const struct mac *mac = field;

	(void)index;
	text[0] = '\0';
	if (memcmp(mac, &none, sizeof(none)) != 0)
		sprintf(text, "%02x:%02x:%02x:%02x:%02x:%02x", mac->bytes[0], mac->bytes[1], mac->bytes[2], mac->bytes[3], mac->bytes[4], mac->bytes[5]);
}

const struct value_type type_MAC = {
	.syntax = "MAC", .accepted = "a unicast MAC address such as 02:00:5e:10:00:01", .size = sizeof(struct mac), .parse = parse_mac,
	.format = format_mac,
};

bool nic_exists(const struct nic *nic)
{
	return nic->mode == NET_BRIDGE || (nic->mode == NET_ROUTED && nic->addresses.count + nic->routes.count > 0);
}

bool nic_has_family(const struct nic *nic, uint8_t family)
{
	return address_list_first(&nic->addresses, family) || address_list_first(&nic->routes, family);
}

static bool check_bridged(const struct nic *nic, char *why, size_t why_size)
{
	if (!nic->bridge[0])
		snprintf(why, why_size, "bridge mode needs the name of a bridge (net-bridge)");
	else if (nic->addresses.count == 0)
		snprintf(why, why_size, "bridge mode needs addresses (ip): only packets from them are let through");
	else if (nic->routes.count)
		snprintf(why, why_size, "routes are of routed mode; on a bridge the network's router has them");
	for (uint32_t i = 0; !why[0] && i < nic->addresses.count; i++)
		if (!nic->addresses.at[i].prefix)
			snprintf(why, why_size, "in bridge mode addresses have a prefix length, such as 192.0.2.10/24");
	for (uint32_t i = 0; !why[0] && i < nic->gateways.count; i++) {
		bool reached = false;

		for (uint32_t j = 0; j < nic->addresses.count; j++)
			reached = reached || (prefix_contains(&nic->addresses.at[j], &nic->gateways.at[i]) &&
					      !address_equal(&nic->addresses.at[j], &nic->gateways.at[i]));
		if (!reached)
			snprintf(why, why_size, "the gateway is in none of the addresses' networks");
		if (address_list_first(&nic->gateways, nic->gateways.at[i].family) != &nic->gateways.at[i])
			snprintf(why, why_size, "there is one gateway for each of IPv4 and IPv6");
	}
	return !why[0];
}

bool nic_check(const struct nic *nic, char *why, size_t why_size)
{
	why[0] = '\0';
	if (nic->mode == NET_BRIDGE)
		(void)check_bridged(nic, why, why_size);
	else if (nic->bridge[0] || nic->vlan || nic->gateways.count)
		snprintf(why, why_size, "a bridge, a VLAN and a gateway are of bridge mode (net-mode)");
	else if (nic->mode == NET_NONE && nic->addresses.count + nic->routes.count)
		snprintf(why, why_size, "without a network there are no addresses and routes");
	for (uint32_t i = 0; !why[0] && nic->mode == NET_ROUTED && i < nic->addresses.count; i++)
		if (nic->addresses.at[i].prefix)
			snprintf(why, why_size, "in routed mode addresses have no prefix length: each is reached by a route of its own");
	if (!why[0] && address_list_first(&nic->routes, AF_INET) && !address_list_first(&nic->addresses, AF_INET))
		snprintf(why, why_size, "an IPv4 route goes to the container's first IPv4 address (ip), and there is none");
	if (!why[0] && nic->mtu < 1280 && nic_has_family(nic, AF_INET6))
		snprintf(why, why_size, "IPv6 needs an MTU of 1280 or more");
	return !why[0];
}

/* --- NICS: "eth1,bridge=br0,ip=192.0.2.5/24,..." ----------------------------------------------------------------------------------- */

#define NIC_TEXT_MAX 1000

/* The order of format_nic. */
static const struct nic_part {
	const char *word;
	const struct value_type *type;
	size_t offset;
} nic_parts[] = {
	{ "bridge", &type_INTERFACE_NAME, offsetof(struct nic, bridge) },
	{ "vlan", &type_VLAN, offsetof(struct nic, vlan) },
	{ "mac", &type_MAC, offsetof(struct nic, mac) },
	{ "mtu", &type_MTU, offsetof(struct nic, mtu) },
	{ "ip", &type_INTERFACE_ADDRESSES, offsetof(struct nic, addresses) },
	{ "route", &type_PREFIXES, offsetof(struct nic, routes) },
	{ "gateway", &type_ADDRESSES, offsetof(struct nic, gateways) },
	{ "rate-in", &type_BIT_RATE, offsetof(struct nic, rate_in) },
	{ "rate-out", &type_BIT_RATE, offsetof(struct nic, rate_out) },
};

static void nic_init(struct nic *nic)
{
	memset(nic, 0, sizeof(*nic));
	nic->mtu = 1500;
	nic->rate_in = nic->rate_out = UNLIMITED;
}

static bool parse_nic_part(char *part, struct nic *nic, unsigned int *seen, char *why, size_t why_size)
{
	char *value = strchr(part, '=');

	if (!value)
		return false;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(nic_parts); i++) {
		char closer[128] = "";

		if (strcmp(nic_parts[i].word, part) != 0)
			continue;
		if (*seen & 1u << i && !nic_parts[i].type->list) {
			snprintf(why, why_size, "%s is given twice", part);
			return false;
		}
		*seen |= 1u << i;
		if (nic_parts[i].type->parse(value, (char *)nic + nic_parts[i].offset, closer, sizeof(closer)))
			return true;
		snprintf(why, why_size, "its %s '%.40s'%s%s", part, value, closer[0] ? ": " : " is wrong", closer);
		return false;
	}
	snprintf(why, why_size, "there is no '%.40s' in it", part);
	return false;
}

static bool parse_nic(const char *text, void *field, char *why, size_t why_size)
{
	CLEAN_FREE char *copy = strdup(text);
	struct nic_list *list = field;
	char *rest = copy, *part = strsep(&rest, ",");
	unsigned int seen = 0;
	struct nic nic;

	if (!copy || strlen(text) > NIC_TEXT_MAX)
		return false;
	nic_init(&nic);
	if (!parse_interface_name(part, nic.name, why, why_size) || !strcmp(nic.name, "lo") || !strcmp(nic.name, "eth0"))
		return false;
	while (rest && (part = strsep(&rest, ",")))
		if (!parse_nic_part(part, &nic, &seen, why, why_size))
			return false;
	nic.mode = nic.bridge[0] ? NET_BRIDGE : NET_ROUTED;
	if (!nic_check(&nic, why, why_size))
		return false;
	if (!nic_exists(&nic)) {
		snprintf(why, why_size, "it has neither a bridge nor an ip nor a route");
		return false;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		if (!strcmp(list->at[i].name, nic.name)) {
			snprintf(why, why_size, "%s is given twice", nic.name);
			return false;
		}
	}
	if (list->count == NICS_MAX) {
		snprintf(why, why_size, "there are %d already", NICS_MAX);
		return false;
	}
	list->at[list->count++] = nic;
	return true;
}

static void format_nic(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct nic *nic = &((const struct nic_list *)field)->at[index];
	struct nic fallback;
	size_t length = (size_t)sprintf(text, "%s", nic->name);

	nic_init(&fallback);
	for (size_t i = 0; i < ARRAY_LENGTH(nic_parts); i++) {
		const struct nic_part *part = &nic_parts[i];
		const char *member = (const char *)nic + part->offset;
		size_t count = part->type->list ? part->type->count(member) : 1;

		if (!memcmp(member, (const char *)&fallback + part->offset, part->type->size))
			continue;
		for (size_t j = 0; j < count; j++) {
			char value[VALUE_TEXT_MAX];

			part->type->format(member, j, value);
			length += (size_t)snprintf(text + length, VALUE_TEXT_MAX - length, ",%s=%s", part->word, value);
			if (length >= VALUE_TEXT_MAX)
				length = VALUE_TEXT_MAX - 1;
		}
	}
}

static size_t count_nics(const void *field)
{
	return ((const struct nic_list *)field)->count;
}

/* By its name alone: what follows a comma may be left out. */
static bool remove_nic(const char *text, void *field)
{
	struct nic_list *list = field;
	size_t length = strcspn(text, ",");

	for (uint32_t i = 0; i < list->count; i++) {
		if (strlen(list->at[i].name) != length || strncmp(list->at[i].name, text, length) != 0)
			continue;
		memmove(&list->at[i], &list->at[i + 1], (--list->count - i) * sizeof(list->at[0]));
		memset(&list->at[list->count], 0, sizeof(list->at[0]));
		return true;
	}
	return false;
}

const struct value_type type_NICS = {
	.syntax = "NAME,PART=VALUE...",
	.accepted = "a name and what belongs to it: eth1,ip=192.0.2.11 or eth1,bridge=br0,vlan=5,ip=192.0.2.11/24,gateway=192.0.2.1; also mac, mtu, "
		    "route, rate-in, rate-out",
	.size = sizeof(struct nic_list), .list = true, .parse = parse_nic, .format = format_nic, .count = count_nics, .remove = remove_nic,
};

/* --- ports ------------------------------------------------------------------------------------------------------------------------------ */

/* "22" or "8000-8020". */
static bool parse_ports(const char *text, size_t length, uint64_t *ret_first, uint64_t *ret_count)
{
	char copy[16], *dash;
	uint64_t last;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	if (!parse_between(copy, ret_first, 1, 65535))
		return false;
	last = *ret_first;
	if (dash && !parse_between(dash, &last, *ret_first, 65535))
		return false;
	*ret_count = last - *ret_first + 1;
	return true;
}

static bool overlap(uint64_t first, uint64_t count, const struct port_forward *other)
{
	return first < (uint64_t)other->host + other->count && other->host < first + count;
}

/* Member by member: what is in the padding is anyone's guess. */
static bool same_forward(const struct port_forward *a, const struct port_forward *b)
{
	return a->host == b->host && a->guest == b->guest && a->count == b->count && a->protocols == b->protocols;
}

static bool parse_forward_into(const char *text, struct port_forward *ret, char *why, size_t why_size)
{
	size_t host_length = strcspn(text, ":/");
	const char *rest = text + host_length;
	uint64_t host, guest, count, guest_count;

	if (!parse_ports(text, host_length, &host, &count))
		return false;
	guest = host;
	if (*rest == ':') {
		size_t guest_length = strcspn(++rest, "/");

		if (!parse_ports(rest, guest_length, &guest, &guest_count))
			return false;
		rest += guest_length;
		if (guest_count != count && guest_count != 1) {
			snprintf(why, why_size, "the two ranges have not the same number of ports");
			return false;
		}
	}
	if (count > PORT_RANGE_MAX || guest + count - 1 > 65535) {
		snprintf(why, why_size, count > PORT_RANGE_MAX ? "it has more than %d ports" : "the container's ports end at 65535", PORT_RANGE_MAX);
		return false;
	}
	*ret = (struct port_forward){ (uint16_t)host, (uint16_t)guest, (uint16_t)count, PORT_TCP };
	if (!strcmp(rest, "/udp"))
		ret->protocols = PORT_UDP;
	else if (!strcmp(rest, "/tcp+udp"))
		ret->protocols = PORT_TCP | PORT_UDP;
	else if (*rest && strcmp(rest, "/tcp") != 0)
		return false;
	return true;
}

static bool parse_forward(const char *text, void *field, char *why, size_t why_size)
{
	struct port_forward_list *list = field;
	struct port_forward forward;

	if (!parse_forward_into(text, &forward, why, why_size))
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (!(list->at[i].protocols & forward.protocols) || !overlap(forward.host, forward.count, &list->at[i]))
			continue;
		snprintf(why, why_size, same_forward(&list->at[i], &forward) ? "it is given twice" : "a port of it is forwarded already");
		return false;
	}
	if (list->count == PORT_FORWARDS_MAX) {
		snprintf(why, why_size, "there are %d already", PORT_FORWARDS_MAX);
		return false;
	}
	list->at[list->count++] = forward;
	return true;
}

static void put_ports(char *text, unsigned int first, unsigned int count)
{
	size_t length = strlen(text);

	if (count == 1)
		sprintf(text + length, "%u", first);
	else
		sprintf(text + length, "%u-%u", first, first + count - 1);
}

static void format_forward(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	static const char *const protocols[] = { "", "tcp", "udp", "tcp+udp" };
	const struct port_forward *forward = &((const struct port_forward_list *)field)->at[index];

	text[0] = '\0';
	put_ports(text, forward->host, forward->count);
	strcat(text, ":");
	put_ports(text, forward->guest, forward->count);
	sprintf(text + strlen(text), "/%s", protocols[forward->protocols & 3]);
}

static size_t count_forwards(const void *field)
{
	return ((const struct port_forward_list *)field)->count;
}

static bool remove_forward(const char *text, void *field)
{
	struct port_forward_list *list = field;
	struct port_forward forward;
	char why[128];

	if (!parse_forward_into(text, &forward, why, sizeof(why)))
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (!same_forward(&list->at[i], &forward))
			continue;
		memmove(&list->at[i], &list->at[i + 1], (--list->count - i) * sizeof(forward));
		memset(&list->at[list->count], 0, sizeof(forward));
		return true;
	}
	return false;
}

const struct value_type type_PORT_FORWARDS = {
	.syntax = "PORT:PORT/PROTOCOL",
	.accepted = "the host's port or range, the container's, and tcp, udp or tcp+udp: 2222:22/tcp, 10000-10020:8000-8020/udp",
	.size = sizeof(struct port_forward_list), .list = true, .parse = parse_forward, .format = format_forward, .count = count_forwards,
	.remove = remove_forward,
};

static bool parse_block(const char *text, void *field, char *why, size_t why_size)
{
	struct port_block *block = field;
	uint64_t first, count;

	if (!strcmp(text, "none")) {
		*block = (struct port_block){ 0 };
		return true;
	}
	if (!parse_ports(text, strlen(text), &first, &count))
		return false;
	if (!strchr(text, '-')) {
		count = first;
		first = 0;
	}
	if (count < 2 || count > PORT_RANGE_MAX) {
		snprintf(why, why_size, "it has not 2 to %d ports", PORT_RANGE_MAX);
		return false;
	}
	*block = (struct port_block){ (uint16_t)first, (uint16_t)count };
	return true;
}

static void format_block(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct port_block *block = field;

	(void)index;
	text[0] = '\0';
	if (!block->count)
		strcpy(text, "none");
	else if (!block->first)
		sprintf(text, "%u", block->count);
	else
		put_ports(text, block->first, block->count);
}

const struct value_type type_PORT_BLOCK = {
	.syntax = "N|RANGE", .accepted = "a number of ports from 2 to 1024, a range of the host's ports such as 20000-20019, or none",
	.size = sizeof(struct port_block), .parse = parse_block, .format = format_block,
};

/* --- the month ---------------------------------------------------------------------------------------------------------------------------- */

static bool parse_day(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return parse_between(text, field, 1, 28);
}

const struct value_type type_DAY = {
	.syntax = "DAY", .accepted = "a day that every month has, from 1 to 28", .size = sizeof(uint64_t), .number = true, .parse = parse_day,
	.format = format_raw_number, .format_raw = format_raw_number,
};
