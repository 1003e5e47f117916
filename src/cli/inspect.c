/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list and status. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"

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

static void fill_json(json_object *object, const struct berth_status *status, const char *broken_why)
{
	json_add_text(object, "name", status->name);
	json_add_text(object, "state", berth_state_name(status->state));
	if (broken_why) {
		json_add_text(object, "error", broken_why);
		return;
	}
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
}

static int add_to_list(const struct berth_status *status, const char *broken_why, void *data)
{
	json_object *one = json_object_new_object();

	fill_json(one, status, broken_why);
	json_object_array_add(data, one);
	return 0;
}

struct table {
	bool print;
	int name, address;	/* widths */
};

/* Twice over the same containers: the first pass measures, the second prints. */
static int row(const struct berth_status *status, const char *broken_why, void *data)
{
	struct table *table = data;
	const char *address = broken_why || !status->addresses[0] ? "-" : status->addresses;
	char used[24], limit[24];

	if (!table->print) {
		int name = (int)strlen(status->name), wide = (int)strlen(address);

		table->name = name > table->name ? name : table->name;
		table->address = wide > table->address ? wide : table->address;
		return 0;
	}
	printf("%-*s  ", table->name, status->name);
	print_state(status->state, 8);
	if (broken_why) {
		printf("  %s\n", broken_why);
		return 0;
	}
	printf("  %-*s  %7s  %9s  %-10s  %s\n", table->address, address, format_bytes(status->memory_used, used),
	       format_limit(status->memory_limit, limit), status->template_name, status->description);
	return 0;
}

static int run_list(struct invocation *invocation)
{
	struct table table = { .name = 4, .address = 7 };
	struct berth_error err;
	int r;

	if (invocation->json) {
		json_object *object = json_begin(), *list = json_object_new_array();

		json_object_object_add(object, "containers", list);
		if (berth_list(invocation->berth, add_to_list, list, &err) < 0) {
			json_object_put(object);
			return report(&err);
		}
		return json_end(object);
	}
	r = berth_list(invocation->berth, row, &table, &err);
	table.print = true;
	if (r >= 0) {
		printf("%-*s  %-8s  %-*s  %7s  %9s  %-10s  %s\n", table.name, "NAME", "STATE", table.address, "ADDRESS", "USED", "MEMORY",
		       "TEMPLATE", "DESCRIPTION");
		r = berth_list(invocation->berth, row, &table, &err);
	}
	return r < 0 ? report(&err) : flush_output();
}

const struct command list_command = {
	.name = "list", .arguments = "", .help = "show all containers", .least = 0, .most = 0, .run = run_list,
};

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
	if (status->interface[0])
		print_line("interface", status->interface);
	snprintf(line, sizeof(line), "%s of %s", format_bytes(status->memory_used, a), format_limit(status->memory_limit, b));
	print_line("memory", line);
	print_line("memory peak", format_bytes(status->memory_peak, a));
	snprintf(line, sizeof(line), "%s of %s", format_bytes(status->swap_used, a), format_limit(status->swap_limit, b));
	print_line("swap", line);
	if (status->pids != UINT64_MAX) {
		snprintf(line, sizeof(line), "%" PRIu64 " of ", status->pids);
		if (status->pids_limit == UINT64_MAX)
			strcat(line, "unlimited");
		else
			snprintf(line + strlen(line), 32, "%" PRIu64, status->pids_limit);
		print_line("pids", line);
	}
	if (status->cpu_microseconds != UINT64_MAX) {
		snprintf(line, sizeof(line), "%.2f s", (double)status->cpu_microseconds / 1e6);
		print_line("CPU time", line);
	}
	if (status->memory_oom_kills != UINT64_MAX) {
		snprintf(line, sizeof(line), "%" PRIu64, status->memory_oom_kills);
		print_line("OOM kills", line);
	}
}

static int run_status(struct invocation *invocation)
{
	struct berth_status status;
	struct berth_error err;

	if (berth_status(invocation->berth, invocation->arguments[0], &status, &err) < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		fill_json(object, &status, NULL);
		return json_end(object);
	}
	print_status(&status);
	return flush_output();
}

const struct command status_command = {
	.name = "status", .arguments = "NAME", .help = "show what is true of a container", .least = 1, .most = 1, .run = run_status,
};
