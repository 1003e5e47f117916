/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/template_make.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "container/container.h"
#include "container/id_range.h"
#include "container/tree_facts.h"

#define FACTS ".berth-template"
#define DEPTH_MAX 200

struct count {
	uint64_t entries, bytes;
	uid_t foreign;		/* an id that no container has; 0 if none */
};

static int count_tree(int fd, struct count *count, int depth)
{
	CLEAN_DIR DIR *dir = list_directory(fd);
	struct dirent *entry;

	if (!dir || depth > DEPTH_MAX)
		return -1;
	while ((entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		count->entries++;
		count->bytes += (uint64_t)st.st_blocks * 512;
		if (st.st_uid >= ID_RANGE_SIZE || st.st_gid >= ID_RANGE_SIZE)
			count->foreign = st.st_uid >= ID_RANGE_SIZE ? st.st_uid : st.st_gid;
		if (S_ISDIR(st.st_mode)) {
			CLEAN_FD int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (child >= 0 && count_tree(child, count, depth + 1) < 0)
				return -1;
		}
	}
	return 0;
}

static void take_fact(const char *text, const char *name, char *field, size_t size)
{
	char value[512];

	if (assignment_read(text, name, value, sizeof(value)) && strlen(value) < size) {
		strcpy(field, value);
		berth_make_printable(field);
	}
}

/* Whoever filled the tree leaves /.berth-template in it, with lines distribution=, release=, init= and command=. */
static void read_facts(int rootfs, struct berth_template *description)
{
	CLEAN_FREE char *text = NULL;

	if (guest_read_file(rootfs, FACTS, 4096, &text) == 0) {
		take_fact(text, "distribution", description->distribution, sizeof(description->distribution));
		take_fact(text, "release", description->release, sizeof(description->release));
		take_fact(text, "init", description->init, sizeof(description->init));
		/* Its quotes are its own. */
		char *command = strstr(text, "command=");
		if (command && (command == text || command[-1] == '\n') && strcspn(command + 8, "\n") < sizeof(description->command))
			sprintf(description->command, "%.*s", (int)strcspn(command + 8, "\n"), command + 8);
		berth_make_printable(description->command);
	}
	(void)unlinkat(rootfs, FACTS, 0);
	tree_facts_find(rootfs, description);
	/* A tree with an init of its own boots. */
	if (strcmp(description->init, "program") != 0)
		description->command[0] = '\0';
}

static int describe(int directory, int rootfs, const char *name, const char *origin, const struct berth_template_options *options, struct berth_error *err)
{
	struct berth_template description = { .built_at = (uint64_t)time(NULL) };
	CLEAN_FREE char *text = NULL;
	struct count count = { 0 };
	struct utsname machine;
	const char *colon = strchr(name, ':');

	uname(&machine);
	strcpy(description.name, name);
	strcpy(description.origin, origin);
	if (options->mirror)
		snprintf(description.mirror, sizeof(description.mirror), "%s", options->mirror);
	snprintf(description.architecture, sizeof(description.architecture), "%.16s", machine.machine);
	read_facts(rootfs, &description);
	if (!description.distribution[0])
		snprintf(description.distribution, sizeof(description.distribution), "%.*s", (int)strcspn(name, ":"), name);
	if (!description.release[0] && colon)
		snprintf(description.release, sizeof(description.release), "%s", colon + 1);
	if (count_tree(rootfs, &count, 0) < 0)
		return fail(err, BERTH_FAILED, EIO, "cannot count what is in the new tree: it is more than %d directories deep", DEPTH_MAX);
	if (count.foreign)
		return fail(err, BERTH_FAILED, ERANGE, "something in the tree belongs to %u; a container has the ids 0 to %u", count.foreign, ID_RANGE_SIZE - 1);
	if (count.entries < 2)
		return fail(err, BERTH_FAILED, EIO, "the new tree is empty");
	description.entries = count.entries;
	description.bytes = count.bytes;
	text = template_format(&description);
	return text ? replace_file_at(directory, "template.json", text, strlen(text), 0600, err) :
		      fail(err, BERTH_FAILED, ENOMEM, "out of memory");
}

int template_give_image_program(struct builder *builder, struct berth_error *err)
{
	char path[PATH_MAX];
	int r = installed_path("libexec/berth/berth-image", path, err);

	return r < 0 ? r : builder_give(builder, "berth-image", path, 0755, err);
}

static int make_directory_in(int parent, const char *name, mode_t mode, struct berth_error *err)
{
	int fd;

	if (mkdirat(parent, name, mode) < 0)
		return fail_errno(err, "cannot make its %s", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "cannot open its %s", name) : fd;
}

/* In the hidden directory, which becomes the template by one rename. */
static int make_in(struct berth *berth, int directory, const char *name, const char *origin, const struct berth_template_options *options,
		   template_fill_function fill, void *context, struct berth_error *err)
{
	CLEAN_BUILDER struct builder builder;
	CLEAN_FD int rootfs = make_directory_in(directory, "rootfs", 0755, err);
	CLEAN_FD int scratch = rootfs < 0 ? rootfs : make_directory_in(directory, "scratch", 0700, err);
	struct berth_error ignored;
	char owner[64];
	uint64_t id;
	int r;

	builder_init(&builder);
	if (scratch < 0)
		return scratch;
	builder.rootfs = rootfs;
	builder.scratch = scratch;
	builder.verbose = options->verbose;
	snprintf(owner, sizeof(owner), TEMPLATE_OWNER "%.50s", name);
	r = id_range_allocate(berth, owner, &id, err);
	if (r < 0)
		return r;
	r = fill(&builder, (uid_t)id * ID_RANGE_SIZE, context, err);
	if (r == 0)
		r = describe(directory, rootfs, name, origin, options, err);
	(void)remove_tree_at(directory, "scratch", &ignored);
	(void)id_range_release(berth, owner, id, &ignored);
	return r;
}

static int place(const struct berth *berth, int templates, const char *hidden, const char *final, const char *name, bool replace, struct berth_error *err)
{
	for (;;) {
		if (renameat2(templates, hidden, templates, final, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST || !replace)
			return fail_errno(err, "cannot put it in its place");
		/* Held until it is removed: it gets the hidden name, and the next build would take it for what a killed one has left. */
		CLEAN_FD int old = open_locked_directory(templates, final, berth->lock_timeout_ms, name, err);
		if (old == -ENOENT)
			continue;
		CLEAN_FD int lock = old < 0 ? old : template_retire(berth, old, name, err);
		if (lock < 0)
			return lock;
		/* The old one and the new one change places in one step; then the old one has the hidden name. */
		if (renameat2(templates, hidden, templates, final, RENAME_EXCHANGE) < 0)
			return fail_errno(err, "cannot put it in its place");
		return remove_tree_at(templates, hidden, err);
	}
}

/* Whether there is one that must not be replaced: asked before the work, and once more when it is done. */
static int check_old(const struct berth *berth, int templates, const char *final, const char *name, struct berth_error *err)
{
	CLEAN_FD int old = openat(templates, final, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEAN_FD int lock = old < 0 ? -ENOENT : template_retire(berth, old, name, err);

	return lock < 0 && lock != -ENOENT ? lock : 0;
}

int template_make(struct berth *berth, const char *name, const char *origin, const struct berth_template_options *options, template_fill_function fill,
		  void *context, struct berth_error *err)
{
	char final[TEMPLATE_DIRECTORY_MAX], hidden[TEMPLATE_DIRECTORY_MAX + 16];
	struct berth_error ignored;
	struct stat st;
	int r = template_directory_name(name, final, err);

	if (r < 0)
		return r;
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	if (templates < 0)
		return templates;
	snprintf(hidden, sizeof(hidden), ".%s.building", final);
	CLEAN_FD int directory = -ENOENT;
	/* Not there any more: the other build has ended in between. */
	while (directory == -ENOENT) {
		if (!options->replace && fstatat(templates, final, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return fail(err, BERTH_EXISTS, EEXIST, "template %s is built already; --replace builds it anew", name);
		if (mkdirat(templates, hidden, 0700) < 0 && errno != EEXIST)
			return fail_errno(err, "cannot make the directory of template %s", name);
		directory = open_locked_directory(templates, hidden, 0, name, err);
	}
	r = directory >= 0 && options->replace ? check_old(berth, templates, final, name, err) : 0;
	if (r < 0) {
		(void)unlinkat(templates, hidden, AT_REMOVEDIR);
		return r;
	}
	if (directory < 0)
		return err->kind == BERTH_BUSY ? fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being built by another command", name) : directory;
	/* What a killed build left. */
	r = remove_tree_at(directory, "rootfs", err);
	if (r == 0)
		r = remove_tree_at(directory, "scratch", err);
	if (r == 0)
		r = make_in(berth, directory, name, origin, options, fill, context, err);
	/* The builder's own syncs did nothing: once for all of it, before it has its name. */
	if (r == 0 && syncfs(directory) < 0)
		r = fail_errno(err, "cannot sync the new tree");
	if (r == 0)
		r = place(berth, templates, hidden, final, name, options->replace, err);
	if (r < 0)
		(void)remove_tree_at(templates, hidden, &ignored);
	return r < 0 ? fail_context(err, "template %s", name) : 0;
}
