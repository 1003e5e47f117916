/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On filesystems that have no quotas, which are everywhere; those that have are the system tests' matter. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "storage/disk_quota.h"
#include "storage/image.h"
#include "tap.h"

int main(void)
{
	char remedy[256];
	struct disk_usage usage;
	struct berth_error err = { 0 };
	int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY), tree;
	struct stat st;

	check(disk_quota_kind(fd, remedy, sizeof(remedy)) == QUOTA_NONE && strstr(remedy, "storage init"), "tmpfs has none, and what to do is said");
	mkdir("/dev/shm/berth-unit", 0700);
	tree = open("/dev/shm/berth-unit", O_RDONLY | O_DIRECTORY);
	check(disk_quota_make_tree(tree, "rootfs", 7, 0700, &err) == 0, "a tree is made all the same");
	check(fstatat(tree, "rootfs", &st, 0) == 0 && S_ISDIR(st.st_mode), "and is a directory");
	check(disk_quota_make_tree(tree, "rootfs", 7, 0700, &err) < 0 && err.code == EEXIST, "not twice");
	check(!disk_quota_has_tree(tree, 7), "without projects it has none");
	check(disk_quota_set(tree, 7, QUOTA_UNLIMITED, QUOTA_UNLIMITED, &err) == 0, "no limit is no trouble");
	check(disk_quota_set(tree, 7, 1 << 20, QUOTA_UNLIMITED, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, "disk cannot be enforced"),
	      "a limit is refused: %s", err.text);
	check(disk_quota_set(tree, 7, QUOTA_UNLIMITED, 5, &err) < 0 && strstr(err.text, "inodes cannot be enforced"), "of inodes too");
	disk_quota_read(tree, 7, &usage);
	check(usage.bytes == UINT64_MAX && usage.inodes_limit == UINT64_MAX, "what is not counted is not known");
	check(disk_quota_tree_id(tree) == 0, "no subvolume");
	disk_quota_forget(tree, 7, 0);
	check(image_make("/dev/shm/berth-unit/image", 1 << 20, "/nowhere", &err) < 0 && err.kind == BERTH_USAGE, "an image too small for a filesystem");
	check(image_make("/dev/shm/berth-unit/image", UINT64_C(1) << 50, "/nowhere", &err) < 0 && err.kind == BERTH_REFUSED, "or larger than the disk: %s", err.text);
	check(access("/dev/shm/berth-unit/image", F_OK) < 0, "leaves no file");
	remove_tree_at(AT_FDCWD, "/dev/shm/berth-unit", &err);
	return tap_done();
}
