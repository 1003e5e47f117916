/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create, start, stop, restart, destroy, pause, resume, wait, recover. */
#include <limits.h>
#include <string.h>

#include "cli/access.h"
#include "cli/output.h"

#define STOP_TIMEOUT_MS 60000
#define READY_TIMEOUT_MS 120000

static int run_create(struct invocation *invocation)
{
	const char *template_name = option_value(invocation, "template"), *name = invocation->arguments[0];
	struct access access;
	struct berth_error err;
	int r;

	if (!template_name)
		return usage_error("create: --template is missing; berthctl template list shows what is built");
	r = access_read(invocation, &access);
	if (r == 0) {
		catch_interrupt();
		r = berth_create(invocation->berth, name, template_name, option_given(invocation, "linked"), invocation->settings, invocation->setting_count, &access.outside, progress_show, NULL, &err);
		progress_done();
		r = r < 0 ? report(&err) : finish(invocation);
	}
	access_free(&access);
	return r;
}

static const struct option_row create_options[] = {
	{ "template", "NAME", "what to make it from, such as busybox or debian:12", 0 },
	{ "linked", NULL, "share the template's files instead of copying them: not between strangers", 0 },
	ACCESS_OPTIONS,
	{ "user-data", "FILE", "what cloud-init of the template is told at the first boot", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command create_command = {
	.name = "create", .arguments = "NAME --template TEMPLATE [settings]", .help = "make a container",
	.options = create_options, .takes_settings = true, .least = 1, .most = 1, .run = run_create,
};

/* Exit code of a verb whose end state may be there already. */
static int settle(struct invocation *invocation, int r, const struct berth_error *err)
{
	if (r >= 0)
		return finish(invocation);
	if (err->kind == BERTH_WRONG_STATE && option_given(invocation, "if-needed"))
		return 0;
	return report(err);
}

static int start_one(struct invocation *invocation, const char *name)
{
	struct berth_error err;
	unsigned int timeout;
	int r;

	if (option_time(invocation, "timeout", READY_TIMEOUT_MS, &timeout))
		return BERTH_USAGE;
	r = berth_start(invocation->berth, name, &err);
	if (option_given(invocation, "wait") && (r >= 0 || (err.kind == BERTH_WRONG_STATE && option_given(invocation, "if-needed"))))
		r = berth_wait_ready(invocation->berth, name, timeout, &err);
	return settle(invocation, r, &err);
}

static int run_start(struct invocation *invocation)
{
	return for_each_name(invocation, start_one);
}

static const struct option_row start_options[] = {
	{ "wait", NULL, "until the guest says that it is ready", 0 },
	{ "timeout", "TIME", "with --wait: how long that may take (120s)", 0 },
	{ "if-needed", NULL, "a running container is no error" },
	{ NULL, NULL, NULL, 0 },
};
const struct command start_command = {
	.name = "start", .arguments = "NAME...", .help = "start containers", .options = start_options, .least = 1, .most = -1,
	.run = run_start,
};

static int stop_with(struct invocation *invocation, const char *name, struct berth_error *err)
{
	unsigned int timeout;

	if (option_time(invocation, "timeout", STOP_TIMEOUT_MS, &timeout))
		return -1;
	return berth_stop(invocation->berth, name, option_given(invocation, "kill") ? BERTH_STOP_KILL : BERTH_STOP_ASK, timeout, err);
}

static int stop_one(struct invocation *invocation, const char *name)
{
	struct berth_error err = { 0 };
	int r = stop_with(invocation, name, &err);

	return r < 0 && !err.kind ? BERTH_USAGE : settle(invocation, r, &err);
}

static int run_stop(struct invocation *invocation)
{
	return for_each_name(invocation, stop_one);
}

#define STOP_OPTIONS \
	{ "timeout", "TIME", "how long its init may take to power off (60s)" }, \
	{ "kill", NULL, "do not ask, kill at once" }

static const struct option_row stop_options[] = {
	STOP_OPTIONS,
	{ "if-needed", NULL, "a stopped container is no error" },
	{ NULL, NULL, NULL, 0 },
};
const struct command stop_command = {
	.name = "stop", .arguments = "NAME...", .help = "power containers off", .options = stop_options, .least = 1, .most = -1,
	.run = run_stop,
};

static int restart_one(struct invocation *invocation, const char *name)
{
	struct berth_error err = { 0 };
	int r = stop_with(invocation, name, &err);

	if (r < 0 && !err.kind)
		return BERTH_USAGE;
	if (r < 0 && !(err.kind == BERTH_WRONG_STATE && option_given(invocation, "if-needed")))
		return report(&err);
	r = berth_start(invocation->berth, name, &err);
	return r < 0 ? report(&err) : 0;
}

static int run_restart(struct invocation *invocation)
{
	return for_each_name(invocation, restart_one);
}

static const struct option_row restart_options[] = {
	STOP_OPTIONS,
	{ "if-needed", NULL, "a stopped container is started" },
	{ NULL, NULL, NULL, 0 },
};
const struct command restart_command = {
	.name = "restart", .arguments = "NAME...", .help = "stop and start containers", .options = restart_options, .least = 1,
	.most = -1, .run = run_restart,
};

static int destroy_one(struct invocation *invocation, const char *name)
{
	struct berth_error err;
	int r = berth_destroy(invocation->berth, name, option_given(invocation, "force"), &err);

	if (r < 0 && err.kind == BERTH_NOT_FOUND && option_given(invocation, "if-exists"))
		return 0;
	return r < 0 ? report(&err) : 0;
}

static int run_destroy(struct invocation *invocation)
{
	return for_each_name(invocation, destroy_one);
}

static const struct option_row destroy_options[] = {
	{ "force", NULL, "also a running one, and one whose configuration is broken" },
	{ "if-exists", NULL, "one that is not there is no error" },
	{ NULL, NULL, NULL, 0 },
};
const struct command destroy_command = {
	.name = "destroy", .arguments = "NAME...", .help = "delete containers with all their data", .options = destroy_options,
	.least = 1, .most = -1, .run = run_destroy,
};

static int pause_one(struct invocation *invocation, const char *name)
{
	struct berth_error err;
	bool pause = invocation->command == &pause_command;

	return berth_pause(invocation->berth, name, pause, &err) < 0 ? report(&err) : 0;
}

static int run_pause(struct invocation *invocation)
{
	return for_each_name(invocation, pause_one);
}

const struct command pause_command = {
	.name = "pause", .arguments = "NAME...", .help = "freeze all processes of containers", .least = 1, .most = -1, .run = run_pause,
};
const struct command resume_command = {
	.name = "resume", .arguments = "NAME...", .help = "let paused containers go on", .least = 1, .most = -1, .run = run_pause,
};

static int run_wait(struct invocation *invocation)
{
	static const enum berth_state states[] = { BERTH_STOPPED, BERTH_RUNNING, BERTH_PAUSED };
	const char *wanted = option_value(invocation, "state");
	struct berth_error err;
	unsigned int timeout;

	if (!wanted)
		return usage_error("wait: --state is missing");
	if (option_time(invocation, "timeout", UINT_MAX, &timeout))
		return BERTH_USAGE;
	if (!strcmp(wanted, "ready"))
		return berth_wait_ready(invocation->berth, invocation->arguments[0], timeout, &err) < 0 ? report(&err) : 0;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(wanted, berth_state_name(states[i])))
			return berth_wait(invocation->berth, invocation->arguments[0], states[i], timeout, &err) < 0 ? report(&err) : 0;
	return usage_error("state: '%.64s' is not acceptable; accepted are stopped, running, paused, ready", wanted);
}

static const struct option_row wait_options[] = {
	{ "state", "STATE", "stopped, running, paused or ready" },
	{ "timeout", "TIME", "give up after this time (never)" },
	{ NULL, NULL, NULL, 0 },
};
const struct command wait_command = {
	.name = "wait", .arguments = "NAME --state STATE", .help = "wait until a container is in a state", .options = wait_options,
	.least = 1, .most = 1, .run = run_wait,
};

static int run_recover(struct invocation *invocation)
{
	struct berth_error err;
	unsigned int mended;
	int r;

	if (option_given(invocation, "network") && invocation->count)
		return usage_error("recover: --network is for all containers at once");
	if (option_given(invocation, "network"))
		r = berth_recover_network(invocation->berth, &mended, &err);
	else
		r = berth_recover(invocation->berth, invocation->count ? invocation->arguments[0] : NULL, &mended, &err);
	if (r < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		json_add_number(object, "mended", mended);
		return json_end(object);
	}
	printf("%u mended\n", mended);
	return flush_output();
}

static const struct option_row recover_options[] = {
	{ "network", NULL, "put back filters, routes and rates that a stranger took away", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command recover_command = {
	.name = "recover", .arguments = "[NAME]", .help = "clean up what dead commands and monitors left", .options = recover_options, .least = 0,
	.most = 1, .run = run_recover,
};

static int run_after_exit(struct invocation *invocation)
{
	struct berth_error err;
	bool reboot = !strcmp(invocation->arguments[1], "reboot");

	return berth_after_exit(invocation->berth, invocation->arguments[0], reboot, &err) < 0 ? report(&err) : 0;
}

const struct command after_exit_command = {
	.name = "after-exit", .arguments = "NAME halt|reboot", .help = "run by berth-monitor", .least = 2, .most = 2, .hidden = true,
	.run = run_after_exit,
};

static int run_notice(struct invocation *invocation)
{
	static const char *const words[] = { [BERTH_NOTICED_KILL] = "killed", [BERTH_NOTICED_STALL] = "stalled", [BERTH_NOTICED_WAIT] = "waiting" };
	struct berth_error err;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], invocation->arguments[1]))
			return berth_notice(invocation->berth, invocation->arguments[0], (enum berth_noticed)i, &err) < 0 ? report(&err) : 0;
	return usage_error("notice: '%.64s' is not acceptable", invocation->arguments[1]);
}

const struct command notice_command = {
	.name = "notice", .arguments = "NAME killed|stalled|waiting", .help = "run by berth-monitor", .least = 2, .most = 2, .hidden = true,
	.run = run_notice,
};
