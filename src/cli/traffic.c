/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* traffic: what went over a container's network, month by month. */
#include <inttypes.h>

#include "cli/command.h"
#include "cli/output.h"

enum { IN, OUT };
enum { PUBLIC, INTERNAL };
enum { IPV4, IPV6 };

struct printing {
	bool all;		/* every month, not the current one alone */
	json_object *months;	/* NULL: text */
	bool any;
	struct berth_traffic_month current;
};

static uint64_t both(const struct berth_traffic_month *month, int direction, int scope)
{
	return month->bytes[direction][scope][IPV4] + month->bytes[direction][scope][IPV6];
}

static json_object *direction_json(const struct berth_traffic_month *month, int direction, int scope)
{
	json_object *object = json_object_new_object();

	json_add_number(object, "ipv4", month->bytes[direction][scope][IPV4]);
	json_add_number(object, "ipv6", month->bytes[direction][scope][IPV6]);
	return object;
}

static json_object *scope_json(const struct berth_traffic_month *month, int scope)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "in", direction_json(month, IN, scope));
	json_object_object_add(object, "out", direction_json(month, OUT, scope));
	return object;
}

static int show_month(const struct berth_traffic_month *month, void *data)
{
	struct printing *printing = data;
	char a[24], b[24], c[24], d[24], e[24], f[24];

	if (month->current)
		printing->current = *month;
	if (!month->current && !printing->all)
		return 0;
	if (printing->months) {
		json_object *one = json_object_new_object();

		json_add_text(one, "start", month->start);
		json_object_object_add(one, "public", scope_json(month, PUBLIC));
		json_object_object_add(one, "internal", scope_json(month, INTERNAL));
		json_add_number(one, "used", month->used);
		json_object_array_add(printing->months, one);
		return 0;
	}
	if (!printing->any)
		printf("%-10s  %9s  %9s  %9s  %9s  %12s  %12s\n", "MONTH FROM", "IN", "OUT", "IN IPv6", "OUT IPv6", "INTERNAL IN", "INTERNAL OUT");
	printing->any = true;
	printf("%-10s  %9s  %9s  %9s  %9s  %12s  %12s\n", month->start, format_bytes(both(month, IN, PUBLIC), a), format_bytes(both(month, OUT, PUBLIC), b),
	       format_bytes(month->bytes[IN][PUBLIC][IPV6], c), format_bytes(month->bytes[OUT][PUBLIC][IPV6], d), format_bytes(both(month, IN, INTERNAL), e),
	       format_bytes(both(month, OUT, INTERNAL), f));
	return 0;
}

static int collect(struct invocation *invocation)
{
	struct berth_error err;
	unsigned int collected;

	if (berth_traffic_collect(invocation->berth, invocation->count ? invocation->arguments[0] : NULL, &collected, &err) < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		json_add_number(object, "collected", collected);
		return json_end(object);
	}
	return 0;
}

static int run_traffic(struct invocation *invocation)
{
	struct printing printing = { .all = option_given(invocation, "month") };
	json_object *object = NULL;
	struct berth_error err;
	char used[24], quota[24];

	if (option_given(invocation, "collect"))
		return collect(invocation);
	if (!invocation->count)
		return usage_error("traffic: of which container? berthctl traffic NAME");
	if (invocation->json)
		printing.months = json_object_new_array();
	if (berth_traffic(invocation->berth, invocation->arguments[0], show_month, &printing, &err) < 0) {
		json_object_put(printing.months);
		return report(&err);
	}
	if (!invocation->json) {
		if (printing.current.quota != UINT64_MAX)
			printf("%s of %s used%s\n", format_bytes(printing.current.used, used), format_limit(printing.current.quota, quota),
			       printing.current.used >= printing.current.quota ? ": the quota is used up" : "");
		return flush_output();
	}
	object = json_begin();
	json_add_text(object, "name", invocation->arguments[0]);
	json_add_number(object, "quota", printing.current.quota);
	json_add_number(object, "used", printing.current.used);
	json_object_object_add(object, "over", json_object_new_boolean(printing.current.used >= printing.current.quota));
	json_object_object_add(object, "months", printing.months);
	return json_end(object);
}

static const struct option_row traffic_options[] = {
	{ "month", NULL, "every month that is kept, not the current one alone", 0 },
	{ "collect", NULL, "write down what was counted, of NAME or of all, and do what traffic-action says; for the timer", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command traffic_command = {
	.name = "traffic", .arguments = "NAME", .help = "what went over a container's network, month by month", .options = traffic_options, .least = 0,
	.most = 1, .run = run_traffic,
};
