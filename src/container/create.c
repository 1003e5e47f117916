/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container comes into being and goes. Both by one rename: until its directory has its name there is no container, and
 * from the moment it has not there is none. What a killed create or destroy leaves has a dot before its name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/addresses.h"
#include "container/commitments.h"
#include "container/container.h"
#include "container/copy_tree.h"
#include "container/guest_access.h"
#include "container/guest_files.h"
#include "container/guest_identity.h"
#include "container/host.h"
#include "container/id_range.h"
#include "container/ports.h"
#include "container/recover.h"
#include "container/rootfs.h"
#include "container/settings.h"
#include "container/teardown.h"
#include "container/template.h"
#include "container/trial.h"
#include "net/network.h"

static int make_uuid(char uuid[static 37], struct berth_error *err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return fail_errno(err, "cannot get random bytes");
	b[6] = (b[6] & 0x0f) | 0x40;	/* version 4, variant 1: RFC 9562 */
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}

/* A destroy gives back what the name had; until it is done the name cannot be had again. One that died is finished. */
static int finish_destroy(const struct berth *berth, int containers, const char *name, struct berth_error *err)
{
	char hidden[64];

	snprintf(hidden, sizeof(hidden), ".%s" DESTROYING_SUFFIX, name);
	CLEAN_FD int fd = open_locked_directory(containers, hidden, berth->lock_timeout_ms, name, err);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err->kind == BERTH_BUSY ? fail(err, BERTH_BUSY, EBUSY, "%s is being destroyed by another command", name) : fd;
	return recover_destroying(berth, containers, hidden, name, err);
}

/* The directory that will be the container's, locked, empty. */
static int open_new_directory(const struct berth *berth, int containers, const char *name, const char *hidden,
			      struct berth_error *err)
{
	struct stat st;

	if (fstatat(containers, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return fail(err, BERTH_EXISTS, EEXIST, "there is a container %s already", name);
	for (;;) {
		int r;

		if (mkdirat(containers, hidden, 0700) < 0 && errno != EEXIST)
			return fail_errno(err, "cannot make the directory of %s", name);
		CLEAN_FD int fd = open_locked_directory(containers, hidden, 0, name, err);
		/* The other create has ended in between. */
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return err->kind == BERTH_BUSY ? fail(err, BERTH_BUSY, EBUSY, "%s is being created by another command", name) : fd;
		/* Ours now. What a killed create had put in it goes. The name is looked for before the destroy: a container is
		 * under one or the other until it is gone. */
		if (fstatat(containers, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			(void)unlinkat(containers, hidden, AT_REMOVEDIR);
			return fail(err, BERTH_EXISTS, EEXIST, "there is a container %s already", name);
		}
		r = finish_destroy(berth, containers, name, err);
		if (r == 0)
			r = recover_creating(berth, fd, name, err);
		if (r < 0)
			(void)unlinkat(containers, hidden, AT_REMOVEDIR);
		return r < 0 ? r : take_fd(&fd);
	}
}

/* The configuration first: whoever counts what the host has promised reads it there. The quota last, when it is known what is used. */
static int fill(struct container *container, int template, const struct berth_template *description, const struct berth_access *access,
		berth_progress_function progress, void *data, struct berth_error *err)
{
	int r = container_save(container, &container->config, err);

	if (r == 0)
		r = rootfs_make(container, template, err);
	CLEAN_FD int rootfs = r < 0 ? r : rootfs_open(container, err);
	if (rootfs < 0)
		return rootfs;
	if (!container->config.linked)
		r = copy_tree(template, rootfs, description->entries, progress, data, err);
	if (r == 0)
		r = guest_identity_renew(rootfs, err);
	if (r == 0)
		r = guest_files_check(rootfs, &container->config, err);
	if (r == 0 && access)
		r = guest_access_write(rootfs, access, container->config.uuid, guest_hostname(&container->config, container->name), err);
	return r < 0 ? r : rootfs_apply_quota(container, &container->config, false, err);
}

/* The template's size is known: no need to copy it to find out that it does not fit. */
static int check_size(const struct container_config *config, const struct berth_template *description, struct berth_error *err)
{
	if (config->linked)
		return 0;
	if (config->disk < description->bytes)
		return fail(err, BERTH_REFUSED, EDQUOT, "disk: the template %s has %llu MiB; give more than that", description->name,
			    (unsigned long long)description->bytes >> 20);
	if (config->inodes < description->entries)
		return fail(err, BERTH_REFUSED, EDQUOT, "inodes: the template %s has %llu; give more than that", description->name,
			    (unsigned long long)description->entries);
	return 0;
}

static int create_in(struct container *container, int containers, const char *hidden, int template,
		     const struct berth_template *description, const struct policy *policy, const struct berth_access *access, berth_progress_function progress, void *data,
		     struct berth_error *err)
{
	const struct berth *berth = container->berth;
	struct commitments sums;
	struct berth_error ignored;
	char unused[257];
	uint64_t tree_id;
	int r;

	r = addresses_claim(berth, container->name, &container->config, NULL, err);
	if (r < 0)
		return r;
	r = ports_choose_block(berth, container->name, policy, &container->config, err);
	if (r == 0)
		r = ports_claim(berth, container->name, &container->config, NULL, err);
	if (r < 0)
		goto release_addresses;
	r = id_range_allocate(berth, container->name, &container->config.id, err);
	if (r < 0)
		goto release_ports;
	container->config.given[KEY_ID] = true;
	rootfs_find_disk(container, &container->config);
	r = trial_limits(container, &container->config, err);
	if (r == 0)
		r = commitments_take(container, &container->config, false, policy, unused, &sums, err);
	if (r < 0)
		goto release_id;
	if (r == 0)
		r = fill(container, template, description, access, progress, data, err);
	if (r == 0 && was_interrupted())
		r = fail(err, BERTH_FAILED, EINTR, "interrupted");
	if (r == 0 && renameat2(containers, hidden, containers, container->name, RENAME_NOREPLACE) < 0)
		r = errno == EEXIST ? fail(err, BERTH_EXISTS, EEXIST, "there is a container %s already", container->name) :
				      fail_errno(err, "cannot name the directory of %s", container->name);
	if (r == 0) {
		(void)fsync(containers);
		return 0;
	}
	(void)commitments_drop(container, &sums, &ignored);
release_id:
	/* The files and their quota before the number that both go by. */
	tree_id = rootfs_tree_id(container->directory);
	(void)remove_tree_at(container->directory, "rootfs", &ignored);
	rootfs_forget_quota(berth, container->config.id, tree_id);
	(void)id_range_release(berth, container->name, container->config.id, &ignored);
release_ports:
	(void)ports_release(berth, container->name, &container->config, NULL, &ignored);
release_addresses:
	(void)addresses_release(berth, container->name, &container->config, NULL, &ignored);
	return r;
}

int berth_create(struct berth *berth, const char *name, const char *template_name, bool linked, const struct berth_setting *settings,
		 size_t count, const struct berth_access *access, berth_progress_function progress, void *data, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .berth = berth, .directory = -EBADF };
	CLEAN_POLICY struct policy policy = { .plans = NULL };
	struct container_config *config = &container.config;
	struct berth_template description;
	struct berth_error ignored;
	char hidden[64];
	int r;

	/* Everything that can be said without touching anything, first. */
	r = name_check(name, err);
	config_init(config);
	if (r == 0)
		r = host_policy_read(berth, &policy, err);
	if (r == 0)
		config_merge(config, &policy.defaults);
	if (r == 0)
		r = settings_assign(config, &policy, settings, count, err);
	if (r == 0 && access)
		r = guest_access_check(access, err);
	if (r == 0)
		r = rootfs_check_quota(berth, config, err);
	if (r == 0)
		r = network_check(config, err);
	if (r < 0)
		return r;
	CLEAN_FD int template = template_open(berth, template_name, &description, err);
	if (template < 0)
		return template;
	strcpy(container.name, name);
	r = container_cgroup_init(&container.cgroup, berth->cgroup_parent, name, err);
	config->linked = config->given[KEY_LINKED] = linked;
	if (r == 0)
		r = make_uuid(config->uuid, err);
	if (r == 0)
		r = check_size(config, &description, err);
	if (r < 0)
		return r;
	/* A template without an init says what its containers run; that is no init, so it gets a parent that is. */
	if (description.command[0] && !config->given[KEY_INIT]) {
		strcpy(config->init, description.command);
		config->given[KEY_INIT] = true;
	}
	if (!strcmp(description.init, "program") && !config->given[KEY_INIT_REAPER])
		config->init_reaper = config->given[KEY_INIT_REAPER] = true;
	strcpy(config->template_name, description.name);
	config->created = (uint64_t)time(NULL);
	config->given[KEY_UUID] = config->given[KEY_TEMPLATE] = config->given[KEY_CREATED] = true;

	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	if (containers < 0)
		return containers;
	snprintf(hidden, sizeof(hidden), ".%s" CREATING_SUFFIX, name);
	container.directory = open_new_directory(berth, containers, name, hidden, err);
	if (container.directory < 0)
		return container.directory;
	r = create_in(&container, containers, hidden, template, &description, &policy, access, progress, data, err);
	if (r < 0)
		(void)remove_tree_at(containers, hidden, &ignored);
	return r < 0 ? fail_context(err, "%s", name) : 0;
}

int berth_destroy(struct berth *berth, const char *name, bool force, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);
	struct commitments sums;
	struct berth_error ignored;
	uint64_t tree_id;
	char hidden[64];

	/* A configuration that cannot be read must not keep a container for ever. */
	if (r < 0 && container.directory >= 0 && err->kind == BERTH_FAILED && force)
		r = 0;
	if (r < 0)
		return r;
	if (container_state_now(&container) != BERTH_STOPPED) {
		if (!force && container_state_now(&container) != BERTH_BROKEN)
			return fail(err, BERTH_WRONG_STATE, EBUSY, "%s is running; stop it first, or destroy --force", name);
		r = teardown(&container, err);
		if (r < 0)
			return fail_context(err, "%s", name);
	}
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	if (containers < 0)
		return containers;
	snprintf(hidden, sizeof(hidden), ".%s" DESTROYING_SUFFIX, name);
	/* One that was killed before has the name still; with its lock, for a recover may be at it. */
	CLEAN_FD int old = open_locked_directory(containers, hidden, berth->lock_timeout_ms, name, err);
	if (old < 0 && old != -ENOENT)
		return old;
	r = remove_tree_at(containers, hidden, err);
	if (r == 0 && renameat(containers, name, containers, hidden) < 0)
		r = fail_errno(err, "cannot rename the directory of %s", name);
	if (r < 0)
		return r;
	(void)fsync(containers);
	/* From here on it is gone; recover finishes what does not get done. The id range last, when no process or file can
	 * have its ids any more. */
	tree_id = rootfs_tree_id(container.directory);
	r = recover_destroying(berth, containers, hidden, name, err);
	rootfs_forget_quota(berth, container.config.id, tree_id);
	if (!container.config.id || commitments_drop(&container, &sums, &ignored) < 0)
		commitments_invalidate(berth);
	return r < 0 || !container.config.id ? r : id_range_release(berth, name, container.config.id, err);
}
