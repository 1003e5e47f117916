/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Templates from archives, directories, image layouts and an index of images; and a template as an archive. What is a stranger's is read by berth-image. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/value.h"
#include "container/container.h"
#include "container/copy_tree.h"
#include "container/host.h"
#include "container/id_range.h"
#include "container/template_make.h"

#define ENTRIES_MAX "4000000"
#define PROGRAM BUILDER_GIVEN "/berth-image"

struct import {
	int source;			/* the archive or the directory */
	const char *image;
	char bytes[24];
	const char *name;		/* of a fetch */
	const struct policy *policy;
	berth_progress_function progress;
	void *data;
};

static int run_image(struct builder *builder, const struct import *import, uid_t host_uid, const char *const *argv, const char *const *environment,
		     struct berth_error *err)
{
	int r = template_give_image_program(builder, err);

	builder->tells_kind = true;
	return r < 0 ? r : builder_run(builder, argv, environment, host_uid, import->progress, import->data, err);
}

static int fill_from_archive(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err)
{
	const struct import *import = context;
	const char *argv[] = { PROGRAM, "unpack", BUILDER_ROOTFS, import->bytes, ENTRIES_MAX, NULL };

	builder->input = import->source;
	return run_image(builder, import, host_uid, argv, NULL, err);
}

static int fill_from_layout(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err)
{
	const struct import *import = context;
	const char *argv[] = { PROGRAM, "layout", BUILDER_SOURCE, import->image ? import->image : "", BUILDER_ROOTFS, import->bytes, ENTRIES_MAX, NULL };

	builder->source = import->source;
	return run_image(builder, import, host_uid, argv, NULL, err);
}

static int fill_from_directory(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err)
{
	const struct import *import = context;

	(void)host_uid;
	return copy_tree(import->source, builder->rootfs, 0, import->progress, import->data, err);
}

static int fill_from_index(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err)
{
	const struct import *import = context;
	const struct policy *policy = import->policy;
	const char *argv[] = { PROGRAM, "pull", policy->template_index, BUILDER_GIVEN "/keyring.gpg", import->name, BUILDER_ROOTFS, import->bytes, ENTRIES_MAX, NULL };
	const char *environment[] = { policy->template_authority[0] ? "BERTH_AUTHORITY=" BUILDER_GIVEN "/authority" : "BERTH_AUTHORITY=", NULL };
	int r = builder_give(builder, "keyring.gpg", policy->template_keyring, 0644, err);

	if (r == 0 && policy->template_authority[0])
		r = builder_give(builder, "authority", policy->template_authority, 0644, err);
	return r < 0 ? r : run_image(builder, import, host_uid, argv, environment, err);
}

static int set_limit(struct import *import, const struct berth_template_options *options, struct berth_error *err)
{
	uint64_t bytes = import->policy->template_max_size;
	char why[128];

	if (options->max_size && (!type_AMOUNT.parse(options->max_size, &bytes, why, sizeof(why)) || bytes == 0))
		return fail(err, BERTH_USAGE, EINVAL, "max-size: '%.64s' is not acceptable; accepted is a size such as 20G", options->max_size);
	snprintf(import->bytes, sizeof(import->bytes), "%llu", (unsigned long long)bytes);
	return 0;
}

int berth_template_import(struct berth *berth, const char *name, const struct berth_template_options *options,
			  berth_progress_function progress, void *data, struct berth_error *err)
{
	CLEAN_POLICY struct policy policy = { .plans = NULL };
	struct import import = { .image = options->image, .policy = &policy, .progress = progress, .data = data };
	template_fill_function fill = fill_from_archive;
	const char *path = options->source ? options->source : "";
	CLEAN_FD int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(0, F_DUPFD_CLOEXEC, 3);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(err, errno == ENOENT ? BERTH_USAGE : BERTH_FAILED, errno, "cannot open %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		fill = faccessat(fd, "oci-layout", F_OK, 0) == 0 || faccessat(fd, "index.json", F_OK, 0) == 0 ? fill_from_layout : fill_from_directory;
	r = host_policy_read(berth, &policy, err);
	if (r == 0)
		r = set_limit(&import, options, err);
	import.source = fd;
	return r < 0 ? r : template_make(berth, name, "import", options, fill, &import, err);
}

int berth_template_fetch(struct berth *berth, const char *name, const struct berth_template_options *options, berth_progress_function progress, void *data,
			 struct berth_error *err)
{
	CLEAN_POLICY struct policy policy = { .plans = NULL };
	struct import import = { .name = name, .policy = &policy, .progress = progress, .data = data };
	char directory[TEMPLATE_DIRECTORY_MAX];
	int r = template_directory_name(name, directory, err);

	if (r == 0)
		r = host_policy_read(berth, &policy, err);
	if (r < 0)
		return r;
	if (!policy.template_index[0])
		return fail(err, BERTH_REFUSED, ENOENT, "template %s: berth.conf names no index of images; set template-index and template-keyring there", name);
	if (!policy.template_keyring[0])
		return fail(err, BERTH_REFUSED, ENOKEY, "template %s: berth.conf names no keyring for the index; set template-keyring there", name);
	r = set_limit(&import, options, err);
	return r < 0 ? r : template_make(berth, name, "index", options, fill_from_index, &import, err);
}

int berth_template_export(struct berth *berth, const char *name, int fd, const char *compression, berth_progress_function progress, void *data,
			  struct berth_error *err)
{
	const char *argv[] = { PROGRAM, "pack", BUILDER_ROOTFS, compression, NULL };
	struct import import = { .progress = progress, .data = data };
	char directory[TEMPLATE_DIRECTORY_MAX], hidden[TEMPLATE_DIRECTORY_MAX + 24], owner[80];
	CLEAN_BUILDER struct builder builder;
	struct berth_template description;
	struct berth_error ignored;
	uint64_t id;
	int r;

	builder_init(&builder);
	CLEAN_FD int rootfs = template_open(berth, name, &description, err);
	CLEAN_FD int templates = rootfs < 0 ? rootfs : instance_directory(berth, DIRECTORY_TEMPLATES, err);
	if (templates < 0)
		return templates;
	/* By this directory recover knows what a killed export had. */
	(void)template_directory_name(name, directory, err);
	snprintf(hidden, sizeof(hidden), ".%s+export.building", directory);
	if (mkdirat(templates, hidden, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "template %s: cannot make a directory to export it", name);
	CLEAN_FD int lock = openat(templates, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being exported by another command", name);
	snprintf(owner, sizeof(owner), TEMPLATE_OWNER "%.40s+export", name);
	r = id_range_allocate(berth, owner, &id, err);
	if (r == 0) {
		builder.rootfs = rootfs;
		builder.readonly = true;
		builder.output = fd;
		r = run_image(&builder, &import, (uid_t)id * ID_RANGE_SIZE, argv, NULL, err);
		(void)id_range_release(berth, owner, id, &ignored);
	}
	(void)unlinkat(templates, hidden, AT_REMOVEDIR);
	return r < 0 ? fail_context(err, "template %s", name) : 0;
}
