/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/memory_events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/value.h"

static bool is_v1(const struct container_cgroup *cgroup)
{
	return controller_version(cgroup->host, CONTROLLER_MEMORY) == CONTROLLER_V1;
}

/* v1: "EVENTFD FD ARGUMENTS" in cgroup.event_control ties them together (cgroup-v1/memory.rst, sections 10 and 11). */
static int tie(const struct container_cgroup *cgroup, int event, const char *file, const char *arguments)
{
	CLEAN_FD int control = controller_open(cgroup->host, CONTROLLER_MEMORY, cgroup->path, file, O_RDONLY);
	CLEAN_FD int registry = controller_open(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "cgroup.event_control", O_WRONLY);
	char text[32];

	if (control < 0 || registry < 0)
		return control < 0 ? control : registry;
	snprintf(text, sizeof(text), "%d %d%s", event, control, arguments);
	return write(registry, text, strlen(text)) < 0 ? -errno : 0;
}

static int open_v1(const struct container_cgroup *cgroup)
{
	CLEAN_FD int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = event < 0 ? -errno : tie(cgroup, event, "memory.oom_control", "");

	/* Any reclaim; a kernel without it tells of kills only. */
	if (r == 0)
		(void)tie(cgroup, event, "memory.pressure_level", " low");
	return r < 0 ? r : take_fd(&event);
}

int memory_events_open(const struct container_cgroup *cgroup)
{
	return is_v1(cgroup) ? open_v1(cgroup) : controller_open(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.events", O_RDONLY | O_NONBLOCK);
}

int memory_kills_open(const struct container_cgroup *cgroup)
{
	return controller_open(cgroup->host, CONTROLLER_MEMORY, cgroup->path, is_v1(cgroup) ? "memory.oom_control" : "memory.events", O_RDONLY);
}

int memory_pressure_open(const struct container_cgroup *cgroup)
{
	return controller_open(cgroup->host, CONTROLLER_CORE, cgroup->path, "memory.pressure", O_RDONLY);
}

int io_pressure_open(const struct container_cgroup *cgroup)
{
	return controller_open(cgroup->host, CONTROLLER_CORE, cgroup->path, "io.pressure", O_RDONLY);
}

/* "max" and what is missing are no limit. */
static uint64_t number(const struct container_cgroup *cgroup, const char *file)
{
	return controller_read_number(cgroup->host, CONTROLLER_MEMORY, cgroup->path, file);
}

static bool read_stat(const struct container_cgroup *cgroup, char *text, size_t size)
{
	return controller_read(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.stat", text, size);
}

static uint64_t file_pages(const struct container_cgroup *cgroup)
{
	static const char *const words[2][2] = { { "active_file", "inactive_file" }, { "total_active_file", "total_inactive_file" } };
	char text[8192];
	uint64_t sum = 0;

	if (!read_stat(cgroup, text, sizeof(text)))
		return UNLIMITED;
	for (size_t i = 0; i < 2; i++) {
		uint64_t value = controller_keyed(text, words[is_v1(cgroup)][i]);

		sum += value == UNLIMITED ? 0 : value;
	}
	return sum;
}

static uint64_t host_swap_free(void)
{
	char text[8192];
	const char *line;

	if (read_small_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0 || !(line = strstr(text, "SwapFree:")))
		return 0;
	return strtoull(line + strlen("SwapFree:"), NULL, 10) * 1024;
}

/* On v1 the limit is of the sum, and what of the swap is free is what the sum leaves. */
static uint64_t swap_left(const struct container_cgroup *cgroup)
{
	uint64_t limit = number(cgroup, is_v1(cgroup) ? "memory.memsw.limit_in_bytes" : "memory.swap.max");
	uint64_t used = number(cgroup, is_v1(cgroup) ? "memory.memsw.usage_in_bytes" : "memory.swap.current");
	uint64_t host = host_swap_free(), own;

	if (used == UNLIMITED)
		return 0;
	own = limit > used ? limit - used : 0;
	return own < host ? own : host;
}

bool memory_is_exhausted(const struct container_cgroup *cgroup)
{
	uint64_t limit = number(cgroup, is_v1(cgroup) ? "memory.limit_in_bytes" : "memory.max");
	uint64_t used = number(cgroup, is_v1(cgroup) ? "memory.usage_in_bytes" : "memory.current");
	uint64_t high = is_v1(cgroup) ? UNLIMITED : number(cgroup, "memory.high");
	uint64_t cache = file_pages(cgroup);

	limit = high < limit ? high : limit;
	if (limit == UNLIMITED || used == UNLIMITED || cache == UNLIMITED || used < limit - limit / 8)
		return false;
	return cache + swap_left(cgroup) < limit / 8;
}

uint64_t memory_major_faults(const struct container_cgroup *cgroup)
{
	char text[8192];

	return read_stat(cgroup, text, sizeof(text)) ? controller_keyed(text, is_v1(cgroup) ? "total_pgmajfault" : "pgmajfault") : UNLIMITED;
}
