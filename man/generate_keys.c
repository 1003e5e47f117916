/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the scdoc source of berth-container.conf(5) from the key table. Runs when Berth is built. */
#include <stdio.h>

#include "config/config.h"

/* scdoc gives these a meaning. */
static void put(const char *text)
{
	for (; *text; text++) {
		if (*text == '_' || *text == '*' || *text == '\\' || *text == '#')
			putchar('\\');
		putchar(*text);
	}
}

static const char *takes_effect(enum applied_by by)
{
	switch (by) {
	case BY_START: return "A change takes effect at the next start.";
	case BY_HOST: return "Only stored.";
	case BY_IDENTITY: return "Never changed.";
	default: return "A change takes effect at once.";
	}
}

int main(void)
{
	printf("berth-container.conf(5)\n\n# NAME\n\nberth-container.conf - configuration of a container\n\n# DESCRIPTION\n\n"
	       "_/var/lib/berth/containers/NAME/container.conf_ is written by *berthctl create* and *berthctl set*. Its first line is\n"
	       "_version = 1_; the others are _key = value_, empty, or comments that begin with _#_. A list has one line for each value.\n"
	       "Unknown keys, plain keys given twice, values that are not acceptable and a file that was cut short are refused, with the line.\n"
	       "The last keys are the container's identity, which *create* writes and nobody changes.\n\n"
	       "Each key but those is an option of *create* and *set*: _memory = 512M_ is *--memory 512M*.\n\n# KEYS\n\n");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];

		printf("*%s* = _", key->outside.name);
		put(key->type->syntax);
		printf("_%s\n\t", key->type->list ? " (a list)" : "");
		put(key->outside.manual);
		printf("++\nAccepted is ");
		put(key->type->accepted);
		printf(".%s", key->outside.fallback[0] ? " If not given: " : "");
		put(key->outside.fallback);
		printf("%s %s\n\n", key->outside.fallback[0] ? "." : "", takes_effect(key->applied_by));
	}
	printf("# SEE ALSO\n\n*berthctl*(8), *berth*(7)\n");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
