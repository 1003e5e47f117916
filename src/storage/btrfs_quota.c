/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * btrfs: a container's tree is a subvolume, and the qgroup that every subvolume has limits what it refers to. A guest could make subvolumes
 * below its own, each with a qgroup without a limit: the system call filter keeps it from that.
 */
#include "storage/backends.h"

#include <endian.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* The newest item of a type in the quota tree. Returns 1 when found, 0 when not, a negative errno without a quota tree. */
static int find_item(int fd, uint32_t type, uint64_t offset, void *item, size_t size)
{
	struct btrfs_ioctl_search_args args = { .key = {
		.tree_id = BTRFS_QUOTA_TREE_OBJECTID, .max_objectid = 0, .min_type = type, .max_type = type, .min_offset = offset,
		.max_offset = offset, .max_transid = UINT64_MAX, .nr_items = 1,
	} };
	struct btrfs_ioctl_search_header header;

	if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0)
		return -errno;
	if (args.key.nr_items == 0)
		return 0;
	memcpy(&header, args.buf, sizeof(header));
	if (header.type != type || header.offset != offset || header.len < size)
		return 0;
	memcpy(item, args.buf + sizeof(header), size);
	return 1;
}

bool btrfs_quota_enabled(int fd)
{
	struct btrfs_qgroup_status_item status = { 0 };

	return find_item(fd, BTRFS_QGROUP_STATUS_KEY, 0, &status, sizeof(status)) == 1 &&
	       (le64toh(status.flags) & BTRFS_QGROUP_STATUS_FLAG_ON);
}

int btrfs_quota_make_subvolume(int directory, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &args) < 0 ? -errno : 0;
}

/* The root of a subvolume has a number that no other inode has. */
bool btrfs_quota_is_subvolume(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

uint64_t btrfs_quota_subvolume(int fd)
{
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = BTRFS_FIRST_FREE_OBJECTID };

	return ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0 ? 0 : args.treeid;
}

int btrfs_quota_set(int tree, uint64_t bytes)
{
	/* qgroupid 0 is the subvolume's own. */
	struct btrfs_ioctl_qgroup_limit_args args = { .lim = {
		.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = bytes,
	} };

	return ioctl(tree, BTRFS_IOC_QGROUP_LIMIT, &args) < 0 ? -errno : 0;
}

int btrfs_quota_read(int tree, struct disk_usage *ret)
{
	uint64_t subvolume = btrfs_quota_subvolume(tree);
	struct btrfs_qgroup_info_item info = { 0 };
	struct btrfs_qgroup_limit_item limit = { 0 };
	int r = find_item(tree, BTRFS_QGROUP_INFO_KEY, subvolume, &info, sizeof(info));

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	ret->bytes = le64toh(info.rfer);
	ret->inodes = ret->inodes_limit = UINT64_MAX;
	r = find_item(tree, BTRFS_QGROUP_LIMIT_KEY, subvolume, &limit, sizeof(limit));
	ret->bytes_limit = r == 1 && (le64toh(limit.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER) ? le64toh(limit.max_rfer) : QUOTA_UNLIMITED;
	return 0;
}

/* The subvolume is dropped in the background; kernels that mind (EBUSY, Linux 6.13) remove its qgroup themselves. */
void btrfs_quota_forget(int fd, uint64_t subvolume)
{
	struct btrfs_ioctl_qgroup_create_args args = { .create = 0, .qgroupid = subvolume };

	if (subvolume)
		(void)ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args);
}
