/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command is a row and a short function. Dispatch, usage, option errors, help and completion come from the rows.
 * The CLI sees the library by its public header only.
 */
#pragma once

#include "berth.h"

struct option_row {
	const char *name;	/* without the dashes */
	const char *argument;	/* NULL for a flag */
	const char *help;
	char letter;		/* also -o; 0: none */
};

#define SETTINGS_MAX 256
#define GIVEN_MAX 64

struct invocation {
	struct berth *berth;
	const struct command *command;
	char **arguments;		/* what is neither option nor an option's value */
	int count;
	char **rest;			/* after "--", NULL-terminated; NULL without */
	bool json, verbose;
	struct berth_setting settings[SETTINGS_MAX];
	size_t setting_count;
	struct given { const struct option_row *row; const char *value; } given[GIVEN_MAX];
	size_t given_count;
};

struct command {
	const char *name;
	const char *arguments;		/* as usage shows them */
	const char *help;		/* one line */
	const struct option_row *options;	/* ends with a row without a name; may be NULL */
	bool takes_settings;		/* every key is an option */
	int least, most;		/* number of arguments; most -1: any */
	bool hidden;			/* not in help: for berth-monitor */
	/* Returns an exit code. */
	int (*run)(struct invocation *invocation);
};

extern const struct command create_command, start_command, stop_command, restart_command, destroy_command, pause_command,
	resume_command, wait_command, recover_command, after_exit_command, set_command, get_command, list_command,
	status_command, exec_command, enter_command, push_command, pull_command, console_command, template_command, storage_command, host_command, check_command, help_command,
	notice_command, traffic_command;
extern const struct command *const commands[];
extern const size_t command_count;

/* The value of an option, "" for a flag, NULL when it is not given. */
const char *option_value(const struct invocation *invocation, const char *name);
bool option_given(const struct invocation *invocation, const char *name);
/* An option that is a time such as 10, 1.5, 500ms, 2m (seconds if bare), in milliseconds. Exits by usage_error. */
int option_time(const struct invocation *invocation, const char *name, unsigned int fallback, unsigned int *ret);

/* Sorts argv into an invocation. Returns 0 or the exit code of a usage error, which it has printed. */
int parse_arguments(struct invocation *invocation, int argc, char **argv, const char **root, const char **lock_timeout);
bool parse_time(const char *text, unsigned int *ret);

/* The one error line: "berthctl: TEXT". Return the exit code. */
int report(const struct berth_error *err);
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Before long work that undoes itself: the first SIGINT, SIGTERM or SIGHUP asks for it, the second ends it as always. */
void catch_interrupt(void);

/* After success: prints what the command went on in spite of, if anything. Returns the exit code. */
int finish(struct invocation *invocation);

/* Runs for each name; every failure is reported, the first one's exit code is returned. */
int for_each_name(struct invocation *invocation, int (*run)(struct invocation *invocation, const char *name));
