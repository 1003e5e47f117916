/* SPDX-License-Identifier: LGPL-2.1-or-later */
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
	return tap_done();
}
