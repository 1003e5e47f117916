/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as text: the lines of the file, and what the kernel's log says of a kill. Opens nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/events.h"

static const char *const kinds[] = { [BERTH_OOM_KILL] = "oom-kill", [BERTH_STALL_KILL] = "stall-kill",
				       [BERTH_TRAFFIC_QUOTA] = "traffic-quota" };

const char *berth_event_name(enum berth_event_kind kind)
{
	return kinds[kind];
}

bool event_parse(const char *line, struct berth_event *ret, uint64_t *ret_sequence)
{
	struct berth_event event = { 0 };
	char kind[16];
	int pid, used = 0;

	if (sscanf(line, "%" SCNu64 " %15s %d %" SCNu64 " %" SCNu64 " %n", &event.time, kind, &pid, &event.bytes, ret_sequence, &used) != 5 ||
	    !used || pid < 0 || strlen(line + used) >= sizeof(event.process))
		return false;
	event.pid = pid;
	strcpy(event.process, line + used);
	berth_make_printable(event.process);
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		if (strcmp(kind, kinds[i]) != 0)
			continue;
		event.kind = (enum berth_event_kind)i;
		*ret = event;
		return true;
	}
	return false;
}

/* "6,339,5140900,-;Memory cgroup out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:2kB, ..., UID:65536 pgtables:..."
 * The name can hold anything but is at most 15 bytes: what follows it is looked for from behind. */
bool event_parse_kernel_record(const char *record, uid_t first, struct berth_event *ret, uint64_t *ret_sequence)
{
	static const char killed[] = "Killed process ", after[] = ") total-vm:";
	struct berth_event event = { .kind = BERTH_OOM_KILL };
	const char *message = strchr(record, ';'), *name, *end = NULL, *uid = NULL, *rss;
	uint64_t sequence;
	char *rest;

	if (!message || sscanf(record, "%*u,%" SCNu64 ",%" SCNu64, &sequence, &event.time) != 2 || !(name = strstr(message, killed)))
		return false;
	event.pid = (pid_t)strtol(name + strlen(killed), &rest, 10);
	if (strncmp(rest, " (", 2) != 0)
		return false;
	name = rest + 2;
	for (const char *p = name; (p = strstr(p, after)); p++)
		end = p;
	for (const char *p = end; p && (p = strstr(p, "UID:")); p++)
		uid = p;
	if (!uid || strtoul(uid + 4, NULL, 10) < first || strtoul(uid + 4, NULL, 10) - first >= ID_RANGE_SIZE)
		return false;
	rss = strstr(end, "anon-rss:");
	event.bytes = rss ? strtoull(rss + strlen("anon-rss:"), NULL, 10) * 1024 : 0;
	snprintf(event.process, sizeof(event.process), "%.*s", (int)(end - name), name);
	berth_make_printable(event.process);
	*ret = event;
	*ret_sequence = sequence;
	return true;
}
