/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host: check, host, storage. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/output.h"

static const char *const verdicts[] = { [BERTH_GOOD] = "ok", [BERTH_WEAK] = "weak", [BERTH_MISSING] = "missing" };

static int print_finding(const struct berth_finding *finding, void *data)
{
	(void)data;
	printf("%-8s %-34s %s\n", verdicts[finding->verdict], finding->what, finding->found);
	if (finding->remedy[0])
		printf("%-8s %-34s -> %s\n", "", "", finding->remedy);
	return 0;
}

static int add_finding(const struct berth_finding *finding, void *data)
{
	json_object *one = json_object_new_object();

	json_add_text(one, "what", finding->what);
	json_add_text(one, "verdict", verdicts[finding->verdict]);
	json_add_text(one, "found", finding->found);
	json_add_text(one, "remedy", finding->remedy);
	json_object_array_add(data, one);
	return 0;
}

/* 7 (refused by the host) when containers cannot run here. */
static int run_check(struct invocation *invocation)
{
	struct berth_error err;
	int missing;

	if (invocation->json) {
		json_object *object = json_begin(), *findings = json_object_new_array();

		json_object_object_add(object, "findings", findings);
		missing = berth_check(invocation->berth, add_finding, findings, &err);
		if (json_end(object))
			return BERTH_FAILED;
	} else {
		missing = berth_check(invocation->berth, print_finding, NULL, &err);
		if (flush_output())
			return BERTH_FAILED;
	}
	return missing ? BERTH_REFUSED : 0;
}

const struct command check_command = {
	.name = "check", .arguments = "", .help = "what this host lacks for containers, and how to get it", .least = 0, .most = 0,
	.run = run_check,
};

/* --- host ----------------------------------------------------------------------------------------------------------------- */

/* Thousandths of a core are printed as cores, all else is bytes. */
static const char *format_amount(const struct berth_host_row *row, uint64_t value, char text[static 24])
{
	if (value == UINT64_MAX || strcmp(row->name, "cpus") != 0)
		return format_bytes(value, text);
	snprintf(text, 24, "%.1f", (double)value / 1000);
	return text;
}

static const char *format_percent(uint64_t hundredths, char text[static 24])
{
	if (hundredths == UINT64_MAX)
		return "-";
	snprintf(text, 24, "%.2f%%", (double)hundredths / 100);
	return text;
}

static const char *format_share(const struct berth_host_row *row, char text[static 24])
{
	if (row->usable == 0)
		return "-";
	snprintf(text, 24, "%.0f%%", 100.0 * (double)row->sold / (double)row->usable);
	return text;
}

static void print_host_row(const struct berth_host_row *row)
{
	char a[24], b[24], c[24], d[24], e[24], f[24], g[24], h[24], i[24], j[24];

	printf("%-8s  %8s  %8s  %8s  %6s  %8s  %10s  %8s  %8s  %9s  %9s\n", row->name, format_amount(row, row->physical, a),
	       format_amount(row, row->usable, b), format_amount(row, row->sold, c), format_share(row, d), format_amount(row, row->running, e),
	       row->guaranteed ? format_amount(row, row->guaranteed, f) : "-", format_amount(row, row->used, g),
	       format_amount(row, row->used_by_containers, h), format_percent(row->pressure_some, i), format_percent(row->pressure_full, j));
}

static void add_ratio(json_object *object, const char *key, uint64_t number, double unit)
{
	json_object_object_add(object, key, number == UINT64_MAX ? NULL : json_decimal((double)number / unit));
}

static void add_amount(json_object *object, const char *key, const struct berth_host_row *row, uint64_t value)
{
	if (strcmp(row->name, "cpus") != 0)
		json_add_number(object, key, value);
	else
		add_ratio(object, key, value, 1000);
}

static json_object *host_row_json(const struct berth_host_row *row)
{
	json_object *one = json_object_new_object();

	add_amount(one, "physical", row, row->physical);
	add_amount(one, "usable", row, row->usable);
	add_amount(one, "sold", row, row->sold);
	add_amount(one, "running", row, row->running);
	json_add_number(one, "without-limit", row->unlimited);
	add_amount(one, "guaranteed", row, row->guaranteed);
	add_amount(one, "used", row, row->used);
	add_amount(one, "used-by-containers", row, row->used_by_containers);
	add_ratio(one, "oversell", row->oversell, 1000);
	add_ratio(one, "pressure-some", row->pressure_some, 100);
	add_ratio(one, "pressure-full", row->pressure_full, 100);
	return one;
}

static int add_plan(const char *plan, const struct berth_key *key, const char *value, const char *raw, void *data)
{
	json_object *one, *list;

	if (!json_object_object_get_ex(data, plan, &one)) {
		one = json_object_new_object();
		json_object_object_add(data, plan, one);
	}
	if (key->list) {
		if (!json_object_object_get_ex(one, key->name, &list)) {
			list = json_object_new_array();
			json_object_object_add(one, key->name, list);
		}
		json_object_array_add(list, json_object_new_string(value));
	} else if (key->number) {
		json_object_object_add(one, key->name, strcmp(raw, "null") ? json_tokener_parse(raw) : NULL);
	} else {
		json_add_text(one, key->name, value);
	}
	return 0;
}

struct plan_printing {
	char last[33];
};

static int print_plan(const char *plan, const struct berth_key *key, const char *value, const char *raw, void *data)
{
	struct plan_printing *printing = data;

	(void)raw;
	if (strcmp(printing->last, plan) != 0)
		printf("\nplan %-12s", plan);
	snprintf(printing->last, sizeof(printing->last), "%s", plan);
	printf(" %s=%s", key->name, value);
	return 0;
}

static int run_host(struct invocation *invocation)
{
	struct plan_printing printing = { "" };
	json_object *object, *resources, *plans;
	struct berth_host host;
	struct berth_error err;
	int r = berth_host(invocation->berth, &host, &err);

	if (r < 0)
		return report(&err);
	if (!invocation->json) {
		printf("%" PRIu64 " containers, %" PRIu64 " running\n\n", host.containers, host.running);
		printf("%-8s  %8s  %8s  %8s  %6s  %8s  %10s  %8s  %8s  %9s  %9s\n", "RESOURCE", "PHYSICAL", "USABLE", "SOLD", "SHARE", "RUNNING",
		       "GUARANTEED", "USED", "BY THEM", "SOME WAIT", "ALL WAIT");
		for (size_t i = 0; i < BERTH_HOST_ROWS; i++)
			print_host_row(&host.rows[i]);
		for (size_t i = 0; i < BERTH_HOST_ROWS; i++)
			if (host.rows[i].unlimited)
				printf("%" PRIu64 " without a limit of %s\n", host.rows[i].unlimited, host.rows[i].name);
		r = berth_plans(invocation->berth, print_plan, &printing, &err);
		if (printing.last[0])
			putchar('\n');
		return r < 0 ? report(&err) : flush_output();
	}
	object = json_begin();
	resources = json_object_new_object();
	plans = json_object_new_object();
	json_add_number(object, "containers", host.containers);
	json_add_number(object, "running", host.running);
	for (size_t i = 0; i < BERTH_HOST_ROWS; i++)
		json_object_object_add(resources, host.rows[i].name, host_row_json(&host.rows[i]));
	json_object_object_add(object, "resources", resources);
	json_object_object_add(object, "plans", plans);
	if (berth_plans(invocation->berth, add_plan, plans, &err) < 0) {
		json_object_put(object);
		return report(&err);
	}
	return json_end(object);
}

const struct command host_command = {
	.name = "host", .arguments = "", .help = "what the host has, what is sold of it and what is in use", .least = 0, .most = 0,
	.run = run_host,
};

/* --- storage -------------------------------------------------------------------------------------------------------------------- */

static int run_storage_init(struct invocation *invocation)
{
	const char *size = option_value(invocation, "size");
	struct berth_error err;
	char fstab[1024];

	if (invocation->count != 2)
		return usage_error("storage init: where? berthctl storage init PATH --size SIZE");
	if (!size)
		return usage_error("storage init: --size is missing");
	if (berth_storage_init(invocation->berth, invocation->arguments[1], size, fstab, &err) < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		json_add_text(object, "fstab", fstab);
		return json_end(object);
	}
	printf("made and mounted; this line of /etc/fstab mounts it at boot:\n%s\n", fstab);
	return flush_output();
}

static int run_storage_show(struct invocation *invocation)
{
	struct berth_storage storage;
	struct berth_error err;
	char a[24], b[24];

	if (invocation->count != 1)
		return usage_error("storage show: too many arguments");
	if (berth_storage_show(invocation->berth, &storage, &err) < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		json_add_text(object, "directory", storage.directory);
		json_add_text(object, "quota", storage.quota);
		json_add_text(object, "remedy", storage.remedy);
		json_add_number(object, "bytes", storage.bytes);
		json_add_number(object, "bytes-free", storage.bytes_free);
		json_add_number(object, "inodes", storage.inodes);
		json_add_number(object, "inodes-free", storage.inodes_free);
		return json_end(object);
	}
	printf("directory  %s\nquota      %s%s%s\nspace      %s free of %s\ninodes     %" PRIu64 " free of %" PRIu64 "\n", storage.directory,
	       storage.quota, storage.remedy[0] ? ": " : "", storage.remedy, format_bytes(storage.bytes_free, a), format_bytes(storage.bytes, b),
	       storage.inodes_free, storage.inodes);
	return flush_output();
}

static int run_storage(struct invocation *invocation)
{
	if (!strcmp(invocation->arguments[0], "init"))
		return run_storage_init(invocation);
	if (!strcmp(invocation->arguments[0], "show"))
		return run_storage_show(invocation);
	return usage_error("there is no command 'storage %.64s'; there are storage init, storage show", invocation->arguments[0]);
}

static const struct option_row storage_options[] = {
	{ "size", "SIZE", "init: size of the filesystem, such as 50G", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command storage_command = {
	.name = "storage", .arguments = "show | init PATH --size SIZE", .help = "storage with disk quotas: look at it, make it in a file",
	.options = storage_options, .least = 1, .most = 2, .run = run_storage,
};
