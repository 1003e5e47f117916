/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define FILE_VERSION "1"

/* The table's constant half; what its types know is asked of them. */
#define KEY(key_id_, key_name, field, key_type, applied, key_fallback, key_help, key_manual) \
	[KEY_##key_id_] = { \
		.outside = { .name = key_name, .help = key_help, .manual = key_manual, .fallback = key_fallback, \
			     .readonly = BY_##applied == BY_IDENTITY }, \
		.applied_by = BY_##applied, .type = &type_##key_type, \
		.offset = offsetof(struct container_config, field), \
	},
const struct key keys[KEY_COUNT] = {
#include "config/keys.def"
};
#undef KEY

const struct key *key_find(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!strcmp(keys[i].outside.name, name))
			return &keys[i];
	return NULL;
}

const void *key_field(const struct container_config *config, const struct key *key)
{
	return (const char *)config + key->offset;
}

static void *field_of(struct container_config *config, const struct key *key)
{
	return (char *)config + key->offset;
}

static size_t index_of(const struct key *key)
{
	return (size_t)(key - keys);
}

static void clear(struct container_config *config, const struct key *key)
{
	char why[128];

	memset(field_of(config, key), 0, key->type->size);
	config->given[index_of(key)] = false;
	if (key->outside.fallback[0])
		(void)key->type->parse(key->outside.fallback, field_of(config, key), why, sizeof(why));
}

void config_init(struct container_config *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < KEY_COUNT; i++)
		clear(config, &keys[i]);
}

static int refuse(struct berth_error *err, const struct key *key, const char *value, const char *why)
{
	return fail(err, BERTH_USAGE, EINVAL, "%s: '%.100s' is not acceptable%s%s; accepted is %s", key->outside.name, value,
		    why[0] ? ": " : "", why, key->type->accepted);
}

static int parse_value(struct container_config *config, const struct key *key, const char *value, struct berth_error *err)
{
	char why[128] = "";

	if (!key->type->parse(value, field_of(config, key), why, sizeof(why)))
		return refuse(err, key, value, why);
	config->given[index_of(key)] = true;
	return 0;
}

int config_assign(struct container_config *config, const struct berth_setting *settings, size_t count,
		  struct berth_error *err)
{
	bool seen[KEY_COUNT] = { false };

	for (size_t i = 0; i < count; i++) {
		const struct berth_setting *setting = &settings[i];
		const struct key *key = key_find(setting->key);
		int r;

		if (!key)
			return fail(err, BERTH_USAGE, EINVAL, "there is no key '%.64s'; berthctl help keys lists them", setting->key);
		if (key->applied_by == BY_IDENTITY)
			return fail(err, BERTH_USAGE, EINVAL, "%s: set by create and never changed", setting->key);
		if (setting->how != BERTH_ASSIGN && !key->type->list)
			return fail(err, BERTH_USAGE, EINVAL, "%s: not a list, so nothing can be added or deleted", setting->key);
		if (setting->how == BERTH_DELETE) {
			if (!key->type->remove(setting->value, field_of(config, key)))
				return fail(err, BERTH_USAGE, EINVAL, "%s: '%.100s' is not in the list", setting->key, setting->value);
			continue;
		}
		if (setting->how == BERTH_ASSIGN && seen[index_of(key)] && !key->type->list)
			return fail(err, BERTH_USAGE, EINVAL, "%s: given twice", setting->key);
		if (setting->how == BERTH_ASSIGN && !seen[index_of(key)] && key->type->list)
			clear(config, key);
		if (setting->how == BERTH_ASSIGN)
			seen[index_of(key)] = true;
		if (setting->how == BERTH_ADD && !setting->value[0])
			return fail(err, BERTH_USAGE, EINVAL, "%s: nothing to add", setting->key);
		/* "--ip ''" empties a list and "--hostname ''" goes back to the fallback. */
		if (!setting->value[0]) {
			clear(config, key);
			continue;
		}
		r = parse_value(config, key, setting->value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

bool config_same(const struct container_config *a, const struct container_config *b, const struct key *key)
{
	return !memcmp(key_field(a, key), key_field(b, key), key->type->size);
}

static void amount_text(uint64_t value, const struct value_type *type, char text[static VALUE_TEXT_MAX])
{
	type->format(&value, 0, text);
}

/* No two interfaces have the same; a route may hold the container's own addresses. */
static int find_twice(const struct owned_address *owned, void *data)
{
	const struct address *address = &owned->address;
	struct address_list *seen = data;

	for (uint32_t i = 0; i < seen->count; i++)
		if (seen->at[i].prefix == address->prefix && address_equal(&seen->at[i], address))
			return 1;
	if (seen->count < ADDRESSES_MAX)
		seen->at[seen->count++] = *address;
	return 0;
}

static int check_forwards(const struct container_config *config, struct berth_error *err)
{
	if (config->port_forward.count == 0 && config->net_port_block.count == 0)
		return 0;
	if (config->eth0.mode != NET_ROUTED || !address_list_first(&config->eth0.addresses, AF_INET))
		return fail(err, BERTH_USAGE, EINVAL, "%s: the host's ports go to the first IPv4 address of eth0 in routed mode; give ip too",
			    config->port_forward.count ? "port-forward" : "net-port-block");
	for (uint32_t i = 0; config->net_port_block.first && i < config->port_forward.count; i++) {
		const struct port_forward *forward = &config->port_forward.at[i];

		if (forward->host < config->net_port_block.first + config->net_port_block.count &&
		    config->net_port_block.first < forward->host + forward->count)
			return fail(err, BERTH_USAGE, EINVAL, "port-forward: port %u is in net-port-block, which forwards it already", forward->host);
	}
	return 0;
}

static int check_network(const struct container_config *config, struct berth_error *err)
{
	struct address_list seen = { 0 };
	char why[160];

	if (!nic_check(&config->eth0, why, sizeof(why)))
		return fail(err, BERTH_USAGE, EINVAL, "%s: %s", config->eth0.mode == NET_ROUTED ? "ip" : "net-mode", why);
	if (config_each_address(config, find_twice, &seen))
		return fail(err, BERTH_USAGE, EINVAL, "nic: an address is given to two interfaces");
	if (config->net_proxy && config->eth0.mode != NET_ROUTED)
		return fail(err, BERTH_USAGE, EINVAL, "net-proxy: in bridge mode the container answers for its addresses itself");
	if (config->eth0.mode == NET_BRIDGE && config->net_nat)
		return fail(err, BERTH_USAGE, EINVAL, "net-nat: packets on a bridge do not pass through the host's address translation");
	if (config->eth0.mode == NET_BRIDGE && (config->given[KEY_NET_CONNECTIONS] || config->given[KEY_NET_CONNECTION_RATE]))
		return fail(err, BERTH_USAGE, EINVAL, "%s: in bridge mode the host tracks no connections; net-packets bounds the packets",
			    config->given[KEY_NET_CONNECTIONS] ? "net-connections" : "net-connection-rate");
	return check_forwards(config, err);
}

int config_check(const struct container_config *config, struct berth_error *err)
{
	char one[VALUE_TEXT_MAX], other[VALUE_TEXT_MAX];

	if (config->memory_guarantee > config->memory) {
		amount_text(config->memory_guarantee, &type_SIZE, one);
		amount_text(config->memory, &type_SIZE, other);
		return fail(err, BERTH_USAGE, EINVAL, "memory-guarantee: %s is more than memory, which is %s", one, other);
	}
	if (config->memory != UNLIMITED && config->swap != UNLIMITED && config->memory > UNLIMITED - config->swap)
		return fail(err, BERTH_USAGE, EINVAL, "memory and swap together are larger than any machine");
	if (config->cpu_burst && config->cpu_burst > config->cpus) {
		amount_text(config->cpu_burst, &type_CORES, one);
		amount_text(config->cpus, &type_CORES, other);
		return fail(err, BERTH_USAGE, EINVAL, "cpu-burst: %s is more than cpus, which is %s", one, other);
	}
	if (config->cpu_burst && config->cpus == UNLIMITED)
		return fail(err, BERTH_USAGE, EINVAL, "cpu-burst: there is nothing to save up without a limit; give cpus too");
	if (!strcmp(config->cpuset, CPUSET_AUTO) && config->cpus == UNLIMITED)
		return fail(err, BERTH_USAGE, EINVAL, "cpuset: auto picks as many cores as cpus needs; give cpus too");
	return check_network(config, err);
}

const struct nic *config_nic(const struct container_config *config, uint32_t index)
{
	if (index == 0)
		return &config->eth0;
	return index <= config->nics.count ? &config->nics.at[index - 1] : NULL;
}

int config_each_address(const struct container_config *config, int (*function)(const struct owned_address *owned, void *data), void *data)
{
	const struct nic *nic;
	int r = 0;

	for (uint32_t n = 0; r == 0 && (nic = config_nic(config, n)); n++) {
		struct owned_address owned = { .vlan = nic->vlan };

		if (nic->mode == NET_BRIDGE)
			strcpy(owned.bridge, nic->bridge);
		for (uint32_t i = 0; r == 0 && i < nic->addresses.count; i++) {
			owned.key = n ? "nic" : "ip";
			owned.address = nic->addresses.at[i];
			/* On a bridge the prefix length is the network's, not the container's. */
			owned.address.prefix = 0;
			r = function(&owned, data);
		}
		for (uint32_t i = 0; r == 0 && i < nic->routes.count; i++) {
			owned.key = n ? "nic" : "route";
			owned.address = nic->routes.at[i];
			r = function(&owned, data);
		}
	}
	return r;
}

void config_merge(struct container_config *config, const struct container_config *from)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!from->given[i])
			continue;
		memcpy(field_of(config, &keys[i]), key_field(from, &keys[i]), keys[i].type->size);
		config->given[i] = true;
	}
}

int config_parse_line(char *line, int number, struct container_config *config, bool seen[static KEY_COUNT], struct berth_error *err)
{
	char *equals = strchr(line, '='), *end, *value;
	const struct key *key;
	int r;

	if (!equals)
		return fail(err, BERTH_FAILED, EINVAL, "line %d is no 'key = value'", number);
	for (end = equals; end > line && end[-1] == ' '; end--)
		;
	*end = '\0';
	for (value = equals + 1; *value == ' '; value++)
		;
	for (end = value + strlen(value); end > value && end[-1] == ' '; end--)
		end[-1] = '\0';

	key = key_find(line);
	if (!key)
		return fail(err, BERTH_FAILED, EINVAL, "line %d: there is no key '%.64s'", number, line);
	if (seen[index_of(key)] && !key->type->list)
		return fail(err, BERTH_FAILED, EINVAL, "line %d: %s is given twice", number, line);
	seen[index_of(key)] = true;
	r = parse_value(config, key, value, err);
	if (r < 0) {
		/* A bad file is not the caller's bad usage. */
		err->kind = BERTH_FAILED;
		return fail_context(err, "line %d", number);
	}
	return 0;
}

int config_parse(const char *text, size_t length, struct container_config *ret, struct berth_error *err)
{
	CLEAN_FREE char *copy = strndup(text, length);
	struct container_config config;
	bool seen[KEY_COUNT] = { false };
	int number = 0;
	char *rest, *line;

	if (!copy)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	if (length == 0)
		return fail(err, BERTH_FAILED, EINVAL, "it is empty");
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			return fail(err, BERTH_FAILED, EINVAL, "byte %zu is no text", i);
	if (text[length - 1] != '\n')
		return fail(err, BERTH_FAILED, EINVAL, "it is cut short: its last line has no newline");

	config_init(&config);
	rest = copy;
	while (line = strsep(&rest, "\n"), rest) {
		number++;
		if (number == 1) {
			if (strncmp(line, "version = ", 10) != 0)
				return fail(err, BERTH_FAILED, EINVAL, "its first line is not 'version = " FILE_VERSION "'");
			if (strcmp(line + 10, FILE_VERSION) != 0)
				return fail(err, BERTH_FAILED, EINVAL,
					    "it has version '%.20s', this Berth reads " FILE_VERSION ": use a newer Berth", line + 10);
			continue;
		}
		while (*line == ' ')
			line++;
		if (!*line || *line == '#')
			continue;
		int r = config_parse_line(line, number, &config, seen, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].applied_by == BY_IDENTITY && !keys[i].outside.fallback[0] && !seen[i])
			return fail(err, BERTH_FAILED, EINVAL, "it is cut short: %s is missing", keys[i].outside.name);
	*ret = config;
	return 0;
}

int config_format(const struct container_config *config, char **ret, size_t *ret_length, struct berth_error *err)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	fprintf(out, "version = %s\n# berth-container.conf(5); changed by berthctl set\n", FILE_VERSION);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];
		const void *field = key_field(config, key);
		size_t count = key->type->list ? key->type->count(field) : 1;

		for (size_t j = 0; config->given[i] && j < count; j++) {
			char value[VALUE_TEXT_MAX];

			key->type->format(field, j, value);
			fprintf(out, "%s = %s\n", key->outside.name, value);
		}
	}
	if (fclose(out) != 0) {
		free(text);
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	}
	*ret = text;
	*ret_length = length;
	return 0;
}
