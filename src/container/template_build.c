/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Templates built by a script (templates/README.md has the contract), and built or fetched again. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/value.h"
#include "container/host.h"
#include "container/template_make.h"

#define KEYS_TEXT_MAX 65536

struct build {
	const char *name;
	const char *mirror;			/* "" is the distribution's own */
	char script[PATH_MAX];
	const struct berth_template_options *options;
	const struct berth *berth;
	berth_progress_function progress;
	void *data;
};

/* The operator's own script of the distribution's name, else the one that came with Berth. */
static int find_script(struct build *build, struct berth_error *err)
{
	int length = (int)strcspn(build->name, ":"), r;
	char relative[128];

	snprintf(build->script, sizeof(build->script), "%s/etc/berth/templates/%.*s", build->berth->root, length, build->name);
	if (access(build->script, R_OK) == 0)
		return 0;
	snprintf(relative, sizeof(relative), "share/berth/templates/%.*s", length, build->name);
	r = installed_path(relative, build->script, err);
	if (r == 0 && access(build->script, R_OK) < 0)
		r = fail(err, BERTH_NOT_FOUND, errno, "there is no script for template %s (%s)", build->name, build->script);
	return r;
}

/* "debian 0123...CDEF  why" lines: the fingerprints of one distribution, one to a line. */
static void add_pins(const char *path, const char *name, FILE *out)
{
	size_t length = strcspn(name, ":");
	CLEAN_FREE char *text = NULL;
	char *rest, *line;

	if (read_file_at(AT_FDCWD, path, KEYS_TEXT_MAX, &text, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, name, length) != 0 || !strchr(" \t", line[length]) || !line[length])
			continue;
		line += length;
		line += strspn(line, " \t");
		fprintf(out, "%.*s\n", (int)strcspn(line, " \t"), line);
	}
}

static char *read_pins(const struct build *build)
{
	char path[PATH_MAX], *text = NULL;
	struct berth_error ignored;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	if (installed_path("share/berth/template-keys", path, &ignored) == 0)
		add_pins(path, build->name, out);
	snprintf(path, sizeof(path), "%s/etc/berth/template-keys", build->berth->root);
	add_pins(path, build->name, out);
	return fclose(out) == 0 ? text : NULL;
}

static int give_files(struct builder *builder, const struct build *build, struct berth_error *err)
{
	char path[PATH_MAX], keyring[PATH_MAX];
	int r = builder_give(builder, "script", build->script, 0755, err);

	if (r == 0)
		r = installed_path("share/berth/template-functions", path, err);
	if (r == 0)
		r = builder_give(builder, "functions", path, 0644, err);
	if (r == 0)
		r = builder_give_text(builder, "pins", read_pins(build), err);
	if (r == 0)
		r = template_give_image_program(builder, err);
	/* Keys that the operator has put there for a mirror of his own; they count by the pins all the same. */
	snprintf(keyring, sizeof(keyring), "%s/etc/berth/template-keyrings/%.*s.gpg", build->berth->root, (int)strcspn(build->name, ":"), build->name);
	if (r == 0 && access(keyring, R_OK) == 0)
		r = builder_give(builder, "keyring.gpg", keyring, 0644, err);
	return r;
}

static int run_script(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err)
{
	const struct build *build = context;
	const char *colon = strchr(build->name, ':'), *argv[] = { "/bin/sh", "-eu", BUILDER_GIVEN "/script", NULL };
	char name[96], release[96], mirror[300], architecture[40];
	const char *environment[] = {
		name, release, mirror, architecture, "BERTH_ROOTFS=" BUILDER_ROOTFS, "BERTH_IMAGE=" BUILDER_GIVEN "/berth-image", "BERTH_GIVEN=" BUILDER_GIVEN,
		build->options->insecure ? "BERTH_INSECURE=yes" : "BERTH_INSECURE=", NULL,
	};
	struct utsname machine;
	int r = give_files(builder, build, err);

	uname(&machine);
	snprintf(name, sizeof(name), "BERTH_TEMPLATE=%s", build->name);
	snprintf(release, sizeof(release), "BERTH_RELEASE=%s", colon ? colon + 1 : "");
	snprintf(mirror, sizeof(mirror), "BERTH_MIRROR=%s", build->mirror);
	snprintf(architecture, sizeof(architecture), "BERTH_ARCHITECTURE=%.15s", machine.machine);
	if (r == 0)
		r = builder_run(builder, argv, environment, host_uid, build->progress, build->data, err);
	return r < 0 ? fail_context(err, "its script failed") : 0;
}

int berth_template_build(struct berth *berth, const char *name, const struct berth_template_options *options, berth_progress_function progress, void *data,
			 struct berth_error *err)
{
	CLEAN_POLICY struct policy policy = { .plans = NULL };
	char directory[TEMPLATE_DIRECTORY_MAX];
	struct build build = { .name = name, .options = options, .berth = berth, .progress = progress, .data = data };
	const char *mirror = options->mirror;
	int r = template_directory_name(name, directory, err);

	if (r == 0)
		r = host_policy_read(berth, &policy, err);
	if (r < 0)
		return r;
	build.mirror = mirror ? mirror : policy_find_mirror(&policy, name);
	if (build.mirror[0] && !policy_is_url(build.mirror))
		return fail(err, BERTH_USAGE, EINVAL, "mirror: '%.100s' is not acceptable; accepted are http, https and file URLs", build.mirror);
	r = find_script(&build, err);
	return r < 0 ? r : template_make(berth, name, "script", options, run_script, &build, err);
}

int berth_template_update(struct berth *berth, const char *name, const struct berth_template_options *options, berth_progress_function progress, void *data,
			  struct berth_error *err)
{
	struct berth_template_options again = *options;
	struct berth_template now;
	int r = berth_template_show(berth, name, &now, err);

	if (r < 0)
		return r;
	again.replace = true;
	if (!again.mirror && now.mirror[0])
		again.mirror = now.mirror;
	if (!strcmp(now.origin, "script"))
		return berth_template_build(berth, name, &again, progress, data, err);
	if (!strcmp(now.origin, "index"))
		return berth_template_fetch(berth, name, &again, progress, data, err);
	return fail(err, BERTH_WRONG_STATE, EINVAL, "template %s was imported; import it anew: berthctl template import %s FILE --replace", name, name);
}
