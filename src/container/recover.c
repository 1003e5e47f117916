/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/recover.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/addresses.h"
#include "container/claim.h"
#include "container/commitments.h"
#include "container/rootfs.h"
#include "container/settings.h"
#include "container/teardown.h"
#include "container/template.h"

/* Gives back every claim in a directory that is the name's. Claims of a container that never came to be are found by
 * looking through all: recovery may take its time, nothing else does this. */
static int release_claims(const struct berth *berth, enum directory which, const char *name, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, which, err);
	CLEAN_DIR DIR *dir = list_directory(directory);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list the claims");
	while ((entry = readdir(dir))) {
		char holder[CLAIM_OWNER_MAX];
		int r;

		if (entry->d_type != DT_LNK || claim_read(directory, entry->d_name, holder) < 0 || strcmp(holder, name) != 0)
			continue;
		/* The next owner of the number must not inherit a quota. */
		if (which == DIRECTORY_IDS)
			rootfs_forget_quota(berth, strtoull(entry->d_name, NULL, 10), 0);
		r = claim_release(directory, entry->d_name, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int empty_directory(int directory, struct berth_error *err)
{
	CLEAN_DIR DIR *dir = list_directory(directory);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list a directory");
	while ((entry = readdir(dir))) {
		int r;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = remove_tree_at(directory, entry->d_name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_empty(int directory)
{
	CLEAN_DIR DIR *dir = list_directory(directory);
	int count = 0;

	while (dir && count < 3 && readdir(dir))
		count++;
	return count < 3;
}

int recover_creating(const struct berth *berth, int directory, const char *name, struct berth_error *err)
{
	struct container_cgroup cgroup;
	int r;

	/* A fresh directory and one of a create that was killed before it wrote anything look the same; claims come first,
	 * so they are looked for only when there may be some. */
	r = release_claims(berth, DIRECTORY_ADDRESSES, name, err);
	if (r == 0)
		r = release_claims(berth, DIRECTORY_PORTS, name, err);
	if (r == 0 && !is_empty(directory)) {
		uint64_t tree_id = rootfs_tree_id(directory);

		r = empty_directory(directory, err);
		rootfs_forget_quota(berth, 0, tree_id);
		commitments_invalidate(berth);
	}
	if (r == 0)
		r = release_claims(berth, DIRECTORY_IDS, name, err);
	if (r == 0)
		r = container_cgroup_init(&cgroup, berth->cgroup_parent, name, err);
	if (r == 0 && container_cgroup_exists(&cgroup))
		r = container_cgroup_remove(&cgroup, err);
	return r;
}

int recover_destroying(const struct berth *berth, int containers, const char *hidden, const char *name, struct berth_error *err)
{
	CLEAN_FD int directory = openat(containers, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t tree_id = directory < 0 ? 0 : rootfs_tree_id(directory);
	int r = release_claims(berth, DIRECTORY_ADDRESSES, name, err);

	if (r == 0)
		r = release_claims(berth, DIRECTORY_PORTS, name, err);
	if (r == 0)
		r = remove_tree_at(containers, hidden, err);
	rootfs_forget_quota(berth, 0, tree_id);
	return r;
}

/* ".NAME-RELEASE.building" and ".NAME-RELEASE.destroying", unless a living build has the lock. */
static int recover_template(struct berth *berth, int templates, const char *hidden, unsigned int *mended, struct berth_error *err)
{
	CLEAN_FD int fd = open_locked_directory(templates, hidden, 0, hidden, err);
	const char *dot = strrchr(hidden, '.');
	char owner[CLAIM_OWNER_MAX], *dash;
	int r;

	if (fd < 0)
		return 0;
	snprintf(owner, sizeof(owner), TEMPLATE_OWNER "%.*s", (int)(dot - hidden - 1), hidden + 1);
	dash = strchr(owner, '-');
	if (dash)
		*dash = ':';
	/* The ids of a build; while what a delete has left is at hand, another build may be at work with its own. */
	r = strcmp(dot, DESTROYING_SUFFIX) != 0 ? release_claims(berth, DIRECTORY_IDS, owner, err) : 0;
	if (r == 0)
		r = remove_tree_at(templates, hidden, err);
	if (r == 0)
		(*mended)++;
	return r;
}

static int recover_templates(struct berth *berth, unsigned int *mended, struct berth_error *err)
{
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	CLEAN_DIR DIR *dir = list_directory(templates);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list the templates");
	while ((entry = readdir(dir))) {
		int r = 0;

		if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = recover_template(berth, templates, entry->d_name, mended, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Id ranges whose container is gone or has another one: what a destroy that died before its last step left. */
static int release_lost_ids(struct berth *berth, unsigned int *mended, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_IDS, err);
	CLEAN_DIR DIR *dir = list_directory(directory);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list the id ranges");
	while ((entry = readdir(dir))) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };
		char holder[CLAIM_OWNER_MAX];
		struct berth_error why;
		int r;

		if (entry->d_type != DT_LNK || claim_read(directory, entry->d_name, holder) < 0)
			continue;
		/* A template's build, or a container on its way in or out: theirs to release. */
		if (!name_is_valid(holder) || container_is_in_transit(berth, holder))
			continue;
		r = container_open(berth, holder, &container, &why);
		if (r < 0 && why.kind != BERTH_NOT_FOUND)
			continue;
		if (r == 0 && container.config.id == strtoull(entry->d_name, NULL, 10))
			continue;
		rootfs_forget_quota(berth, strtoull(entry->d_name, NULL, 10), 0);
		r = claim_release(directory, entry->d_name, holder, err);
		if (r < 0)
			return r;
		(*mended)++;
	}
	return 0;
}

/* --- the verb ----------------------------------------------------------------------------------------------------------- */

/* A start that died before it noted anything has left its run directory. */
static int remove_empty_run(const struct container *container, unsigned int *mended, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(container->berth, DIRECTORY_RUN, err);
	struct stat st;
	int r;

	if (run < 0 || fstatat(run, container->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return run < 0 ? run : 0;
	r = remove_tree_at(run, container->name, err);
	*mended += r == 0;
	return r;
}

static int recover_run(struct berth *berth, const char *name, unsigned int *mended, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);
	struct berth_error ignored;
	enum berth_state state;

	if (r < 0)
		return r;
	container_remove_temporaries(&container);
	state = container_state_now(&container);
	if (state == BERTH_STOPPED)
		return remove_empty_run(&container, mended, err);
	if (state == BERTH_RUNNING || state == BERTH_PAUSED) {
		bool unfinished = container.state.changing;

		r = settings_settle(&container, err);
		*mended += r == 0 && unfinished;
		CLEAN_FD int run = container_run_directory(&container, false, &ignored);
		remove_temporaries(run);
		return r < 0 ? fail_context(err, "%s", name) : 0;
	}
	r = teardown(&container, err);
	if (r == 0)
		(*mended)++;
	return r < 0 ? fail_context(err, "%s", name) : 0;
}

/* ".NAME.creating" and ".NAME.destroying", unless a living command has it. */
static int recover_hidden(struct berth *berth, int containers, const char *hidden, unsigned int *mended, struct berth_error *err)
{
	const char *dot = strchr(hidden + 1, '.');
	char name[64];
	int r;

	if (!dot || (strcmp(dot, CREATING_SUFFIX) != 0 && strcmp(dot, DESTROYING_SUFFIX) != 0))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(dot - hidden - 1), hidden + 1);
	if (!name_is_valid(name))
		return 0;
	CLEAN_FD int fd = open_locked_directory(containers, hidden, 0, name, err);
	if (fd < 0)
		return 0;
	if (!strcmp(dot, CREATING_SUFFIX)) {
		r = recover_creating(berth, fd, name, err);
		if (r == 0)
			r = remove_tree_at(containers, hidden, err);
	} else {
		r = recover_destroying(berth, containers, hidden, name, err);
	}
	if (r == 0)
		(*mended)++;
	return r;
}

int berth_recover(struct berth *berth, const char *name, unsigned int *ret, struct berth_error *err)
{
	*ret = 0;
	if (name)
		return recover_run(berth, name, ret, err);
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	CLEAN_DIR DIR *dir = list_directory(containers);
	int result = 0;
	struct dirent *entry;

	if (!dir)
		return containers < 0 ? containers : fail_errno(err, "cannot list the containers");
	while ((entry = readdir(dir))) {
		struct berth_error one = { .kind = BERTH_FAILED };
		int r = 0;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (entry->d_name[0] == '.')
			r = recover_hidden(berth, containers, entry->d_name, ret, &one);
		else if (name_is_valid(entry->d_name))
			r = recover_run(berth, entry->d_name, ret, &one);
		/* One that cannot be mended, or is busy with another command, does not keep the others from it. */
		if (r < 0 && result == 0 && one.kind != BERTH_BUSY && one.kind != BERTH_NOT_FOUND) {
			result = r;
			*err = one;
		}
	}
	/* The sums are made anew from what there is. */
	commitments_invalidate(berth);
	struct berth_error rest;
	int r = release_lost_ids(berth, ret, &rest);
	if (r == 0)
		r = recover_templates(berth, ret, &rest);
	/* The first that cannot be mended is told. */
	if (r < 0 && result == 0) {
		result = r;
		*err = rest;
	}
	return result;
}
