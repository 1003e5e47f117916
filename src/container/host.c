/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host: what there is, what is sold of it, and what is in use. */
#include "container/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/commitments.h"
#include "cgroup/resource_limits.h"

#define POLICY_MAX (256 * 1024)

/* "MemTotal:  16384 kB" */
static uint64_t meminfo(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

int host_resources_read(const struct berth *berth, struct host_resources *ret, struct berth_error *err)
{
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	struct statvfs fs;
	char text[8192];
	int r;

	if (containers < 0)
		return containers;
	r = read_small_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text));
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read /proc/meminfo: %s", strerror(-r));
	if (fstatvfs(containers, &fs) < 0)
		return fail_errno(err, "cannot look at the filesystem of the containers");
	*ret = (struct host_resources){
		.memory = meminfo(text, "MemTotal:"), .memory_available = meminfo(text, "MemAvailable:"),
		.swap = meminfo(text, "SwapTotal:"), .swap_free = meminfo(text, "SwapFree:"), .cpus = (uint64_t)get_nprocs() * 1000,
		.disk = (uint64_t)fs.f_blocks * fs.f_frsize, .disk_free = (uint64_t)fs.f_bavail * fs.f_frsize,
	};
	return 0;
}

uint64_t host_usable_memory(const struct host_resources *resources, const struct policy *policy)
{
	uint64_t reserve = policy->memory_reserve == UNLIMITED ? resources->memory / 10 : policy->memory_reserve;

	return reserve < resources->memory ? resources->memory - reserve : 0;
}

int host_policy_read(const struct berth *berth, struct policy *ret, struct berth_error *err)
{
	char path[PATH_MAX];
	CLEAN_FREE char *text = NULL;
	size_t length;
	int r;

	policy_init(ret);
	snprintf(path, sizeof(path), "%s/etc/berth/berth.conf", berth->root);
	r = read_file_at(AT_FDCWD, path, POLICY_MAX, &text, &length);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read %s: %s", path, strerror(-r));
	r = policy_parse(text, length, ret, err);
	return r < 0 ? fail_context(err, "%s", path) : 0;
}

/* "some avg10=1.23 ...": in hundredths of a percent. */
static void read_pressure(const char *file, struct berth_host_row *row)
{
	char path[64], text[512];

	row->pressure_some = row->pressure_full = UNLIMITED;
	snprintf(path, sizeof(path), "/proc/pressure/%s", file);
	if (read_small_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	for (const char *line = text; line && *line; line = next_line(line)) {
		unsigned int whole, hundredths;

		if (sscanf(line, "some avg10=%u.%u", &whole, &hundredths) == 2)
			row->pressure_some = whole * 100 + hundredths;
		else if (sscanf(line, "full avg10=%u.%u", &whole, &hundredths) == 2)
			row->pressure_full = whole * 100 + hundredths;
	}
}

int berth_host(struct berth *berth, struct berth_host *ret, struct berth_error *err)
{
	CLEAN_POLICY struct policy policy;
	struct host_resources host = { 0 };
	struct commitments sums;
	struct container_cgroup all;
	struct limits_usage usage;
	int r = host_policy_read(berth, &policy, err);

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = host_resources_read(berth, &host, err);
	if (r == 0)
		r = commitments_read(berth, &sums, err);
	/* Berth's own cgroup has all containers in it: one look tells what they use together. */
	if (r == 0)
		r = container_cgroup_init(&all, berth->cgroup_parent, "", err);
	if (r != 0)
		return r;
	limits_read_usage(&all, BERTH_USAGE_MEMORY | BERTH_USAGE_SWAP, &usage);
	ret->containers = sums.sold.containers;
	ret->running = sums.running.containers;
	ret->rows[BERTH_HOST_MEMORY] = (struct berth_host_row){
		.name = "memory", .physical = host.memory, .usable = host_usable_memory(&host, &policy), .sold = sums.sold.memory,
		.running = sums.running.memory, .unlimited = sums.sold.no_memory, .guaranteed = sums.sold.guarantee,
		.used = host.memory - host.memory_available, .used_by_containers = usage.memory, .oversell = policy.memory_oversell,
	};
	ret->rows[BERTH_HOST_SWAP] = (struct berth_host_row){
		.name = "swap", .physical = host.swap, .usable = host.swap, .sold = sums.sold.swap, .running = sums.running.swap,
		.unlimited = sums.sold.no_swap, .used = host.swap - host.swap_free, .used_by_containers = usage.swap, .oversell = policy.swap_oversell,
	};
	ret->rows[BERTH_HOST_CPUS] = (struct berth_host_row){
		.name = "cpus", .physical = host.cpus, .usable = host.cpus, .sold = sums.sold.cpus, .running = sums.running.cpus,
		.unlimited = sums.sold.no_cpus, .used = UNLIMITED, .used_by_containers = UNLIMITED, .oversell = policy.cpus_oversell,
	};
	ret->rows[BERTH_HOST_DISK] = (struct berth_host_row){
		.name = "disk", .physical = host.disk, .usable = host.disk, .sold = sums.sold.disk, .running = sums.running.disk,
		.unlimited = sums.sold.no_disk, .used = host.disk - host.disk_free, .used_by_containers = UNLIMITED, .oversell = policy.disk_oversell,
	};
	read_pressure("memory", &ret->rows[BERTH_HOST_MEMORY]);
	ret->rows[BERTH_HOST_SWAP].pressure_some = ret->rows[BERTH_HOST_SWAP].pressure_full = UNLIMITED;
	read_pressure("cpu", &ret->rows[BERTH_HOST_CPUS]);
	read_pressure("io", &ret->rows[BERTH_HOST_DISK]);
	/* With nothing running there is no cgroup to ask. */
	if (sums.running.containers == 0)
		ret->rows[BERTH_HOST_MEMORY].used_by_containers = ret->rows[BERTH_HOST_SWAP].used_by_containers = 0;
	return 0;
}
