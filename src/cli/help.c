/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help, of commands and keys, from their tables. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

static void print_options(const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		char left[64];

		char letter[8] = "";

		if (rows->letter)
			snprintf(letter, sizeof(letter), "-%c, ", rows->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, rows->name, rows->argument ? " " : "", rows->argument ? rows->argument : "");
		printf("  %-26s %s\n", left, rows->help);
	}
}

static void print_keys(void)
{
	for (size_t i = 0; i < berth_key_count(); i++) {
		struct berth_key key = berth_key_at(i);
		char left[64];

		if (key.readonly)
			continue;
		snprintf(left, sizeof(left), "--%s %s", key.name, key.syntax);
		printf("  %-26s %s%s%s%s\n", left, key.help, key.fallback[0] ? " (" : "", key.fallback, key.fallback[0] ? ")" : "");
	}
	printf("Lists (--ip, --nameserver) are given once per value; --KEY-add and --KEY-del change one value.\n");
}

static int print_command(const struct command *command)
{
	printf("berthctl %s %s\n%s\n", command->name, command->arguments, command->help);
	if (command->options)
		printf("\nOptions:\n");
	print_options(command->options);
	if (command->takes_settings) {
		printf("\nSettings:\n");
		print_keys();
	}
	return flush_output();
}

static int print_all(void)
{
	printf("berthctl COMMAND [options]\n\n");
	for (size_t i = 0; i < command_count; i++)
		if (!commands[i]->hidden)
			printf("  %-10s %s\n", commands[i]->name, commands[i]->help);
	printf("\nOptions of all commands:\n");
	print_options(common_options());
	printf("\nExit codes: 0 done, 1 failed, 2 usage, 3 no such container, 4 exists already, 5 wrong state, 6 busy,\n"
	       "7 refused by the host, 8 timed out; exec: the command's own, 125 to 127 as env(1).\n"
	       "berthctl help COMMAND, berthctl help keys; berthctl(8), berth-container.conf(5)\n");
	return flush_output();
}

static int run_help(struct invocation *invocation)
{
	if (invocation->count == 0)
		return print_all();
	if (!strcmp(invocation->arguments[0], "keys")) {
		print_keys();
		return flush_output();
	}
	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(commands[i]->name, invocation->arguments[0]))
			return print_command(commands[i]);
	return usage_error("there is no command '%.64s'", invocation->arguments[0]);
}

const struct command help_command = {
	.name = "help", .arguments = "[COMMAND | keys]", .help = "show this", .least = 0, .most = 1, .run = run_help,
};
