/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the scdoc source of berth-container.conf(5) from the key table. Runs when Berth is built. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

/* Text of the table for scdoc, which gives these a meaning: some anywhere, some at the beginning of a line only. A full stop at
 * the beginning is left to scdoc, which keeps it from roff as long as it is not escaped. */
static void put(const char *text)
{
	if (*text && strchr("-|[];", *text))
		fputs("\\", stdout);
	for (; *text; text++) {
		if (strchr("_*\\#`+<>~", *text))
			putchar('\\');
		putchar(*text);
	}
}

/* The table's phrases as sentences. */
static void put_sentence(const char *text)
{
	if (*text >= 'a' && *text <= 'z')
		putchar(*text++ - 'a' + 'A');
	put(text);
	putchar('.');
}

static const char *takes_effect(enum applied_by by)
{
	switch (by) {
	case BY_CGROUP:
	case BY_STORAGE:
	case BY_NETWORK:
	case BY_MOUNTS:
	case BY_GUEST:
		return "A change takes effect live";
	case BY_START:
		return "A change takes effect at the next start";
	case BY_HOST:
		return "Stored only: no container changes by it";
	case BY_IDENTITY:
		break;
	}
	return "Set by create and never changed";
}

static void put_type(const struct value_type *type, const char *more)
{
	printf("_");
	put(type->syntax);
	printf("_\n\t");
	put_sentence(type->accepted);
	printf("%s%s\n\n", more[0] ? " " : "", more);
}

static void put_key(const struct key *key)
{
	printf("*%s* = _", key->outside.name);
	put(key->type->syntax);
	printf("_%s\n\t", key->type->list ? " (a list)" : "");
	put_sentence(key->outside.help);
	printf("\n\n\t");
	put(key->outside.manual);
	/* After a line break scdoc wants no indentation: the paragraph has it. */
	printf("\n\n\tAccepted: ");
	put(key->type->accepted);
	printf(".++\n");
	if (key->outside.fallback[0]) {
		printf("Default: ");
		put(key->outside.fallback);
		printf(".++\n");
	}
	printf("%s.\n\n", takes_effect(key->applied_by));
}

int main(void)
{
	bool identity = false;

	printf("berth-container.conf(5)\n\n# NAME\n\nberth-container.conf - configuration of a container\n\n"
	       "# SYNOPSIS\n\n_/var/lib/berth/containers/NAME/container.conf_\n\n# DESCRIPTION\n\n"
	       "The settings and the identity of one container. *berthctl create* writes the file, *berthctl set* changes it and\n"
	       "*berthctl get* reads it. It is replaced as a whole, atomically. It is not meant to be edited: a change by hand is\n"
	       "not tried on the kernel, claims no address, and reaches a running container only at its next start; comments are\n"
	       "gone after the next *set*.\n\n"
	       "The first line is _version = 1_. A file with another version is refused. Each further line is\n\n"
	       "```\nkey = value\n```\n\n"
	       "or empty, or a comment, whose first character after blanks is _#_. Blanks at the ends of a line and around _=_ do\n"
	       "not count. There is no quoting, and no comment after a value. A list has one line for each of its values, in\n"
	       "order, at most %d. A key that is not there has its default.\n\n"
	       "The identity comes last. It is written by *create* and never changed. A file that lacks a part of it, or whose\n"
	       "last line has no newline, was cut short and is refused. So are unknown keys, a key given twice that is no list,\n"
	       "values that are not acceptable, control characters, and files of more than 64 KiB. The error names the line at\n"
	       "fault. Until the file is mended the container is listed as _broken_, and only *berthctl destroy --force* works on\n"
	       "it.\n\n"
	       "Each setting is an option of *create* and *set* with the same name: _memory = 512M_ is *--memory* _512M_. For a\n"
	       "list, *--ip* given for each value is the whole list; *--ip-add* and *--ip-del* change one value. An empty value\n"
	       "takes the key out.\n\n"
	       "```\nversion = 1\nmemory = 512M\ncpus = 1.5\nip = 192.0.2.10\nip = 2001:db8::10\n...\n```\n\n",
	       ADDRESSES_MAX);

	printf("# VALUES\n\n");
	put_type(&type_SIZE, "Decimals need a unit and are at most three. Units may be small letters.");
	put_type(&type_CORES, "");
	put_type(&type_CPU_LIST, "");
	put_type(&type_ADDRESSES, "Loopback, link-local, multicast, unspecified and reserved addresses are refused.");

	printf("# KEYS\n\n");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (keys[i].applied_by == BY_IDENTITY && !identity)
			printf("# IDENTITY\n\n");
		identity = keys[i].applied_by == BY_IDENTITY;
		put_key(&keys[i]);
	}

	printf("# SEE ALSO\n\n*berthctl*(8), *berth*(7)\n");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
