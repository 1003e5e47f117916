/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template list, build, import, export, fetch, update, show, delete. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/output.h"

static void fill_json(json_object *object, const struct berth_template *one)
{
	json_add_text(object, "name", one->name);
	json_add_text(object, "distribution", one->distribution);
	json_add_text(object, "release", one->release);
	json_add_text(object, "architecture", one->architecture);
	json_add_text(object, "init", one->init);
	json_add_text(object, "origin", one->origin);
	json_add_text(object, "mirror", one->mirror);
	json_add_text(object, "command", one->command);
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

typedef int (*make_function)(struct berth *berth, const char *name, const struct berth_template_options *options, berth_progress_function progress,
			     void *data, struct berth_error *err);

static int make(struct invocation *invocation, make_function function)
{
	const struct berth_template_options options = {
		.source = invocation->count > 2 ? invocation->arguments[2] : NULL, .mirror = option_value(invocation, "mirror"), .image = option_value(invocation, "image"),
		.max_size = option_value(invocation, "max-size"), .replace = option_given(invocation, "replace"), .insecure = option_given(invocation, "insecure"),
		.verbose = invocation->verbose,
	};
	struct berth_error err;
	int r;

	catch_interrupt();
	r = function(invocation->berth, invocation->arguments[1], &options, progress_show, NULL, &err);
	progress_done();
	return r < 0 ? report(&err) : 0;
}

static int build(struct invocation *invocation)
{
	return make(invocation, berth_template_build);
}

static int fetch(struct invocation *invocation)
{
	return make(invocation, berth_template_fetch);
}

static int update(struct invocation *invocation)
{
	return make(invocation, berth_template_update);
}

static int import(struct invocation *invocation)
{
	return make(invocation, berth_template_import);
}

/* What the end of the file's name says. */
static const char *compression_of(const char *path)
{
	static const char *const ends[][2] = {
		{ ".tar", "tar" }, { ".tar.gz", "gz" }, { ".tgz", "gz" }, { ".tar.xz", "xz" }, { ".tar.zst", "zst" },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t length = strlen(path), end = strlen(ends[i][0]);

		if (length > end && !strcmp(path + length - end, ends[i][0]))
			return ends[i][1];
	}
	return NULL;
}

/* To a file that is there only when it is whole. */
static int export(struct invocation *invocation)
{
	const char *path = invocation->arguments[2], *compression = strcmp(path, "-") ? compression_of(path) : "tar";
	char temporary[4200];
	struct berth_error err;
	int fd = 1, r;

	if (!compression)
		return usage_error("template export: '%.200s' is not acceptable; accepted are - and names that end in .tar, .tar.gz, .tar.xz or .tar.zst", path);
	snprintf(temporary, sizeof(temporary), "%.4096s.part", path);
	if (strcmp(path, "-") != 0) {
		fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			return usage_error("cannot write %s: %s", temporary, strerror(errno));
	} else if (isatty(1)) {
		return usage_error("template export: an archive is not for a terminal");
	}
	catch_interrupt();
	r = berth_template_export(invocation->berth, invocation->arguments[1], fd, compression, progress_show, NULL, &err);
	progress_done();
	if (fd != 1) {
		if (r == 0 && (fsync(fd) < 0 || rename(temporary, path) < 0))
			r = usage_error("cannot write %s: %s", path, strerror(errno));
		if (r)
			unlink(temporary);
		close(fd);
	}
	return r < 0 ? report(&err) : r;
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
	printf("built         %s\norigin        %s%s%s\n", text, one.origin, one.mirror[0] ? " " : "", one.mirror);
	if (one.command[0])
		printf("command       %s\n", one.command);
	printf("size          %s in %llu entries\n", format_bytes(one.bytes, text), (unsigned long long)one.entries);
	return flush_output();
}

static int delete(struct invocation *invocation)
{
	struct berth_error err;

	return berth_template_delete(invocation->berth, invocation->arguments[1], option_given(invocation, "force"), &err) < 0 ? report(&err) : 0;
}

static const struct option_row template_options[] = {
	{ "mirror", "URL", "build, update: from this mirror, instead of the distribution's or that of berth.conf", 0 },
	{ "replace", NULL, "build, import, fetch: make anew what is there already", 0 },
	{ "insecure", NULL, "build, update: also from a source that no pinned key has signed", 0 },
	{ "image", "NAME", "import: this one of the images of an OCI layout", 0 },
	{ "max-size", "SIZE", "import, fetch, update: refuse what has more bytes (20G)", 0 },
	{ "force", NULL, "delete: also one that containers were made of", 0 },
	{ NULL, NULL, NULL, 0 },
};

/* An option that another verb has would be taken and do nothing. */
static bool has_option(const char *help, const char *verb)
{
	size_t length = strlen(verb);
	const char *colon = strchr(help, ':');

	for (const char *p = help; p < colon; p += strcspn(p, " :") + 1)
		if (!strncmp(p, verb, length) && (p[length] == ',' || p[length] == ':'))
			return true;
	return false;
}

static int run_template(struct invocation *invocation)
{
	static const struct { const char *name, *arguments; int count; int (*run)(struct invocation *invocation); } verbs[] = {
		{ "list", "nothing more", 1, list }, { "build", "a name", 2, build }, { "import", "a name and FILE, DIR or -", 3, import },
		{ "export", "a name and FILE or -", 3, export }, { "fetch", "a name", 2, fetch }, { "update", "a name", 2, update },
		{ "show", "a name", 2, show }, { "delete", "a name", 2, delete },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, invocation->arguments[0]) != 0)
			continue;
		if (invocation->count != verbs[i].count)
			return usage_error("template %s takes %s", verbs[i].name, verbs[i].arguments);
		for (const struct option_row *row = template_options; row->name; row++)
			if (option_given(invocation, row->name) && !has_option(row->help, verbs[i].name))
				return usage_error("template %s has no option --%s; it is for %.*s", verbs[i].name, row->name, (int)strcspn(row->help, ":"), row->help);
		return verbs[i].run(invocation);
	}
	return usage_error("template: there is no '%.64s'; accepted are list, build, import, export, fetch, update, show, delete", invocation->arguments[0]);
}

const struct command template_command = {
	.name = "template",
	.arguments = "list | build NAME | import NAME FILE|DIR|- | export NAME FILE|- | fetch NAME | update NAME | show NAME | delete NAME",
	.help = "root filesystems to create from", .options = template_options, .least = 1, .most = 3, .run = run_template,
};
