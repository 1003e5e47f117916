/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of commands, and the way to one of them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

const struct command *const commands[] = {
	&create_command, &start_command, &stop_command, &restart_command, &destroy_command, &set_command, &get_command,
	&list_command, &status_command, &wait_command, &exec_command, &enter_command, &console_command, &push_command, &pull_command, &pause_command,
	&resume_command, &template_command, &traffic_command, &storage_command, &host_command, &check_command, &recover_command, &help_command,
	&after_exit_command, &notice_command,
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

/* With 0, 1 or 2 closed, the next file opened would become the stdout of all that follows. */
static void open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static void on_interrupt(int number)
{
	(void)number;
	berth_interrupt();
}

void catch_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int run(struct invocation *invocation, const char *root, const char *lock_timeout)
{
	const struct command *command = invocation->command;
	const char *environment = getenv("BERTH_ROOT");
	struct berth_error err;
	unsigned int timeout = 30000;
	int code;

	if (invocation->count < command->least || (command->most >= 0 && invocation->count > command->most))
		return usage_error("%s: %s arguments; berthctl %s %s", command->name,
				   invocation->count < command->least ? "too few" : "too many", command->name, command->arguments);
	if (invocation->rest && command != &exec_command)
		return usage_error("%s takes nothing after --", command->name);
	if (lock_timeout && !parse_time(lock_timeout, &timeout))
		return usage_error("lock-timeout: '%s' is not acceptable; accepted is a time such as 10, 500ms, 2m", lock_timeout);
	if (berth_open(root ? root : environment, &invocation->berth, &err) < 0)
		return report(&err);
	berth_set_lock_timeout(invocation->berth, timeout);
	code = command->run(invocation);
	berth_close(invocation->berth);
	return code;
}

int main(int argc, char **argv)
{
	struct invocation invocation = { .count = 0 };
	const char *root = NULL, *lock_timeout = NULL;
	int code;

	open_standard_descriptors();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("berthctl %s\n", berth_version());
		return 0;
	}
	code = parse_arguments(&invocation, argc, argv, &root, &lock_timeout);
	if (code)
		return code;
	if (option_given(&invocation, "help")) {
		char *name = invocation.command ? (char *)(uintptr_t)invocation.command->name : NULL;

		invocation.arguments = &name;
		invocation.count = name ? 1 : 0;
		return help_command.run(&invocation);
	}
	if (!invocation.command)
		return usage_error("no command; see berthctl help");
	return run(&invocation, root, lock_timeout);
}
