/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From argv to an invocation. Knows no command; options are the rows of the command and the keys of the table. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

static const struct option_row common[] = {
	{ "root", "DIR", "keep everything under DIR (or BERTH_ROOT)", 0 },
	{ "lock-timeout", "TIME", "wait this long for a busy container (30s)", 0 },
	{ "json", NULL, "print JSON", 0 },
	{ "verbose", NULL, "print more to stderr", 0 },
	{ "help", NULL, "show help", 0 },
	{ NULL, NULL, NULL, 0 },
};

const struct option_row *common_options(void)
{
	return common;
}

int report(const struct berth_error *err)
{
	fprintf(stderr, "berthctl: %s\n", err->text);
	return err->kind ? (int)err->kind : BERTH_FAILED;
}

int finish(struct invocation *invocation)
{
	const char *warning = berth_warning(invocation->berth);

	if (*warning)
		printf("warning: %s\n", warning);
	return flush_output();
}

int usage_error(const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* A name that a script has from a guest may be among it. */
	berth_make_printable(text);
	fprintf(stderr, "berthctl: %s\n", text);
	return BERTH_USAGE;
}

const char *option_value(const struct invocation *invocation, const char *name)
{
	for (size_t i = invocation->given_count; i-- > 0;)
		if (!strcmp(invocation->given[i].row->name, name))
			return invocation->given[i].value;
	return NULL;
}

bool option_given(const struct invocation *invocation, const char *name)
{
	return option_value(invocation, name) != NULL;
}

bool parse_time(const char *text, unsigned int *ret)
{
	static const struct { const char *suffix; double milliseconds; } units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	char *end;
	double value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	value = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		value *= units[i].milliseconds;
		if (!(value >= 0 && value <= 4.0e9))
			return false;
		*ret = (unsigned int)value;
		return true;
	}
	return false;
}

int option_time(const struct invocation *invocation, const char *name, unsigned int fallback, unsigned int *ret)
{
	const char *text = option_value(invocation, name);

	*ret = fallback;
	if (text && !parse_time(text, ret))
		return usage_error("%s: '%s' is not acceptable; accepted is a time such as 10, 500ms, 2m", name, text);
	return 0;
}

static const struct option_row *find_row(const struct option_row *rows, const char *name, size_t length)
{
	for (; rows && rows->name; rows++)
		if (strlen(rows->name) == length && !strncmp(rows->name, name, length))
			return rows;
	return NULL;
}

/* "memory", "ip-add", "ip-del": the key and how, if there is one of that name. */
static bool find_setting(const char *name, size_t length, struct berth_setting *setting)
{
	static const struct { const char *suffix; enum berth_assignment how; } forms[] = {
		{ "", BERTH_ASSIGN }, { "-add", BERTH_ADD }, { "-del", BERTH_DELETE },
	};

	/* The short word for the one key that is chosen first. */
	if (length == 3 && !strncmp(name, "net", 3)) {
		*setting = (struct berth_setting){ .how = BERTH_ASSIGN, .key = "net-mode" };
		return true;
	}
	for (size_t i = 0; i < berth_key_count(); i++) {
		struct berth_key key = berth_key_at(i);

		for (size_t j = 0; j < (key.list ? 3u : 1u); j++) {
			size_t stem = strlen(key.name), suffix = strlen(forms[j].suffix);

			if (key.readonly || length != stem + suffix || strncmp(name, key.name, stem) != 0 ||
			    strncmp(name + stem, forms[j].suffix, suffix) != 0)
				continue;
			*setting = (struct berth_setting){ .how = forms[j].how, .key = key.name };
			return true;
		}
	}
	return false;
}

static int take_option(struct invocation *invocation, char **argv, int argc, int *at)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct command *command = invocation->command;
	const struct option_row *row = find_row(common, name, length);
	struct berth_setting setting;
	bool is_setting = false;

	if (!row && command)
		row = find_row(command->options, name, length);
	if (!row && command && command->takes_settings)
		is_setting = find_setting(name, length, &setting);
	if (!row && !is_setting)
		return usage_error("unknown option --%.*s%s%s; see berthctl help%s%s", (int)length, name, command ? " of " : "",
				   command ? command->name : "", command ? " " : "", command ? command->name : "");
	if (row && !row->argument) {
		if (value)
			return usage_error("--%s takes no value", row->name);
		value = "";
	} else if (!value) {
		if (*at + 1 >= argc)
			return usage_error("--%.*s needs a value", (int)length, name);
		value = argv[++*at];
	}
	if (is_setting) {
		if (invocation->setting_count == SETTINGS_MAX)
			return usage_error("more than %d settings", SETTINGS_MAX);
		setting.value = value;
		invocation->settings[invocation->setting_count++] = setting;
		return 0;
	}
	if (invocation->given_count == GIVEN_MAX)
		return usage_error("more than %d options", GIVEN_MAX);
	invocation->given[invocation->given_count++] = (struct given){ row, value };
	return 0;
}

/* "-Ho VALUE": letters one after the other; the last may want a value, joined or as the next word. */
static int take_letters(struct invocation *invocation, char **argv, int argc, int *at)
{
	const char *word = argv[*at];

	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = invocation->command ? invocation->command->options : NULL;
		const char *value = "";

		while (row && row->name && row->letter != *letter)
			row++;
		if (!row || !row->name)
			return usage_error("unknown option -%c%s%s; options have two dashes", *letter, invocation->command ? " of " : "",
					   invocation->command ? invocation->command->name : "");
		if (row->argument) {
			if (!letter[1] && *at + 1 >= argc)
				return usage_error("-%c needs a value", *letter);
			value = letter[1] ? letter + 1 : argv[++*at];
		}
		if (invocation->given_count == GIVEN_MAX)
			return usage_error("more than %d options", GIVEN_MAX);
		invocation->given[invocation->given_count++] = (struct given){ row, value };
		if (row->argument)
			break;
	}
	return 0;
}

int parse_arguments(struct invocation *invocation, int argc, char **argv, const char **root, const char **lock_timeout)
{
	int r = 0;

	invocation->arguments = argv;	/* kept ones are moved to the front: there are never more than were read */
	for (int i = 1; i < argc && r == 0; i++) {
		if (!strcmp(argv[i], "--")) {
			invocation->rest = &argv[i + 1];
			break;
		}
		if (argv[i][0] == '-' && argv[i][1] == '-') {
			r = take_option(invocation, argv, argc, &i);
		} else if (argv[i][0] == '-' && argv[i][1]) {
			r = take_letters(invocation, argv, argc, &i);
		} else if (!invocation->command) {
			for (size_t j = 0; j < command_count && !invocation->command; j++)
				if (!strcmp(commands[j]->name, argv[i]))
					invocation->command = commands[j];
			if (!invocation->command)
				return usage_error("there is no command '%.64s'; see berthctl help", argv[i]);
		} else {
			invocation->arguments[invocation->count++] = argv[i];
		}
	}
	if (r)
		return r;
	invocation->json = option_given(invocation, "json");
	invocation->verbose = option_given(invocation, "verbose");
	*root = option_value(invocation, "root");
	*lock_timeout = option_value(invocation, "lock-timeout");
	return 0;
}

int for_each_name(struct invocation *invocation, int (*run)(struct invocation *invocation, const char *name))
{
	int first = 0;

	for (int i = 0; i < invocation->count; i++) {
		int code = run(invocation, invocation->arguments[i]);

		if (code && !first)
			first = code;
	}
	return first;
}
