/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template list, build, show, delete. */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"

static void fill_json(json_object *object, const struct berth_template *one)
{
	json_add_text(object, "name", one->name);
	json_add_text(object, "distribution", one->distribution);
	json_add_text(object, "release", one->release);
	json_add_text(object, "architecture", one->architecture);
	json_add_text(object, "init", one->init);
	json_add_number(object, "built", one->built_at);
	json_add_number(object, "bytes", one->bytes);
	json_add_number(object, "entries", one->entries);
}

static void built_at(const struct berth_template *one, char text[static 24])
{
	time_t built = (time_t)one->built_at;

	strftime(text, 24, "%Y-%m-%d %H:%M", localtime(&built));
}

static int print_row(const struct berth_template *one, void *data)
{
	char size[24], built[24];

	(void)data;
	built_at(one, built);
	printf("%-16s  %-12s  %-10s  %7s  %s\n", one->name, one->init, one->architecture, format_bytes(one->bytes, size), built);
	return 0;
}

static int add_row(const struct berth_template *one, void *data)
{
	json_object *object = json_object_new_object();

	fill_json(object, one);
	json_object_array_add(data, object);
	return 0;
}

static int list(struct invocation *invocation)
{
	struct berth_error err;

	if (invocation->json) {
		json_object *object = json_begin(), *rows = json_object_new_array();

		json_object_object_add(object, "templates", rows);
		if (berth_template_list(invocation->berth, add_row, rows, &err) < 0) {
			json_object_put(object);
			return report(&err);
		}
		return json_end(object);
	}
	printf("%-16s  %-12s  %-10s  %7s  %s\n", "NAME", "INIT", "ARCH", "SIZE", "BUILT");
	return berth_template_list(invocation->berth, print_row, NULL, &err) < 0 ? report(&err) : flush_output();
}

static void on_interrupt(int number)
{
	(void)number;
	berth_interrupt();
}

static int build(struct invocation *invocation)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct berth_error err;
	int r;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	r = berth_template_build(invocation->berth, invocation->arguments[1], option_value(invocation, "mirror"),
				 option_given(invocation, "replace"), invocation->verbose, progress_show, NULL, &err);
	progress_done();
	return r < 0 ? report(&err) : 0;
}

static int show(struct invocation *invocation)
{
	struct berth_template one;
	struct berth_error err;
	char text[24];

	if (berth_template_show(invocation->berth, invocation->arguments[1], &one, &err) < 0)
		return report(&err);
	if (invocation->json) {
		json_object *object = json_begin();

		fill_json(object, &one);
		return json_end(object);
	}
	printf("name          %s\ndistribution  %s\nrelease       %s\narchitecture  %s\ninit          %s\n", one.name, one.distribution,
	       one.release, one.architecture, one.init);
	built_at(&one, text);
	printf("built         %s\n", text);
	printf("size          %s in %llu entries\n", format_bytes(one.bytes, text), (unsigned long long)one.entries);
	return flush_output();
}

static int delete(struct invocation *invocation)
{
	struct berth_error err;

	return berth_template_delete(invocation->berth, invocation->arguments[1], &err) < 0 ? report(&err) : 0;
}

static int run_template(struct invocation *invocation)
{
	static const struct { const char *name; int arguments; int (*run)(struct invocation *invocation); } verbs[] = {
		{ "list", 1, list }, { "build", 2, build }, { "show", 2, show }, { "delete", 2, delete },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, invocation->arguments[0]) != 0)
			continue;
		if (invocation->count != verbs[i].arguments)
			return usage_error("template %s takes %s", verbs[i].name, verbs[i].arguments == 1 ? "no name" : "one name");
		return verbs[i].run(invocation);
	}
	return usage_error("template: there is no '%.64s'; accepted are list, build, show, delete", invocation->arguments[0]);
}

static const struct option_row template_options[] = {
	{ "mirror", "URL", "build from this mirror (for Debian: else the one of the host's apt)" },
	{ "replace", NULL, "build anew what is built already" },
	{ NULL, NULL, NULL, 0 },
};
const struct command template_command = {
	.name = "template", .arguments = "list | build NAME | show NAME | delete NAME", .help = "root filesystems to create from",
	.options = template_options, .least = 1, .most = 2, .run = run_template,
};
