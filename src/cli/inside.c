/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exec, enter, console. */
#include "cli/command.h"
#include "cli/output.h"

/* Berth's own failure: the contract's code, or 125 where the command's own codes begin (as env(1) does). */
static int run_in(struct invocation *invocation, const struct berth_exec *exec)
{
	struct berth_error err;
	int status;

	if (berth_exec(invocation->berth, invocation->arguments[0], exec, &status, &err) == 0)
		return status;
	(void)report(&err);
	if (status == 125 && err.kind != BERTH_FAILED)
		return (int)err.kind;
	return status;
}

static int run_exec(struct invocation *invocation)
{
	struct berth_exec exec = {
		.argv = invocation->rest, .terminal = option_given(invocation, "terminal"), .directory = option_value(invocation, "directory"),
		.user = option_value(invocation, "user"),
	};

	if (!invocation->rest || !invocation->rest[0])
		return usage_error("exec: the command is missing; berthctl exec %s -- COMMAND", invocation->arguments[0]);
	return run_in(invocation, &exec);
}

static const struct option_row exec_options[] = {
	{ "terminal", NULL, "give the command a terminal of the container's" },
	{ "directory", "DIR", "start it in DIR of the container", 0 },
	{ "user", "USER", "run it as this user of the container's, by name or number", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command exec_command = {
	.name = "exec", .arguments = "NAME -- COMMAND...", .help = "run a command in a container", .options = exec_options, .least = 1,
	.most = 1, .run = run_exec,
};

static int run_enter(struct invocation *invocation)
{
	const struct berth_exec exec = { .terminal = true, .user = option_value(invocation, "user") };

	return run_in(invocation, &exec);
}

static const struct option_row enter_options[] = {
	{ "user", "USER", "as this user of the container's, by name or number", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command enter_command = {
	.name = "enter", .arguments = "NAME", .help = "a shell in a container, root's or another user's", .options = enter_options, .least = 1, .most = 1, .run = run_enter,
};

static int run_console(struct invocation *invocation)
{
	struct berth_error err;

	return berth_console(invocation->berth, invocation->arguments[0], &err) < 0 ? report(&err) : 0;
}

const struct command console_command = {
	.name = "console", .arguments = "NAME", .help = "the container's console; Ctrl-a q leaves it", .least = 1, .most = 1,
	.run = run_console,
};
