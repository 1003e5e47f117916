/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exec, enter, console. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* --- push, pull ------------------------------------------------------------------------------------------------------------ */

static int run_push(struct invocation *invocation)
{
	const char *path = invocation->arguments[1], *slash = strrchr(path, '/'), *mode_text = option_value(invocation, "mode");
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0, r;
	struct berth_error err;
	struct stat st;
	mode_t mode;
	char *end;

	if (fd < 0 || fstat(fd, &st) < 0)
		return usage_error("push: cannot open %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return usage_error("push: %s is a directory; of one: tar -c %s | berthctl exec %s -- tar -x -C DIR", path, path, invocation->arguments[0]);
	mode = S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0644;
	if (mode_text) {
		mode = (mode_t)strtoul(mode_text, &end, 8);
		if (!*mode_text || *end || mode > 0777)
			return usage_error("mode: '%.32s' is not acceptable; accepted is an octal number up to 777", mode_text);
	}
	r = berth_push(invocation->berth, invocation->arguments[0], fd, slash ? slash + 1 : path, invocation->arguments[2], mode, &err);
	if (fd)
		close(fd);
	return r < 0 ? report(&err) : 0;
}

static const struct option_row push_options[] = {
	{ "mode", "MODE", "the new file's mode (that of the file, or 644)", 0 },
	{ NULL, NULL, NULL, 0 },
};
const struct command push_command = {
	.name = "push", .arguments = "NAME FILE|- PATH", .help = "copy a file into a container", .options = push_options, .least = 3, .most = 3, .run = run_push,
};

/* The file is there when it is whole. */
static int run_pull(struct invocation *invocation)
{
	const char *path = invocation->arguments[2];
	bool plain = !strcmp(path, "-");
	char temporary[4200];
	struct berth_error err;
	mode_t mode;
	int fd = 1, r;

	snprintf(temporary, sizeof(temporary), "%.4096s.part", path);
	if (!plain && (fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		return usage_error("pull: cannot write %s: %s", temporary, strerror(errno));
	r = berth_pull(invocation->berth, invocation->arguments[0], invocation->arguments[1], fd, &mode, &err);
	if (plain)
		return r < 0 ? report(&err) : 0;
	if (r < 0)
		r = report(&err);
	else if (fchmod(fd, mode) < 0 || rename(temporary, path) < 0)
		r = usage_error("pull: cannot write %s: %s", path, strerror(errno));
	if (r)
		unlink(temporary);
	close(fd);
	return r;
}

const struct command pull_command = {
	.name = "pull", .arguments = "NAME PATH FILE|-", .help = "copy a file out of a container", .least = 3, .most = 3, .run = run_pull,
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
