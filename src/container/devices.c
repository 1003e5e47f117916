/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct { const char *name; unsigned int major, minor; } common[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

void devices_close(struct devices *devices)
{
	while (devices->count > 0)
		close_keep_errno(take_fd(&devices->nodes[--devices->count].mount));
	close_keep_errno(take_fd(&devices->shelf));
}

static void add_node(struct devices *devices, const char *name, int mount, unsigned int number)
{
	struct device_node *node = &devices->nodes[devices->count++];

	snprintf(node->name, sizeof(node->name), "%s", name);
	node->mount = mount;
	node->number = number;
}

/* The host's own node: what everybody may use, the guest's root may. */
static int add_common(struct devices *devices, size_t i, struct berth_error *err)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/%s", common[i].name);
	CLEAN_FD int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mount < 0 || fstat(mount, &st) < 0)
		return fail_errno(err, "cannot open the host's %s", path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(common[i].major, common[i].minor))
		return fail(err, BERTH_FAILED, ENODEV, "the host's %s is not the device %u:%u", path, common[i].major, common[i].minor);
	add_node(devices, common[i].name, take_fd(&mount), 0);
	return 0;
}

/* A tmpfs that nobody else sees, where nodes can belong to the container's root: the host's own are for the host's groups. */
static int make_shelf(struct berth_error *err)
{
	CLEAN_FD int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_errno(err, "cannot make a tmpfs for device nodes");
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return mount < 0 ? fail_errno(err, "cannot make a tmpfs for device nodes") : mount;
}

static int add_own(struct devices *devices, const char *key, const struct guest_device *device, uid_t owner, mode_t mode, struct berth_error *err)
{
	struct device_rule *rule = &devices->rules[devices->rule_count];
	char name[24];
	struct stat st;

	if (stat(device->path, &st) < 0)
		return fail(err, BERTH_REFUSED, errno, "%s: the host has no %s: %s%s", key, device->path, strerror(errno), strcmp(key, "device") ? " (modprobe it)" : "");
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(err, BERTH_REFUSED, ENODEV, "%s: %s is no device", key, device->path);
	for (size_t i = 0; i < devices->count; i++)
		if (!strcmp(devices->nodes[i].name, device->path + 5))
			return 0;
	snprintf(name, sizeof(name), "%zu", devices->rule_count);
	if (mknodat(devices->shelf, name, (st.st_mode & S_IFMT) | 0600, st.st_rdev) < 0 || fchownat(devices->shelf, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(devices->shelf, name, mode, 0) < 0)
		return fail_errno(err, "cannot make a node like %s", device->path);
	*rule = (struct device_rule){ S_ISBLK(st.st_mode), major(st.st_rdev), minor(st.st_rdev), device->read, device->write };
	add_node(devices, device->path + 5, -EBADF, (unsigned int)devices->rule_count++);
	return 0;
}

int devices_open(const struct container_config *config, uid_t owner, struct devices *ret, struct berth_error *err)
{
	static const struct guest_device tun = { "/dev/net/tun", true, true }, fuse = { "/dev/fuse", true, true };
	int r = 0;

	*ret = (struct devices){ .shelf = -EBADF };
	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(common); i++)
		r = add_common(ret, i, err);
	if (r < 0 || (!config->tun && !config->fuse && config->devices.count == 0))
		return r;
	ret->shelf = make_shelf(err);
	if (ret->shelf < 0)
		return ret->shelf;
	if (config->tun)
		r = add_own(ret, "tun", &tun, owner, 0666, err);
	if (r == 0 && config->fuse)
		r = add_own(ret, "fuse", &fuse, owner, 0666, err);
	for (uint32_t i = 0; r == 0 && i < config->devices.count; i++)
		r = add_own(ret, "device", &config->devices.at[i], owner, 0660, err);
	return r;
}
