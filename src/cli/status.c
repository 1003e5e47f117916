/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status: what is true of one container, its limits, and what happened to it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"

#define EVENTS_SHOWN 10		/* in text; JSON has the last hundred */
#define EVENTS_JSON 100

static json_object *split(const char *blank_separated)
{
	json_object *list = json_object_new_array();

	while (*blank_separated) {
		size_t length = strcspn(blank_separated, " ");

		json_object_array_add(list, json_object_new_string_len(blank_separated, (int)length));
		blank_separated += length;
		blank_separated += *blank_separated == ' ';
	}
	return list;
}

void status_fill_json(json_object *object, const struct berth_status *status, const char *broken_why)
{
	json_add_text(object, "name", status->name);
	json_add_text(object, "state", berth_state_name(status->state));
	if (broken_why) {
		json_add_text(object, "error", broken_why);
		return;
	}
	json_object_object_add(object, "ready", json_object_new_boolean(status->ready));
	json_object_object_add(object, "monitor", json_object_new_boolean(status->monitor));
	json_add_number(object, "init-pid", status->init_pid ? (uint64_t)status->init_pid : UINT64_MAX);
	json_add_number(object, "monitor-pid", status->monitor_pid ? (uint64_t)status->monitor_pid : UINT64_MAX);
	json_add_text(object, "uuid", status->uuid);
	json_add_number(object, "id", status->id);
	json_add_number(object, "host-uid", status->host_uid);
	json_add_text(object, "template", status->template_name);
	json_add_text(object, "hostname", status->hostname);
	json_add_text(object, "description", status->description);
	json_object_object_add(object, "ip", split(status->addresses));
	json_add_text(object, "interface", status->interface);
	json_object_object_add(object, "autostart", json_object_new_boolean(status->autostart));
	json_add_number(object, "started", status->started_at ? status->started_at : UINT64_MAX);
	json_add_number(object, "memory", status->memory_limit);
	json_add_number(object, "memory-used", status->memory_used);
	json_add_number(object, "memory-peak", status->memory_peak);
	json_add_number(object, "oom-kills", status->memory_oom_kills);
	json_add_number(object, "swap", status->swap_limit);
	json_add_number(object, "swap-used", status->swap_used);
	json_add_number(object, "pids", status->pids_limit);
	json_add_number(object, "pids-used", status->pids);
	json_add_number(object, "cpu-microseconds", status->cpu_microseconds);
	json_add_number(object, "disk-used", status->disk_used);
	json_add_number(object, "inodes-used", status->inodes_used);
	json_add_number(object, "io-read", status->io_read);
	json_add_number(object, "io-written", status->io_written);
}

static void print_line(const char *what, const char *value)
{
	printf("%-13s %s\n", what, value);
}

static void print_status(const struct berth_status *status)
{
	char a[24], b[24], line[128];
	time_t started = (time_t)status->started_at;

	print_line("name", status->name);
	printf("%-13s ", "state");
	print_state(status->state, 0);
	printf("%s\n", status->init_pid && !status->monitor ? " (its monitor is dead: no console, no reboot from inside)" : "");
	print_line("template", status->template_name);
	print_line("hostname", status->hostname);
	print_line("address", status->addresses[0] ? status->addresses : "-");
	if (status->description[0])
		print_line("description", status->description);
	print_line("uuid", status->uuid);
	snprintf(line, sizeof(line), "%u to %u", status->host_uid, status->host_uid + 65535);
	print_line("host ids", line);
	if (!status->init_pid)
		return;
	strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S", localtime(&started));
	print_line("started", line);
	snprintf(line, sizeof(line), "%d", status->init_pid);
	print_line("init", line);
	print_line("ready", status->ready ? "yes" : "no");
	if (status->interface[0])
		print_line("interface", status->interface);
	if (status->cpu_microseconds != UINT64_MAX) {
		snprintf(line, sizeof(line), "%.2f s", (double)status->cpu_microseconds / 1e6);
		print_line("CPU time", line);
	}
	if (status->io_read != UINT64_MAX) {
		snprintf(line, sizeof(line), "%s read, %s written", format_bytes(status->io_read, a), format_bytes(status->io_written, b));
		print_line("disk traffic", line);
	}
	if (status->memory_oom_kills != UINT64_MAX) {
		snprintf(line, sizeof(line), "%" PRIu64, status->memory_oom_kills);
		print_line("OOM kills", line);
	}
}

/* --- limits ---------------------------------------------------------------------------------------------------------------- */

static const char *format_used(uint64_t value, bool bytes, char text[static 24])
{
	if (bytes || value == UINT64_MAX)
		return format_bytes(value, text);
	snprintf(text, 24, "%" PRIu64, value);
	return text;
}

static int print_limit(const struct berth_limit *limit, void *data)
{
	char used[24], peak[24], hits[24];

	(void)data;
	printf("%-17s %10s  %10s  %9s  %9s  %9s\n", limit->key, limit->configured, limit->effective[0] ? limit->effective : "-",
	       format_used(limit->used, limit->bytes, used), format_used(limit->peak, limit->bytes, peak), format_used(limit->hits, false, hits));
	return 0;
}

static json_object *raw_value(const char *text, const char *raw)
{
	if (raw[0])
		return strcmp(raw, "null") ? json_tokener_parse(raw) : NULL;
	return text[0] ? json_object_new_string(text) : NULL;
}

static int add_limit(const struct berth_limit *limit, void *data)
{
	json_object *one = json_object_new_object();

	json_object_object_add(one, "configured", raw_value(limit->configured, limit->configured_raw));
	json_object_object_add(one, "in-force", json_object_new_boolean(limit->effective[0]));
	json_object_object_add(one, "effective", raw_value(limit->effective, limit->effective_raw));
	json_add_number(one, "used", limit->used);
	json_add_number(one, "peak", limit->peak);
	json_add_number(one, "hits", limit->hits);
	json_object_object_add(data, limit->key, one);
	return 0;
}

/* --- events: the last of them ------------------------------------------------------------------------------------------------ */

struct recent {
	struct berth_event at[EVENTS_JSON];
	size_t count;
};

static int keep_event(const struct berth_event *event, void *data)
{
	struct recent *recent = data;

	recent->at[recent->count++ % EVENTS_JSON] = *event;
	return 0;
}

static void each_recent(const struct recent *recent, size_t most, void (*function)(const struct berth_event *event, void *data), void *data)
{
	size_t kept = recent->count < most ? recent->count : most;

	for (size_t i = recent->count - kept; i < recent->count; i++)
		function(&recent->at[i % EVENTS_JSON], data);
}

static void print_event(const struct berth_event *event, void *data)
{
	time_t at = (time_t)event->time;
	char when[32], bytes[24];

	(void)data;
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime(&at));
	if (event->pid)
		printf("%s  %-10s  %s (host pid %d, %s)\n", when, berth_event_name(event->kind), event->process, event->pid,
		       format_bytes(event->bytes, bytes));
	else
		printf("%s  %-10s  a process the kernel's log does not name\n", when, berth_event_name(event->kind));
}

static void add_event(const struct berth_event *event, void *data)
{
	json_object *one = json_object_new_object();

	json_add_number(one, "time", event->time);
	json_add_text(one, "event", berth_event_name(event->kind));
	json_add_number(one, "pid", event->pid ? (uint64_t)event->pid : UINT64_MAX);
	json_add_text(one, "process", event->process);
	json_add_number(one, "bytes", event->bytes);
	json_object_array_add(data, one);
}

static int print_all(struct berth *berth, const char *name, const struct recent *recent, const struct berth_status *status, struct berth_error *err)
{
	print_status(status);
	printf("\n%-17s %10s  %10s  %9s  %9s  %9s\n", "LIMIT", "CONFIGURED", "EFFECTIVE", "USED", "PEAK", "HITS");
	if (berth_limits(berth, name, print_limit, NULL, err) < 0)
		return report(err);
	if (recent->count > 0)
		printf("\nEVENTS\n");
	each_recent(recent, EVENTS_SHOWN, print_event, NULL);
	return flush_output();
}

static int run_status(struct invocation *invocation)
{
	const char *name = invocation->arguments[0];
	json_object *object, *limits, *events;
	struct recent *recent;
	struct berth_status status;
	struct berth_error err;
	int code;

	if (berth_status(invocation->berth, name, &status, &err) < 0)
		return report(&err);
	recent = calloc(1, sizeof(*recent));
	if (!recent)
		return BERTH_FAILED;
	if (berth_events(invocation->berth, name, keep_event, recent, &err) < 0) {
		free(recent);
		return report(&err);
	}
	if (!invocation->json) {
		code = print_all(invocation->berth, name, recent, &status, &err);
		free(recent);
		return code;
	}
	object = json_begin();
	limits = json_object_new_object();
	events = json_object_new_array();
	status_fill_json(object, &status, NULL);
	json_object_object_add(object, "limits", limits);
	json_object_object_add(object, "events", events);
	each_recent(recent, EVENTS_JSON, add_event, events);
	free(recent);
	if (berth_limits(invocation->berth, name, add_limit, limits, &err) < 0) {
		json_object_put(object);
		return report(&err);
	}
	return json_end(object);
}

const struct command status_command = {
	.name = "status", .arguments = "NAME", .help = "show what is true of a container", .least = 1, .most = 1, .run = run_status,
};
