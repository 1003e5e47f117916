/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user asked for: the struct, and the key table that knows every member of it.
 * Reads and writes configuration text; opens no files.
 */
#pragma once

#include "base/error.h"
#include "config/guest_value.h"
#include "config/network_value.h"

enum applied_by { BY_CGROUP, BY_STORAGE, BY_NETWORK, BY_MOUNTS, BY_GUEST, BY_START, BY_HOST, BY_IDENTITY };

enum key_id {
#define KEY(id, ...) KEY_##id,
#include "config/keys.def"
#undef KEY
	KEY_COUNT,
};

/* Parsed once, then const. Members of keys that are not given hold their fallback. */
struct container_config {
	bool given[KEY_COUNT];
	uint64_t memory, memory_high, memory_guarantee, swap;	/* bytes or UNLIMITED */
	uint64_t cpus, cpu_burst;		/* thousandths of a core or UNLIMITED */
	uint64_t cpu_weight, pids, cgroups;
	char cpuset[257];			/* "" is all, "auto" is chosen at start */
	uint64_t io_weight;
	uint64_t io_read_rate, io_write_rate;	/* bytes a second or UNLIMITED */
	uint64_t io_read_iops, io_write_iops;	/* operations a second or UNLIMITED */
	uint64_t disk, inodes;			/* bytes, count; or UNLIMITED */
	char hostname[65];			/* "" is the container's name */
	struct address_list nameserver;
	char search[257];
	struct nic eth0;
	struct nic_list nics;			/* beside eth0 */
	char net_uplink[INTERFACE_NAME_MAX];	/* "" is where the default route goes */
	bool net_proxy, net_nat, net_block, smtp;
	uint64_t net_packets, net_connections, net_connection_rate;
	struct port_forward_list port_forward;
	struct port_block net_port_block;
	uint64_t traffic_quota;			/* bytes or UNLIMITED */
	uint64_t traffic_counted, traffic_action;	/* enum traffic_counted, traffic_action */
	uint64_t traffic_throttle;		/* bits a second */
	uint64_t traffic_reset_day;
	char timezone[65], locale[65];		/* "" is the guest's own */
	struct guest_bind_list mounts;
	struct guest_device_list devices;
	struct credential_list credentials;
	bool tun, fuse, nesting;
	bool autostart;
	char init[257];				/* a command: command_split() */
	bool init_reaper;
	char description[257];
	char plan[65];				/* "" is none */
	bool linked;
	char template_name[65];
	char uuid[65];
	uint64_t created, id;
};

struct key {
	struct berth_key outside;		/* what the public header shows */
	enum applied_by applied_by;
	const struct value_type *type;
	size_t offset;
};
extern const struct key keys[KEY_COUNT];

/* The key of that name, or NULL. */
const struct key *key_find(const char *name);
const void *key_field(const struct container_config *config, const struct key *key);

/* A configuration with every key at its fallback and nothing given. */
void config_init(struct container_config *config);

/* Applies command line settings in order. The first BERTH_ASSIGN of a list key empties the list. Names the key, the
 * value and what is accepted on refusal (BERTH_USAGE); *config is then half changed and to be thrown away. */
int config_assign(struct container_config *config, const struct berth_setting *settings, size_t count,
		  struct berth_error *err);

/* Refuses (BERTH_USAGE) keys that contradict each other. */
int config_check(const struct container_config *config, struct berth_error *err);

/* One "key = value" line of a file, cut in place, without the newline. Empty lines and comments are for the caller to skip.
 * Refuses unknown keys and, by seen, keys given twice. */
int config_parse_line(char *line, int number, struct container_config *config, bool seen[static KEY_COUNT], struct berth_error *err);

/* Gives config every key that is given in from. */
void config_merge(struct container_config *config, const struct container_config *from);

/* The interfaces there are: 0 is eth0, then nics. NULL behind the last. One that is not made (nic_exists()) is among them. */
const struct nic *config_nic(const struct container_config *config, uint32_t index);

/* An address or prefix that is one container's alone: on the host, or, with a bridge, in that network. */
struct owned_address {
	struct address address;
	char bridge[INTERFACE_NAME_MAX];	/* "" in routed mode */
	uint64_t vlan;
	const char *key;			/* of which it is a value */
};

/* All of them, of all interfaces: calls function until it is not 0. */
int config_each_address(const struct container_config *config, int (*function)(const struct owned_address *owned, void *data), void *data);

/* Whether the key has the same value in both. */
bool config_same(const struct container_config *a, const struct container_config *b, const struct key *key);

/* Parses the text of a configuration file. Refuses unknown and duplicate keys, bad values, later versions, NUL and
 * control bytes, a missing last newline and a missing identity: errors name the line. */
int config_parse(const char *text, size_t length, struct container_config *ret, struct berth_error *err);

/* The text of a configuration file, newly allocated. */
int config_format(const struct container_config *config, char **ret, size_t *ret_length, struct berth_error *err);
