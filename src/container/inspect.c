/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status and list: what is true of containers now. Readers take no lock and wait for nobody. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/container.h"
#include "container/guest_files.h"
#include "cgroup/resource_limits.h"

static void join_addresses(const struct address_list *list, char *text, size_t size)
{
	text[0] = '\0';
	for (uint32_t i = 0; i < list->count; i++) {
		char address[ADDRESS_TEXT_MAX];
		size_t length = strlen(text);

		address_format(&list->at[i], address);
		snprintf(text + length, size - length, "%s%s", length ? " " : "", address);
	}
}

static void fill_status(const struct container *container, struct berth_status *status)
{
	const struct container_config *config = &container->config;
	struct limits_usage usage;
	CLEAN_FD int monitor = known_process_open(&container->state.monitor);

	snprintf(status->hostname, sizeof(status->hostname), "%s", guest_hostname(config, container->name));
	strcpy(status->template_name, config->template_name);
	strcpy(status->description, config->description);
	snprintf(status->uuid, sizeof(status->uuid), "%.36s", config->uuid);
	join_addresses(&config->ip, status->addresses, sizeof(status->addresses));
	status->id = (uint32_t)config->id;
	status->host_uid = container_host_uid(container);
	status->autostart = config->autostart;
	status->memory_limit = config->memory;
	status->swap_limit = limits_swap(container->cgroup.host, config);
	status->pids_limit = config->pids;
	status->state = container_state_now(container);
	status->monitor = monitor >= 0;
	status->memory_used = status->memory_peak = status->swap_used = status->memory_oom_kills = UNLIMITED;
	status->cpu_microseconds = status->pids = UNLIMITED;
	if (status->state != BERTH_RUNNING && status->state != BERTH_PAUSED)
		return;
	status->init_pid = container->state.init.pid;
	status->monitor_pid = status->monitor ? container->state.monitor.pid : 0;
	status->started_at = container->state.started_at;
	if (container->state.addresses.count > 0)
		strcpy(status->interface, container->state.interface);
	limits_read_usage(&container->cgroup, &usage);
	status->memory_used = usage.memory;
	status->memory_peak = usage.memory_peak;
	status->swap_used = usage.swap;
	status->memory_oom_kills = usage.oom_kills;
	status->cpu_microseconds = usage.cpu;
	status->pids = usage.pids;
}

int berth_status(struct berth *berth, const char *name, struct berth_status *ret, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open(berth, name, &container, err);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	strcpy(ret->name, name);
	fill_status(&container, ret);
	return 0;
}

static int is_container(const struct dirent *entry)
{
	return name_is_valid(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int berth_list(struct berth *berth, berth_list_function function, void *data, struct berth_error *err)
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
		struct berth_error why;
		struct berth_status status;

		if (r == 0) {
			int one = berth_status(berth, entries[i]->d_name, &status, &why);

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
