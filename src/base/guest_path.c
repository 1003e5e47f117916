/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guest_path.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/syscalls.h"

/* openat2 answers EAGAIN when a rename or mount anywhere raced the lookup of "..": bounded, so that a guest that
 * renames in a loop costs a failure, not a hang. */
#define RACE_RETRIES 128

static int open_resolved(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) ? mode : 0,
		.resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; i < RACE_RETRIES; i++) {
		int fd = sys_openat2(root_fd, path, &how);

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int guest_open(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, 0);
}

int guest_open_nolinks(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, RESOLVE_NO_SYMLINKS);
}

int guest_read_open(int fd, size_t max, char **ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? read_all(fd, max, ret, NULL) : -ENXIO;
}

int guest_read_file(int root_fd, const char *path, size_t max, char **ret)
{
	/* O_NONBLOCK: the guest may have put a fifo there, whose open would wait for ever. */
	CLEAN_FD int fd = guest_open(root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? fd : guest_read_open(fd, max, ret);
}

bool guest_exists(int root_fd, const char *path)
{
	CLEAN_FD int fd = guest_open(root_fd, path, O_PATH, 0);

	return fd >= 0;
}

int guest_make_directories(int root_fd, const char *path, mode_t mode)
{
	CLEAN_FD int at = guest_open(root_fd, ".", O_PATH | O_DIRECTORY, 0);

	for (const char *part = path; at >= 0 && *part; part += strcspn(part, "/"), part += *part == '/') {
		char name[256];
		int next;

		if (strcspn(part, "/") >= sizeof(name))
			return -ENAMETOOLONG;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(part, "/"), part);
		if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
			return -errno;
		/* From the root each time, so that a link is the guest's and stays in its tree. */
		char so_far[512];
		snprintf(so_far, sizeof(so_far), "%.*s", (int)(part - path + (ptrdiff_t)strcspn(part, "/")), path);
		next = guest_open(root_fd, so_far, O_PATH | O_DIRECTORY, 0);
		close_keep_errno(take_fd(&at));
		at = next;
	}
	return at < 0 ? at : 0;
}

/* "chmod u-w" says: keep it. */
static bool is_kept(int dir, const char *name, struct stat *st)
{
	return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) && !(st->st_mode & S_IWUSR);
}

int guest_remove_file(int root_fd, const char *directory, const char *name)
{
	CLEAN_FD int dir = guest_open(root_fd, directory, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (is_kept(dir, name, &st) || (unlinkat(dir, name, 0) < 0 && errno == ENOENT))
		return 0;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? -EISDIR : 0;
}

/* The directory of what is to be replaced, with nothing under the temporary name. -EALREADY, which is no failure, where the guest keeps its own. */
static int open_to_replace(int root_fd, const char *directory, const char *name, char temporary[static 64], struct berth_error *err)
{
	CLEAN_FD int dir = guest_open(root_fd, directory, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;

	if (dir < 0)
		return fail(err, BERTH_FAILED, -dir, "cannot open /%s in the container's tree: %s", directory, strerror(-dir));
	if (is_kept(dir, name, &st))
		return -EALREADY;
	snprintf(temporary, 64, ".%s.berth-new", name);
	(void)unlinkat(dir, temporary, 0);
	return take_fd(&dir);
}

int guest_replace_link(int root_fd, const char *directory, const char *name, const char *target, struct berth_error *err)
{
	char temporary[64];
	CLEAN_FD int dir = open_to_replace(root_fd, directory, name, temporary, err);

	if (dir < 0)
		return dir == -EALREADY ? 0 : dir;
	if (symlinkat(target, dir, temporary) < 0 || renameat(dir, temporary, dir, name) < 0) {
		(void)fail_errno(err, "cannot write /%s/%s in the container's tree", directory, name);
		(void)unlinkat(dir, temporary, 0);
		return -(err->code > 0 ? err->code : EIO);
	}
	return 0;
}

int guest_replace_file(int root_fd, const char *directory, const char *name, const char *text, uid_t uid, gid_t gid,
		       mode_t mode, struct berth_error *err)
{
	char temporary[64];
	CLEAN_FD int dir = open_to_replace(root_fd, directory, name, temporary, err);
	struct stat st;

	if (dir < 0)
		return dir == -EALREADY ? 0 : dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return fail(err, BERTH_FAILED, EISDIR, "/%s/%s in the container's tree is a directory", directory, name);
	CLEAN_FD int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "cannot write /%s/%s in the container's tree", directory, name);
	int r = write_all(fd, text, strlen(text));
	if (r == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		r = -errno;
	/* Both names are in the directory that is held open: the guest cannot redirect the rename. */
	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, temporary, 0);
		errno = -r;
		return fail_errno(err, "cannot write /%s/%s in the container's tree", directory, name);
	}
	return 0;
}
