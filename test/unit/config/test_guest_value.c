/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "tap.h"

static bool parses(const struct value_type *type, const char *text)
{
	char why[128] = "";
	void *field = calloc(1, type->size);
	bool good = type->parse(text, field, why, sizeof(why));

	free(field);
	return good;
}

/* The words that a command is cut into, joined by "|"; "-" if it is none. */
static bool splits(const char *text, const char *expected)
{
	char copy[300], joined[400] = "", *words[COMMAND_WORDS_MAX + 1];
	int count;

	strcpy(copy, text);
	count = command_split(copy, words);
	if (count < 0)
		return !strcmp(expected, "-");
	for (int i = 0; i < count; i++)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", i ? "|" : "", words[i]);
	if (strcmp(joined, expected) != 0 || words[count])
		printf("# got: %s\n", joined);
	return !strcmp(joined, expected) && !words[count];
}

static void test_commands(void)
{
	char many[200] = "";

	check(splits("/sbin/init", "/sbin/init"), "one word");
	check(splits("/bin/sh -c \"a b\" c", "/bin/sh|-c|a b|c"), "quotes keep a word together");
	check(splits("  /a   b  ", "/a|b"), "blanks part words");
	check(splits("/a \"\" b", "/a||b"), "an empty word");
	check(splits("/a b\"c d\"e", "/a|bc de"), "quotes within a word");
	check(splits("/a \\\"b\\ c \"d\\\"e\\\\\"", "/a|\"b c|d\"e\\"), "backslashes");
	check(splits("/a \"b", "-"), "a quote without end");
	check(splits("", ""), "nothing is no word");
	for (int i = 0; i < COMMAND_WORDS_MAX; i++)
		strcat(many, "/a ");
	check(splits(many, "/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a|/a"), "the most words");
	strcat(many, "x");
	check(splits(many, "-") && !parses(&type_COMMAND, many), "one more is too many");
	check(parses(&type_COMMAND, "/bin/sh -c \"x\"") && !parses(&type_COMMAND, "\"sbin/init\" /x") && parses(&type_COMMAND, "\"/sbin/my init\""), "the first is an absolute path");
}

static void test_paths(void)
{
	static const char *const bad_binds[] = {
		"", "/a", "/a:", ":/a", "a:/b", "/a:b", "/a:/b:rx", "/a:/b:/c", "/a/../b:/c", "/a:/./b", "/a//b:/c", "/a/:/b", "/:/b", "/a:/", "/a:/proc", "/a:/proc/x", "/a:/sys/x", "/a:/dev",
		"/a\n:/b", "/a:/b ",
	};
	static const char *const bad_devices[] = { "", "/dev", "/dev/", "kvm", "/etc/passwd", "/dev/../etc/x", "/dev/kvm:x", "/dev/kvm:", "/dev//kvm", "/dev/a b", "/dev/kvm:r:w" };
	struct guest_bind_list list = { .count = 0 };
	struct guest_device_list devices = { .count = 0 };
	char why[128] = "", text[VALUE_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LENGTH(bad_binds); i++)
		check(!parses(&type_BINDS, bad_binds[i]), "no mount: '%s'", bad_binds[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(bad_devices); i++)
		check(!parses(&type_DEVICES, bad_devices[i]), "no device: '%s'", bad_devices[i]);
	check(parses(&type_BINDS, "/a:/devices") && parses(&type_BINDS, "/a b:/c d:rw") && parses(&type_BINDS, "/a:/.b/..c"), "what only looks like it");
	check(type_BINDS.parse("/srv/a:/a:ro", &list, why, sizeof(why)) && type_BINDS.parse("/srv/b:/b", &list, why, sizeof(why)) && list.count == 2, "two mounts");
	check(!type_BINDS.parse("/srv/c:/a", &list, why, sizeof(why)) && strstr(why, "mounted there already"), "no two in a place");
	type_BINDS.format(&list, 0, text);
	check(!strcmp(text, "/srv/a:/a:ro") && list.at[0].readonly && !list.at[1].readonly, "shown as they are written");
	check(type_BINDS.remove("/a", &list) && list.count == 1 && !strcmp(list.at[0].guest, "/b") && !list.at[1].guest[0], "one is taken out by its place");
	check(!type_BINDS.remove("/a", &list) && type_BINDS.remove("/srv/b:/b", &list) && list.count == 0, "or by all of it");
	check(type_DEVICES.parse("/dev/sdb:r", &devices, why, sizeof(why)) && devices.at[0].read && !devices.at[0].write, "a device to read");
	check(!type_DEVICES.parse("/dev/sdb", &devices, why, sizeof(why)) && strstr(why, "twice"), "once");
	check(type_DEVICES.remove("/dev/sdb", &devices) && devices.count == 0, "taken out by its path");
	for (int i = 0; i < GUEST_BINDS_MAX; i++) {
		snprintf(text, sizeof(text), "/a:/b%d", i);
		(void)type_BINDS.parse(text, &list, why, sizeof(why));
	}
	check(list.count == GUEST_BINDS_MAX && !type_BINDS.parse("/a:/z", &list, why, sizeof(why)) && strstr(why, "there are 16"), "not more than fit");
}

static void test_texts(void)
{
	static const char *const bad_credentials[] = { "", "a", "=x", "a=", ".a=x", "a/b=x", "a b=x", "a=\n", "a= x", "a=x " };
	static const char *const bad_zones[] = { "", "/etc/passwd", "../x", "Europe//Prague", "Europe/", "a b", "a.b" };
	struct credential_list list = { .count = 0 };
	char why[128] = "", text[700];

	for (size_t i = 0; i < ARRAY_LENGTH(bad_credentials); i++)
		check(!parses(&type_CREDENTIALS, bad_credentials[i]), "no credential: '%s'", bad_credentials[i]);
	check(type_CREDENTIALS.parse("a.b=c=d e", &list, why, sizeof(why)) && !strcmp(list.at[0].text, "c=d e"), "a credential");
	check(!type_CREDENTIALS.parse("a.b=x", &list, why, sizeof(why)) && type_CREDENTIALS.remove("a.b", &list), "once, and taken out by its name");
	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	text[514] = '\0';
	check(parses(&type_CREDENTIALS, text), "of 512 bytes");
	text[514] = 'x';
	text[515] = '\0';
	check(!parses(&type_CREDENTIALS, text), "not of 513");
	for (size_t i = 0; i < ARRAY_LENGTH(bad_zones); i++)
		check(!parses(&type_ZONE, bad_zones[i]), "no zone: '%s'", bad_zones[i]);
	check(parses(&type_ZONE, "UTC") && parses(&type_ZONE, "Etc/GMT+5") && parses(&type_ZONE, "America/Argentina/Buenos_Aires"), "zones");
	check(parses(&type_LOCALE, "cs_CZ.UTF-8") && parses(&type_LOCALE, "C") && !parses(&type_LOCALE, "") && !parses(&type_LOCALE, "a/b") && !parses(&type_LOCALE, "-x"), "locales");
}

int main(void)
{
	test_commands();
	test_paths();
	test_texts();
	return tap_done();
}
