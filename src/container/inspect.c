/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status and list: what is true of containers now. Readers take no lock and wait for nobody. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/connection.h"
#include "container/guest_files.h"
#include "container/guest_init.h"
#include "container/rootfs.h"
#include "cgroup/resource_limits.h"
#include "net/interface.h"
#include "net/network.h"

/* Of all interfaces, without prefix lengths; prefixes that are routed are not addresses. */
static void join_addresses(const struct container_config *config, char *text, size_t size)
{
	const struct nic *nic;

	text[0] = '\0';
	for (uint32_t n = 0; (nic = config_nic(config, n)); n++) {
		for (uint32_t i = 0; i < nic->addresses.count; i++) {
			struct address one = nic->addresses.at[i];
			char address[ADDRESS_TEXT_MAX];
			size_t length = strlen(text);

			one.prefix = 0;
			address_format(&one, address);
			snprintf(text + length, size - length, "%s%s", length ? " " : "", address);
		}
	}
}

static void fill_usage(const struct container *container, unsigned int parts, struct berth_status *status)
{
	struct limits_usage usage;
	struct disk_usage disk;

	if (parts & BERTH_USAGE_DISK) {
		rootfs_read_usage(container, &disk);
		status->disk_used = disk.bytes;
		status->inodes_used = disk.inodes;
	}
	if (!status->init_pid)
		return;
	limits_read_usage(&container->cgroup, parts, &usage);
	status->memory_used = usage.memory;
	status->memory_peak = usage.memory_peak;
	status->swap_used = usage.swap;
	status->memory_oom_kills = usage.oom_kills;
	status->cpu_microseconds = usage.cpu;
	status->pids = usage.pids;
	status->io_read = usage.io_read;
	status->io_written = usage.io_written;
}

static void fill_status(const struct container *container, struct berth_status *status)
{
	const struct container_config *config = &container->config;
	CLEAN_FD int monitor = known_process_open(&container->state.monitor);

	snprintf(status->hostname, sizeof(status->hostname), "%s", guest_hostname(config, container->name));
	strcpy(status->template_name, config->template_name);
	strcpy(status->description, config->description);
	snprintf(status->uuid, sizeof(status->uuid), "%.36s", config->uuid);
	join_addresses(config, status->addresses, sizeof(status->addresses));
	status->id = (uint32_t)config->id;
	status->host_uid = container_host_uid(container);
	status->autostart = config->autostart;
	status->memory_limit = config->memory;
	status->swap_limit = limits_swap(container->cgroup.host, config);
	status->pids_limit = config->pids;
	status->state = container_state_now(container);
	status->monitor = monitor >= 0;
	status->memory_used = status->memory_peak = status->swap_used = status->memory_oom_kills = UNLIMITED;
	status->cpu_microseconds = status->pids = status->disk_used = status->inodes_used = status->io_read = status->io_written = UNLIMITED;
	if (status->state != BERTH_RUNNING && status->state != BERTH_PAUSED)
		return;
	status->init_pid = container->state.init.pid;
	status->ready = guest_init_is_ready(container);
	status->monitor_pid = status->monitor ? container->state.monitor.pid : 0;
	status->started_at = container->state.started_at;
	if (nic_exists(&config->eth0))
		interface_name(config->id, 0, status->interface);
}

static int look_at(struct berth *berth, const char *name, unsigned int usage, struct container *container, struct berth_status *ret,
		   struct berth_error *err)
{
	int r = container_open(berth, name, container, err);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	strcpy(ret->name, name);
	fill_status(container, ret);
	fill_usage(container, usage, ret);
	return 0;
}

int berth_status(struct berth *berth, const char *name, struct berth_status *ret, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };

	return look_at(berth, name, BERTH_USAGE_ALL, &container, ret, err);
}

static int is_container(const struct dirent *entry)
{
	return name_is_valid(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int berth_list(struct berth *berth, unsigned int usage, berth_list_function function, void *data, struct berth_error *err)
{
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	struct dirent **entries;
	int count, r = 0;

	if (containers < 0)
		return containers;
	count = scandirat(containers, ".", &entries, is_container, by_name);
	if (count < 0)
		return fail_errno(err, "cannot list the containers");
	for (int i = 0; i < count; i++) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };
		struct berth_error why;
		struct berth_status status;

		if (r == 0) {
			int one = look_at(berth, entries[i]->d_name, usage, &container, &status, &why);

			status.settings = (const struct berth_settings *)&container.config;

			/* Destroyed since the directory was read. */
			if (one == 0 || why.kind != BERTH_NOT_FOUND) {
				snprintf(status.name, sizeof(status.name), "%.32s", entries[i]->d_name);
				if (one < 0)
					status.state = BERTH_BROKEN;
				r = function(&status, one < 0 ? why.text : NULL, data);
			}
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

static void put_effective(const struct key *key, uint64_t value, struct berth_limit *limit)
{
	char text[VALUE_TEXT_MAX];

	key->type->format(&value, 0, text);
	snprintf(limit->effective, sizeof(limit->effective), "%.63s", text);
	key->type->format_raw(&value, 0, text);
	snprintf(limit->effective_raw, sizeof(limit->effective_raw), "%.63s", text);
}

static void fill_disk(const struct container *container, const struct key *key, struct berth_limit *limit)
{
	bool bytes = key == &keys[KEY_DISK];
	struct disk_usage usage;

	rootfs_read_usage(container, &usage);
	limit->used = bytes ? usage.bytes : usage.inodes;
	if (limit->used != UNLIMITED)
		put_effective(key, bytes ? usage.bytes_limit : usage.inodes_limit, limit);
}

static void fill_cgroup(const struct container *container, const struct key *key, bool running, struct berth_limit *limit)
{
	struct limits_meter meter;

	if (!running || !limits_read_meter(&container->cgroup, (enum key_id)(key - keys), &meter) || !meter.known)
		return;
	limit->used = meter.used;
	limit->peak = meter.peak;
	limit->hits = meter.hits;
	if (meter.text[0])
		strcpy(limit->effective, meter.text);
	else if (key->type->number)
		put_effective(key, meter.effective, limit);
}

/* Those of the network that are a number: in force is what was noted, which a used-up traffic-quota may have lowered. */
static bool is_network_limit(const struct key *key)
{
	static const enum key_id ids[] = { KEY_NET_RATE_IN, KEY_NET_RATE_OUT, KEY_NET_PACKETS, KEY_NET_CONNECTIONS, KEY_NET_CONNECTION_RATE };

	for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
		if (key == &keys[ids[i]])
			return true;
	return false;
}

static void fill_network(const struct container_config *applied, const struct key *key, struct berth_limit *limit)
{
	if (applied && network_exists(applied))
		put_effective(key, *(const uint64_t *)key_field(applied, key), limit);
}

int berth_limits(struct berth *berth, const char *name, berth_limit_function function, void *data, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct container_config applied;
	int r = container_open(berth, name, &container, err);
	enum berth_state state;
	bool running, connected;

	if (r < 0)
		return r;
	state = container_state_now(&container);
	running = state == BERTH_RUNNING || state == BERTH_PAUSED;
	connected = running && connection_read(&container, &applied) == 0;
	rootfs_find_disk(&container, &container.config);
	for (size_t i = 0; r == 0 && i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];
		struct berth_limit limit = { .key = key->outside.name, .used = UNLIMITED, .peak = UNLIMITED, .hits = UNLIMITED,
					     .bytes = key->type == &type_SIZE || key->type == &type_AMOUNT };
		char text[VALUE_TEXT_MAX];

		if (key->applied_by != BY_CGROUP && key->applied_by != BY_STORAGE && !is_network_limit(key))
			continue;
		key->type->format(key_field(&container.config, key), 0, text);
		snprintf(limit.configured, sizeof(limit.configured), "%.263s", text);
		if (key->type->format_raw) {
			key->type->format_raw(key_field(&container.config, key), 0, text);
			snprintf(limit.configured_raw, sizeof(limit.configured_raw), "%.63s", text);
		}
		if (key->applied_by == BY_STORAGE)
			fill_disk(&container, key, &limit);
		else if (key->applied_by == BY_NETWORK)
			fill_network(connected ? &applied : NULL, key, &limit);
		else
			fill_cgroup(&container, key, running, &limit);
		r = function(&limit, data);
	}
	return r;
}
