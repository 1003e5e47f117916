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
	CLEAN_FD int directory = open_directory(berth, name, err);
	int r, fd;

	if (directory < 0)
		return directory;
	r = read_description(directory, name, ret, err);
	if (r < 0)
		return r;
	fd = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "template %s: cannot open its rootfs", name);
	/* Shared for as long as the caller copies: a delete meanwhile says busy. */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		close(fd);
		return fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being deleted", name);
	}
	return fd;
}

int berth_template_show(struct berth *berth, const char *name, struct berth_template *ret, struct berth_error *err)
{
	CLEAN_FD int directory = open_directory(berth, name, err);

	return directory < 0 ? directory : read_description(directory, name, ret, err);
}

/* A container that is made of it. Reads all configurations: templates are seldom deleted. */
static int find_user(const struct berth *berth, const char *name, bool linked, char user[static 64])
{
	struct berth_error ignored;
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, &ignored);
	CLEAN_DIR DIR *dir = list_directory(containers);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };

		if (entry->d_name[0] == '.' || container_open(berth, entry->d_name, &container, &ignored) < 0 ||
		    strcmp(container.config.template_name, name) != 0 || (linked && !container.config.linked))
			continue;
		snprintf(user, 64, "%.63s", container.name);
		return 1;
	}
	return 0;
}

int template_retire(const struct berth *berth, int directory, const char *name, struct berth_error *err)
{
	CLEAN_FD int rootfs = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char user[64];

	/* A broken one can go. */
	if (rootfs < 0)
		rootfs = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	if (rootfs < 0)
		return fail_errno(err, "template %s: cannot open its rootfs", name);
	/* First the lock: who is being created has it until the container can be seen. */
	if (flock(rootfs, LOCK_EX | LOCK_NB) < 0)
		return fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being copied", name);
	if (find_user(berth, name, true, user))
		return fail(err, BERTH_WRONG_STATE, EBUSY, "template %s is part of containers that are linked to it, such as %s; destroy them first", name, user);
	return take_fd(&rootfs);
}

int berth_template_delete(struct berth *berth, const char *name, bool force, struct berth_error *err)
{
	CLEAN_FD int directory = open_directory(berth, name, err);
	char old[TEMPLATE_DIRECTORY_MAX], hidden[TEMPLATE_DIRECTORY_MAX + 16], user[64];

	if (directory < 0)
		return directory;
	if (!force && find_user(berth, name, false, user))
		return fail(err, BERTH_WRONG_STATE, EBUSY, "template %s is in use: %s was made of it; --force deletes it all the same", name, user);
	CLEAN_FD int lock = template_retire(berth, directory, name, err);
	if (lock < 0)
		return lock;
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	int r = templates < 0 ? templates : template_directory_name(name, old, err);
	if (r < 0)
		return r;
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
