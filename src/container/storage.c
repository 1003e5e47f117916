/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage that containers lie on: looked at, or made in a file. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "config/value.h"
#include "container/instance.h"
#include "storage/disk_quota.h"
#include "storage/image.h"

static bool has_entries(const struct berth *berth, enum directory which)
{
	struct berth_error ignored;
	int fd = instance_directory(berth, which, &ignored);
	CLEAN_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return true;
	return false;
}

int berth_storage_init(struct berth *berth, const char *path, const char *size, char fstab[static 1024], struct berth_error *err)
{
	char mount_point[PATH_MAX], why[128] = "";
	uint64_t bytes;
	int r;

	if (path[0] != '/' || strpbrk(path, " \t\n"))
		return fail(err, BERTH_USAGE, EINVAL, "'%.200s' is not acceptable; accepted is an absolute path without blanks", path);
	if (!type_AMOUNT.parse(size, &bytes, why, sizeof(why)))
		return fail(err, BERTH_USAGE, EINVAL, "size: '%.64s' is not acceptable; accepted is %s", size, type_AMOUNT.accepted);
	/* What is there would be under the mount, out of sight. */
	if (has_entries(berth, DIRECTORY_CONTAINERS) || has_entries(berth, DIRECTORY_TEMPLATES))
		return fail(err, BERTH_WRONG_STATE, ENOTEMPTY, "there are containers or templates already, which the new filesystem would hide; "
			    "delete them, or mount a filesystem elsewhere and move them to it");
	snprintf(mount_point, sizeof(mount_point), "%s/var/lib/berth", berth->root);
	CLEAN_FD int made = make_directory(mount_point, 0700, err);
	if (made < 0)
		return made;
	if (!strncmp(path, mount_point, strlen(mount_point)) && path[strlen(mount_point)] == '/')
		return fail(err, BERTH_USAGE, EINVAL, "%s is where the new filesystem will be mounted; put the file elsewhere", path);
	r = image_make(path, bytes, mount_point, err);
	if (r == 0)
		snprintf(fstab, 1024, "%.500s %.400s ext4 " IMAGE_OPTIONS " 0 2", path, mount_point);
	return r;
}

int berth_storage_show(struct berth *berth, struct berth_storage *ret, struct berth_error *err)
{
	static const char *const names[] = { [QUOTA_NONE] = "none", [QUOTA_PROJECT] = "project", [QUOTA_BTRFS] = "qgroup" };
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	struct statvfs fs;

	if (containers < 0)
		return containers;
	if (fstatvfs(containers, &fs) < 0)
		return fail_errno(err, "cannot look at the filesystem of the containers");
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->directory, sizeof(ret->directory), "%.900s/var/lib/berth/containers", berth->root);
	ret->quota = names[disk_quota_kind(containers, ret->remedy, sizeof(ret->remedy))];
	ret->bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	ret->bytes_free = (uint64_t)fs.f_bavail * fs.f_frsize;
	ret->inodes = fs.f_files;
	ret->inodes_free = fs.f_favail;
	return 0;
}
