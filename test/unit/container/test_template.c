/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/template.h"
#include "tap.h"

static bool refuses(const char *text)
{
	struct berth_template found;
	struct berth_error err;

	return template_parse(text, &found, &err) < 0;
}

/* The members of a good description; one of them is replaced or left out. */
static const char *const members[][2] = {
	{ "schema", "1" }, { "name", "\"debian:12\"" }, { "distribution", "\"debian\"" }, { "release", "\"12\"" }, { "architecture", "\"x86_64\"" },
	{ "init", "\"systemd\"" }, { "built", "5" }, { "bytes", "6" }, { "entries", "7" },
};

static const char *with(const char *member, const char *value)
{
	static char text[8192];
	size_t length = (size_t)sprintf(text, "{\"ignored\": [1, {}]");

	for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
		const char *v = strcmp(members[i][0], member) ? members[i][1] : value;

		if (v)
			length += (size_t)sprintf(text + length, ", \"%s\": %s", members[i][0], v);
	}
	strcpy(text + length, "}");
	return text;
}

static void test_members(void)
{
	static const char *const wrong[] = { "null", "[]", "{}", "true", "1.5", "-1", "\"-1\"", "1e3" };
	struct berth_template found, before;
	struct berth_error err;
	char longest[128];

	check(!refuses(with("", NULL)), "a description with a member more is read");
	memset(&found, 0x55, sizeof(found));
	before = found;
	for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
		size_t accepted = 0;

		check(refuses(with(members[i][0], NULL)), "without %s it is refused", members[i][0]);
		for (size_t j = 0; j < ARRAY_LENGTH(wrong); j++)
			/* "-1" in quotes is a text like another. */
			accepted += (members[i][1][0] != '"' || j != 6) && template_parse(with(members[i][0], wrong[j]), &found, &err) == 0;
		check(accepted == 0, "and with one of a wrong type");
		if (members[i][1][0] != '"')
			continue;
		snprintf(longest, sizeof(longest), "\"%0100d\"", 0);
		check(refuses(with(members[i][0], longest)), "%s that is too long is refused", members[i][0]);
		check(refuses(with(members[i][0], "\"a\\u0000b\"")), "and one with a NUL");
	}
	check(!memcmp(&found, &before, sizeof(found)), "nothing is returned then");
	check(refuses(with("schema", "2")) && refuses(with("schema", "0")) && refuses(with("schema", "18446744073709551617")), "only this schema is read");
	check(refuses(with("name", "\"../x\"")) && refuses(with("name", "\"\"")) && refuses(with("name", "\"a:/b\"")) && refuses(with("name", "\"A\"")), "a name that is none is refused");
	check(!refuses(with("bytes", "9223372036854775807")), "the largest number is read");
}

static void test_broken(void)
{
	struct berth_template made = { .name = "busybox", .built_at = INT64_MAX, .bytes = INT64_MAX, .entries = INT64_MAX }, found;
	CLEAN_FREE char *text = NULL;
	struct berth_error err = { 0 };
	char deep[4096];
	size_t accepted = 0;

	strcpy(made.distribution, "\"quoted\" \\ / \xc3\xbc");
	text = template_format(&made);
	check(template_parse(text, &found, &err) == 0 && !memcmp(&made, &found, sizeof(made)), "quotes and large numbers come back the same");
	for (size_t cut = 0; text[cut]; cut++) {
		CLEAN_FREE char *part = strndup(text, cut);

		accepted += !refuses(part);
	}
	check(accepted == 0, "cut short at any byte it is refused");
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	check(refuses(deep), "a deep nest is refused");
	check(template_parse("x", &found, &err) < 0 && err.kind == BERTH_FAILED && err.text[0], "with a text");
}

static void test_directories(void)
{
	static const char *const bad[] = { "", ".", "..", "/", "a/b", "debian-12", "debian:", ":12", "debian:12:1", "Debian", "debian:12/..", "debian 12", "d\xc3\xa9" };
	char directory[TEMPLATE_DIRECTORY_MAX], name[201];
	struct berth_error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(template_directory_name(bad[i], directory, &err) < 0 && err.kind == BERTH_USAGE, "no template's name (%zu)", i);
	memset(name, 'a', 200);
	name[200] = '\0';
	check(template_directory_name(name, directory, &err) < 0, "nor are 200 letters");
	name[64] = '\0';
	check(template_directory_name(name, directory, &err) == 0 && !strcmp(directory, name), "64 are");
	check(template_directory_name("busybox", directory, &err) == 0 && !strcmp(directory, "busybox"), "a name without a release");
	check(template_directory_name("ubuntu:24.04", directory, &err) == 0 && !strcmp(directory, "ubuntu-24.04"), "a release with a dot");
}

int main(void)
{
	struct berth_template made = { .name = "debian:12", .distribution = "debian", .release = "12", .architecture = "x86_64", .init = "systemd",
				       .built_at = 5, .bytes = 6, .entries = 7 }, found;
	CLEAN_FREE char *text = template_format(&made);
	char directory[TEMPLATE_DIRECTORY_MAX];
	struct berth_error err;

	check(template_parse(text, &found, &err) == 0 && !memcmp(&made, &found, sizeof(made)), "a description is written and read the same");
	check(refuses("") && refuses("{") && refuses("[]") && refuses("5") && refuses("{}"), "what is no description is refused");
	check(refuses("{\"schema\": 2, \"name\": \"debian:12\"}"), "a later schema is refused");
	*strstr(text, "debian:12") = '/';
	check(refuses(text), "a bad name is refused");
	check(template_directory_name("debian:12", directory, &err) == 0 && !strcmp(directory, "debian-12"), "a template's directory");
	check(template_directory_name("../x", directory, &err) < 0 && err.kind == BERTH_USAGE, "is never a way elsewhere");
	test_members();
	test_broken();
	test_directories();
	return tap_done();
}
