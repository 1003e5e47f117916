/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/rootfs.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/linked.h"
#include "container/template.h"
#include "container/userns.h"
#include "cgroup/resource_limits.h"

/* Far from the numbers that people and other programs give to projects. */
#define PROJECT_FIRST 0x42000000u

static uint32_t project_of(uint64_t id)
{
	return PROJECT_FIRST + (uint32_t)id;
}

/* Where its own files are: the tree that has the quota. */
static int open_files(const struct container *container, struct berth_error *err)
{
	int fd = openat(container->directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return fail(err, BERTH_FAILED, errno, "%s has no root filesystem: its rootfs directory is missing", container->name);
	return fd < 0 ? fail_errno(err, "cannot open the root filesystem of %s", container->name) : fd;
}

int rootfs_make(const struct container *container, int template, struct berth_error *err)
{
	int r = disk_quota_make_tree(container->directory, "rootfs", project_of(container->config.id), 0700, err);
	CLEAN_FD int files = r < 0 ? r : open_files(container, err);

	if (files >= 0 && container->config.linked)
		r = linked_make(files, template, err);
	return files < 0 ? files : r;
}

static int open_merged(const struct container *container, pid_t idmapped_for, struct berth_error *err)
{
	struct berth_template description;
	CLEAN_FD int files = open_files(container, err);
	CLEAN_FD int template = files < 0 ? files : template_open(container->berth, container->config.template_name, &description, err);

	if (template < 0 && files >= 0 && err->kind == BERTH_NOT_FOUND)
		return fail(err, BERTH_FAILED, ENOENT, "%s is linked to the template %s, which is gone: without that very tree its files are not whole", container->name, container->config.template_name);
	if (template < 0)
		return template;
	/* Under what was changed in one tree no other must lie. */
	if (description.built_at > container->config.created)
		return fail(err, BERTH_FAILED, ESTALE, "%s is linked to the template %s as it was before it was made anew: without that very tree its files are not whole", container->name,
			    container->config.template_name);
	return linked_open(files, template, idmapped_for, container_host_uid(container), err);
}

int rootfs_open(const struct container *container, struct berth_error *err)
{
	/* Its layers are the running mount's alone, and what is seen through that one has the ids of its user namespace. */
	if (container->config.linked && container_state_now(container) != BERTH_STOPPED)
		return fail(err, BERTH_WRONG_STATE, EBUSY, "%s is linked to its template and not stopped: its files are reached from inside (berthctl exec), or when it is stopped", container->name);
	return container->config.linked ? open_merged(container, 0, err) : open_files(container, err);
}

int rootfs_open_idmapped(const struct container *container, int rootfs, pid_t pid, struct berth_error *err)
{
	return container->config.linked ? open_merged(container, pid, err) : userns_idmapped_mount(rootfs, pid, err);
}

static bool wants_quota(const struct container_config *config)
{
	return config->disk != UNLIMITED || config->inodes != UNLIMITED;
}

int rootfs_check_quota(const struct berth *berth, const struct container_config *config, struct berth_error *err)
{
	if (!wants_quota(config))
		return 0;
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	return containers < 0 ? containers : disk_quota_check(containers, config->disk, config->inodes, err);
}

int rootfs_apply_quota(const struct container *container, const struct container_config *config, bool running, struct berth_error *err)
{
	uint32_t project = project_of(container->config.id);
	CLEAN_FD int tree = open_files(container, err);
	struct disk_usage now;
	int r;

	if (tree < 0)
		return tree;
	/* The limit may stand on the disk and yet not be in force: after a mount without the option. */
	r = rootfs_check_quota(container->berth, config, err);
	if (r < 0)
		return r;
	if (wants_quota(config) && !disk_quota_has_tree(tree, project)) {
		/* Made when the filesystem had no quotas. Its files are marked one by one, which a guest at work could race. */
		if (running)
			return fail(err, BERTH_WRONG_STATE, EBUSY, "its files have no quota yet and must be marked first: stop it, then set disk or inodes");
		r = disk_quota_adopt_tree(tree, project, err);
		if (r < 0)
			return r;
	}
	disk_quota_read(tree, project, &now);
	if (now.bytes_limit == config->disk && now.inodes_limit == config->inodes)
		return 0;
	return disk_quota_set(tree, project, config->disk, config->inodes, err);
}

void rootfs_read_usage(const struct container *container, struct disk_usage *ret)
{
	struct berth_error ignored;
	CLEAN_FD int tree = open_files(container, &ignored);

	memset(ret, 0xff, sizeof(*ret));
	if (tree >= 0)
		disk_quota_read(tree, project_of(container->config.id), ret);
}

void rootfs_find_disk(struct container *container, const struct container_config *config)
{
	struct berth_error ignored;

	if (container->cgroup.disk.found || !limits_need_disk(config))
		return;
	/* Before there is a rootfs the container's directory is where it will be. */
	CLEAN_FD int rootfs = open_files(container, &ignored);
	CLEAN_FD int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	block_device_find(rootfs >= 0 ? rootfs : container->directory, sys, container->cgroup.host->v2_root, &container->cgroup.disk);
}

void rootfs_forget_quota(const struct berth *berth, uint64_t id, uint64_t tree_id)
{
	struct berth_error ignored;
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, &ignored);

	if (containers >= 0)
		disk_quota_forget(containers, id ? project_of(id) : 0, tree_id);
}

uint64_t rootfs_tree_id(int directory)
{
	CLEAN_FD int tree = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return tree < 0 ? 0 : disk_quota_tree_id(tree);
}
