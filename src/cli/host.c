/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check. */
#include <stdlib.h>
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
