/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storage/disk_quota.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "storage/backends.h"

static unsigned long filesystem(int fd)
{
	struct statfs fs = { 0 };

	(void)fstatfs(fd, &fs);
	return (unsigned long)fs.f_type;
}

enum quota_kind disk_quota_kind(int fd, char *remedy, size_t size)
{
	unsigned long type = filesystem(fd);
	const char *text;

	remedy[0] = '\0';
	if (type == BTRFS_SUPER_MAGIC && btrfs_quota_enabled(fd))
		return QUOTA_BTRFS;
	if (type != BTRFS_SUPER_MAGIC && project_quota_enforced(fd))
		return QUOTA_PROJECT;
	switch (type) {
	case EXT4_SUPER_MAGIC:
		text = "this ext4 has no project quota in force: unmount it, tune2fs -O quota,project -Q prjquota DEVICE, mount it with -o prjquota; "
		       "or make a filesystem in a file: berthctl storage init";
		break;
	case XFS_SUPER_MAGIC:
		text = "this xfs has no project quota in force: mount it with -o prjquota (a remount is not enough); or make a filesystem in a file: "
		       "berthctl storage init";
		break;
	case BTRFS_SUPER_MAGIC:
		text = "this btrfs has quotas off: btrfs quota enable on it";
		break;
	default:
		text = "this filesystem has no quotas for directories: use ext4 or xfs with prjquota, or btrfs; berthctl storage init makes one in a file";
	}
	snprintf(remedy, size, "%s", text);
	return QUOTA_NONE;
}

int disk_quota_check(int fd, uint64_t bytes, uint64_t inodes, struct berth_error *err)
{
	char remedy[256];
	enum quota_kind kind;

	if (bytes == QUOTA_UNLIMITED && inodes == QUOTA_UNLIMITED)
		return 0;
	kind = disk_quota_kind(fd, remedy, sizeof(remedy));
	if (kind == QUOTA_NONE)
		return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: %s", bytes != QUOTA_UNLIMITED ? "disk" : "inodes", remedy);
	if (kind == QUOTA_BTRFS && inodes != QUOTA_UNLIMITED)
		return fail(err, BERTH_REFUSED, ENOTSUP, "inodes cannot be enforced: btrfs has no such limit; use ext4 or xfs");
	return 0;
}

int disk_quota_make_tree(int directory, const char *name, uint32_t project, mode_t mode, struct berth_error *err)
{
	int r;

	if (filesystem(directory) == BTRFS_SUPER_MAGIC) {
		r = btrfs_quota_make_subvolume(directory, name);
		return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot make the subvolume %s: %s", name, strerror(-r)) : 0;
	}
	if (mkdirat(directory, name, mode) < 0)
		return fail_errno(err, "cannot make the directory %s", name);
	CLEAN_FD int tree = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tree < 0)
		return fail_errno(err, "cannot open the directory %s", name);
	/* Where the filesystem has no projects there is nothing to inherit. */
	(void)project_quota_tag(tree, project);
	return 0;
}

bool disk_quota_has_tree(int tree, uint32_t project)
{
	return filesystem(tree) == BTRFS_SUPER_MAGIC ? btrfs_quota_is_subvolume(tree) : project_quota_is_tagged(tree, project);
}

/* A link or special file cannot be opened to be given a project, but a new one in its place inherits it. */
static int remake(int dir, const char *name, const struct stat *st, struct berth_error *err)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	static const char temporary[] = ".berth-adopting.5e0f1c2a";
	char target[4097];
	ssize_t length = S_ISLNK(st->st_mode) ? readlinkat(dir, name, target, sizeof(target) - 1) : 0;
	int r;

	(void)unlinkat(dir, temporary, 0);
	if (length < 0)
		return fail_errno(err, "cannot read a link");
	target[length] = '\0';
	r = S_ISLNK(st->st_mode) ? symlinkat(target, dir, temporary) : mknodat(dir, temporary, st->st_mode, st->st_rdev);
	if (r < 0 || fchownat(dir, temporary, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) && fchmodat(dir, temporary, st->st_mode & 07777, 0) < 0) ||
	    utimensat(dir, temporary, times, AT_SYMLINK_NOFOLLOW) < 0 || renameat(dir, temporary, dir, name) < 0)
		return fail_errno(err, "cannot make %.64s anew", name);
	return 0;
}

static int adopt(int tree, uint32_t project, unsigned int depth, struct berth_error *err);

static int adopt_entry(int dir, const char *name, uint32_t project, unsigned int depth, struct berth_error *err)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "cannot look at %.64s", name);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return remake(dir, name, &st, err);
	CLEAN_FD int fd = guest_open_nolinks(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, BERTH_FAILED, -fd, "cannot open %.64s: %s", name, strerror(-fd));
	if (S_ISDIR(st.st_mode))
		return adopt(fd, project, depth + 1, err);
	r = project_quota_tag(fd, project);
	return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot give %.64s a project: %s", name, strerror(-r)) : 0;
}

/* The directory itself first, for what is made anew in it; but the root of the tree last: until it has the project, the tree is none. */
static int adopt(int tree, uint32_t project, unsigned int depth, struct berth_error *err)
{
	CLEAN_DIR DIR *dir = list_directory(tree);
	int r = 0;
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list a directory");
	if (depth > 0)
		r = project_quota_tag(tree, project);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot give a directory a project: %s", strerror(-r));
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = adopt_entry(tree, entry->d_name, project, depth, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int disk_quota_adopt_tree(int tree, uint32_t project, struct berth_error *err)
{
	int r;

	if (filesystem(tree) == BTRFS_SUPER_MAGIC)
		return fail(err, BERTH_REFUSED, ENOTSUP, "its rootfs is no btrfs subvolume; create the container anew on this filesystem");
	r = adopt(tree, project, 0, err);
	if (r == 0) {
		r = project_quota_tag(tree, project);
		if (r < 0)
			return fail(err, BERTH_FAILED, -r, "cannot give the rootfs a project: %s", strerror(-r));
	}
	return r;
}

int disk_quota_set(int tree, uint32_t project, uint64_t bytes, uint64_t inodes, struct berth_error *err)
{
	struct disk_usage usage;
	char remedy[256];
	enum quota_kind kind = disk_quota_kind(tree, remedy, sizeof(remedy));
	int r = disk_quota_check(tree, bytes, inodes, err);

	if (r < 0 || kind == QUOTA_NONE)
		return r;
	disk_quota_read(tree, project, &usage);
	if (usage.bytes != UINT64_MAX && bytes < usage.bytes)
		return fail(err, BERTH_REFUSED, EDQUOT, "disk: %" PRIu64 "M are in use; free space in the container first, or give at least that",
			    (usage.bytes + (1 << 20) - 1) >> 20);
	if (usage.inodes != UINT64_MAX && inodes < usage.inodes)
		return fail(err, BERTH_REFUSED, EDQUOT, "inodes: %" PRIu64 " are in use; remove files in the container first, or give at least that",
			    usage.inodes);
	r = kind == QUOTA_BTRFS ? btrfs_quota_set(tree, bytes) : project_quota_set(tree, project, bytes, inodes);
	return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot set the disk quota (%s): %s",
			    kind == QUOTA_BTRFS ? "qgroup" : "project", strerror(-r)) : 0;
}

void disk_quota_read(int tree, uint32_t project, struct disk_usage *ret)
{
	bool btrfs = filesystem(tree) == BTRFS_SUPER_MAGIC;

	memset(ret, 0xff, sizeof(*ret));
	if (disk_quota_has_tree(tree, project) && (btrfs ? btrfs_quota_read(tree, ret) : project_quota_read(tree, project, ret)) < 0)
		memset(ret, 0xff, sizeof(*ret));
}

uint64_t disk_quota_tree_id(int tree)
{
	return filesystem(tree) == BTRFS_SUPER_MAGIC && btrfs_quota_is_subvolume(tree) ? btrfs_quota_subvolume(tree) : 0;
}

void disk_quota_forget(int fd, uint32_t project, uint64_t tree_id)
{
	if (filesystem(fd) == BTRFS_SUPER_MAGIC)
		btrfs_quota_forget(fd, tree_id);
	else if (project)
		(void)project_quota_set(fd, project, QUOTA_UNLIMITED, QUOTA_UNLIMITED);
}
