/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/memory_room.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"

#define PATIENCE_MS 10000

/* 0 where it is not counted: then there is nothing to reclaim either. */
static uint64_t in_use(const struct container_cgroup *cgroup)
{
	bool v1 = cgroup->host->version[CONTROLLER_MEMORY] == CONTROLLER_V1;
	uint64_t used = controller_read_number(cgroup->host, CONTROLLER_MEMORY, cgroup->path, v1 ? "memory.usage_in_bytes" : "memory.current");

	return used == UINT64_MAX ? 0 : used;
}

/* As long as it gets anywhere. EAGAIN is the kernel's word for "less than that". */
static void reclaim(const struct container_cgroup *cgroup, uint64_t size, int64_t deadline)
{
	uint64_t used, before = UINT64_MAX;

	while ((used = in_use(cgroup)) > size && used < before && deadline_left(deadline) > 0) {
		struct berth_error ignored;
		char text[24];

		sprintf(text, "%" PRIu64, used - size);
		before = used;
		if (controller_write(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.reclaim", text, &ignored) == -ENOENT)
			return;
	}
}

/* v1 never kills for a lower limit, it says EBUSY; and gives up before it has tried all. force_empty tries all. */
static void reclaim_v1(const struct container_cgroup *cgroup, uint64_t size)
{
	struct berth_error ignored;
	char text[24];

	sprintf(text, "%" PRIu64, size);
	if (controller_write(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.limit_in_bytes", text, &ignored) == -EBUSY)
		(void)controller_write(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.force_empty", "0", &ignored);
}

int memory_make_room(const struct container_cgroup *cgroup, uint64_t size, struct berth_error *err)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	uint64_t used;
	char text[24];
	int r;

	if (in_use(cgroup) <= size)
		return 0;
	if (cgroup->host->version[CONTROLLER_MEMORY] == CONTROLLER_V1) {
		reclaim_v1(cgroup, size);
	} else {
		reclaim(cgroup, size, deadline);
		/* From here on whoever asks for more waits: what is free now is still free when memory.max is written. The write reclaims
		 * as well. */
		sprintf(text, "%" PRIu64, size);
		r = controller_write(cgroup->host, CONTROLLER_MEMORY, cgroup->path, "memory.high", text, err);
		if (r < 0)
			return r;
	}
	used = in_use(cgroup);
	if (used <= size)
		return 0;
	return fail(err, BERTH_REFUSED, EBUSY,
		    "memory: %" PRIu64 "M are in use and cannot be freed; end something in the container, or give at least that",
		    (used + (1 << 20) - 1) >> 20);
}
