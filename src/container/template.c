/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/template.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/value.h"
#include "container/container.h"

#define DESCRIPTION "template.json"

int template_directory_name(const char *name, char directory[static TEMPLATE_DIRECTORY_MAX], struct berth_error *err)
{
	char *colon;

	if (!template_name_is_valid(name))
		return fail(err, BERTH_USAGE, EINVAL, "'%.64s' is no template name; accepted are names such as busybox or debian:12", name);
	strcpy(directory, name);
	colon = strchr(directory, ':');
	if (colon)
		*colon = '-';
	return 0;
}

static int read_description(int directory, const char *name, struct berth_template *ret, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	int r = read_file_at(directory, DESCRIPTION, 65536, &text, NULL);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "template %s: cannot read its " DESCRIPTION ": %s", name, strerror(-r));
	r = template_parse(text, ret, err);
	return r < 0 ? fail_context(err, "template %s: " DESCRIPTION, name) : 0;
}

static int open_directory(const struct berth *berth, const char *name, struct berth_error *err)
{
	char directory[TEMPLATE_DIRECTORY_MAX];
	int r = template_directory_name(name, directory, err), fd;

	if (r < 0)
		return r;
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	if (templates < 0)
		return templates;
	fd = openat(templates, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return fail(err, BERTH_NOT_FOUND, ENOENT, "template %s is not built; build it: berthctl template build %s", name, name);
	return fd < 0 ? fail_errno(err, "cannot open template %s", name) : fd;
}

int template_open(const struct berth *berth, const char *name, struct berth_template *ret, struct berth_error *err)
{
	char entry[TEMPLATE_DIRECTORY_MAX];
	int r = template_directory_name(name, entry, err);
	CLEAN_FD int templates = r < 0 ? r : instance_directory(berth, DIRECTORY_TEMPLATES, err);

	if (templates < 0)
		return templates;
	for (;;) {
		CLEAN_FD int directory = open_directory(berth, name, err);

		r = directory < 0 ? directory : read_description(directory, name, ret, err);
		if (r < 0)
			return r;
		CLEAN_FD int rootfs = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (rootfs < 0)
			return fail_errno(err, "template %s: cannot open its rootfs", name);
		/* Shared for as long as the caller copies: a delete meanwhile says busy. */
		r = lock_directory_shared(rootfs, berth->lock_timeout_ms, name, err);
		if (r < 0)
			return r;
		/* Before we had the lock it may have been deleted or replaced. */
		if (is_still_at(directory, templates, entry))
			return take_fd(&rootfs);
	}
}

int berth_template_show(struct berth *berth, const char *name, struct berth_template *ret, struct berth_error *err)
{
	CLEAN_FD int directory = open_directory(berth, name, err);

	return directory < 0 ? directory : read_description(directory, name, ret, err);
}

/* 1 and the name of a container that was made of the template, or, with linked, needs its files; 0 if there is none. Reads all configurations: templates are seldom deleted. */
static int find_user(const struct berth *berth, const char *name, bool linked, char user[static 64], struct berth_error *err)
{
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	CLEAN_DIR DIR *dir = list_directory(containers);
	struct dirent *entry;

	if (!dir)
		return containers < 0 ? containers : fail_errno(err, "cannot list the containers");
	while ((entry = readdir(dir))) {
		CLEAN_CONTAINER struct container container = { .berth = berth, .directory = -EBADF };
		int r;

		if (!name_is_valid(entry->d_name))
			continue;
		strcpy(container.name, entry->d_name);
		container.directory = openat(containers, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (container.directory < 0 && errno == ENOENT)
			continue;
		r = container.directory < 0 ? fail_errno(err, "cannot open the directory of %s", container.name) : container_read_config(&container, err);
		/* A copy does without its template; of a linked one nothing must be guessed. */
		if (r < 0 && linked)
			return fail_context(err, "cannot tell which containers are linked to template %s", name);
		if (r < 0 || strcmp(container.config.template_name, name) != 0 || (linked && !container.config.linked))
			continue;
		strcpy(user, container.name);
		return 1;
	}
	return 0;
}

static int refuse_linked(const struct berth *berth, const char *name, struct berth_error *err)
{
	char user[64];
	int r = find_user(berth, name, true, user, err);

	return r > 0 ? fail(err, BERTH_WRONG_STATE, EBUSY, "template %s is part of containers that are linked to it, such as %s; destroy them first", name, user) : r;
}

int template_retire(const struct berth *berth, int directory, const char *name, struct berth_error *err)
{
	CLEAN_FD int rootfs = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Before the lock, so that what is refused holds up no start; and with it, for who was being created had it. */
	int r = refuse_linked(berth, name, err);

	if (r < 0)
		return r;
	/* A broken one can go. */
	if (rootfs < 0)
		rootfs = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	if (rootfs < 0)
		return fail_errno(err, "template %s: cannot open its rootfs", name);
	if (flock(rootfs, LOCK_EX | LOCK_NB) < 0)
		return fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being copied", name);
	r = refuse_linked(berth, name, err);
	return r < 0 ? r : take_fd(&rootfs);
}

int berth_template_delete(struct berth *berth, const char *name, bool force, struct berth_error *err)
{
	CLEAN_FD int directory = open_directory(berth, name, err);
	char old[TEMPLATE_DIRECTORY_MAX], hidden[TEMPLATE_DIRECTORY_MAX + 16], user[64];

	if (directory < 0)
		return directory;
	int r = force ? 0 : find_user(berth, name, false, user, err);
	if (r < 0)
		return r;
	if (r > 0)
		return fail(err, BERTH_WRONG_STATE, EBUSY, "template %s is in use: %s was made of it; --force deletes it all the same", name, user);
	CLEAN_FD int lock = template_retire(berth, directory, name, err);
	if (lock < 0)
		return lock;
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	r = templates < 0 ? templates : template_directory_name(name, old, err);
	if (r < 0)
		return r;
	if (!is_still_at(directory, templates, old))
		return fail(err, BERTH_BUSY, EBUSY, "template %s is being replaced", name);
	/* Gone by one rename; what a killed delete leaves behind the dot is recover's. */
	snprintf(hidden, sizeof(hidden), ".%s" DESTROYING_SUFFIX, old);
	r = remove_tree_at(templates, hidden, err);
	if (r == 0 && renameat(templates, old, templates, hidden) < 0)
		r = fail_errno(err, "cannot delete template %s", name);
	return r < 0 ? r : remove_tree_at(templates, hidden, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int berth_template_list(struct berth *berth, berth_template_function function, void *data, struct berth_error *err)
{
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	struct dirent **entries;
	int count, r = 0;

	if (templates < 0)
		return templates;
	count = scandirat(templates, ".", &entries, is_visible, by_name);
	if (count < 0)
		return fail_errno(err, "cannot list the templates");
	for (int i = 0; i < count; i++) {
		struct berth_template found;
		struct berth_error ignored;
		CLEAN_FD int directory = openat(templates, entries[i]->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (r == 0 && directory >= 0 && read_description(directory, entries[i]->d_name, &found, &ignored) == 0)
			r = function(&found, data);
		free(entries[i]);
	}
	free(entries);
	return r;
}
