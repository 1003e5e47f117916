/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/block_device.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"

static const char *filesystem_name(int fd, unsigned long *type)
{
	struct statfs fs = { 0 };

	(void)fstatfs(fd, &fs);
	*type = (unsigned long)fs.f_type;
	switch (*type) {
	case TMPFS_MAGIC: return "tmpfs";
	case OVERLAYFS_SUPER_MAGIC: return "overlay";
	case 0x2fc12fc1: return "zfs";
	case NFS_SUPER_MAGIC: return "nfs";
	case FUSE_SUPER_MAGIC: return "fuse";
	case BTRFS_SUPER_MAGIC: return "btrfs";
	default: return "a filesystem";
	}
}

/* btrfs has a device number of its own making; its real devices are known by path. */
static bool btrfs_device(int fd, dev_t *ret, char *why, size_t size)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	struct stat st;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) {
		snprintf(why, size, "is on btrfs, which does not name its disk");
		return false;
	}
	if (info.num_devices != 1) {
		snprintf(why, size, "is on btrfs with %llu disks, which no one limit can hold", (unsigned long long)info.num_devices);
		return false;
	}
	for (uint64_t id = 1; id <= info.max_id; id++) {
		struct btrfs_ioctl_dev_info_args device = { .devid = id };

		if (ioctl(fd, BTRFS_IOC_DEV_INFO, &device) == 0 && stat((const char *)device.path, &st) == 0 && S_ISBLK(st.st_mode)) {
			*ret = st.st_rdev;
			return true;
		}
	}
	snprintf(why, size, "is on btrfs whose disk cannot be found");
	return false;
}

/* "8:1" is a partition when it has a file partition; the whole disk is the directory above it in /sys/devices. */
static bool whole_disk(int sys, dev_t device, struct block_device *ret)
{
	char path[80], text[32];

	snprintf(path, sizeof(path), "dev/block/%u:%u/partition", major(device), minor(device));
	if (faccessat(sys, path, F_OK, 0) == 0)
		snprintf(path, sizeof(path), "dev/block/%u:%u/../dev", major(device), minor(device));
	else
		snprintf(path, sizeof(path), "dev/block/%u:%u/dev", major(device), minor(device));
	return read_small_at(sys, path, text, sizeof(text)) >= 0 && sscanf(text, "%u:%u", &ret->major, &ret->minor) == 2;
}

/* A dm or md device passes requests on: it obeys weights when what is below it does. Eight levels are more than anyone stacks. */
static bool uses_bfq(int sys, unsigned int major, unsigned int minor, int depth)
{
	char path[80], text[256];

	snprintf(path, sizeof(path), "dev/block/%u:%u/queue/scheduler", major, minor);
	if (read_small_at(sys, path, text, sizeof(text)) >= 0 && strstr(text, "[bfq]"))
		return true;
	snprintf(path, sizeof(path), "dev/block/%u:%u/slaves", major, minor);
	int slaves = openat(sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_DIR DIR *dir = slaves < 0 || depth > 8 ? NULL : fdopendir(slaves);
	struct dirent *entry;

	if (!dir)
		close_keep_errno(slaves);
	while (dir && (entry = readdir(dir))) {
		unsigned int below_major, below_minor;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.60s/dev", entry->d_name);
		if (read_small_at(slaves, path, text, sizeof(text)) >= 0 && sscanf(text, "%u:%u", &below_major, &below_minor) == 2 &&
		    uses_bfq(sys, below_major, below_minor, depth + 1))
			return true;
	}
	return false;
}

/* io.cost.qos in the root cgroup: "8:0 enable=1 ctrl=auto ..." */
static bool uses_cost(int cgroup_root, unsigned int major, unsigned int minor)
{
	CLEAN_FREE char *text = NULL;
	char prefix[32];
	size_t length;

	if (read_file_at(cgroup_root, "io.cost.qos", 65536, &text, &length) < 0)
		return false;
	snprintf(prefix, sizeof(prefix), "%u:%u enable=1", major, minor);
	for (const char *line = text; line && *line; line = next_line(line))
		if (!strncmp(line, prefix, strlen(prefix)))
			return true;
	return false;
}

void block_device_find(int fd, int sys, int cgroup_root, struct block_device *ret)
{
	unsigned long type;
	const char *name = filesystem_name(fd, &type);
	struct stat st;
	dev_t device;

	*ret = (struct block_device){ 0 };
	if (fstat(fd, &st) < 0) {
		snprintf(ret->why_not, sizeof(ret->why_not), "cannot be looked at: %s", strerror(errno));
		return;
	}
	device = st.st_dev;
	if (type == BTRFS_SUPER_MAGIC && !btrfs_device(fd, &device, ret->why_not, sizeof(ret->why_not)))
		return;
	if (major(device) == 0 || !whole_disk(sys, device, ret)) {
		snprintf(ret->why_not, sizeof(ret->why_not), "is on %s, which has no disk of its own", name);
		return;
	}
	ret->found = true;
	if (uses_cost(cgroup_root, ret->major, ret->minor))
		ret->weights = DISK_WEIGHTS_COST;
	else if (uses_bfq(sys, ret->major, ret->minor, 0))
		ret->weights = DISK_WEIGHTS_BFQ;
}
