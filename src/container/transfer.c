/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * push and pull: one file into a container's tree and out of it, running or not. The tree is the one on disk: what the guest has mounted over it is not
 * reached.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "container/container.h"
#include "container/rootfs.h"

/* The host's root may write past a quota by this capability; what is a container's is not. */
static int obey_quotas(struct berth_error *err)
{
	cap_t capabilities = cap_get_proc();
	cap_value_t value = CAP_SYS_RESOURCE;
	int r = capabilities && cap_set_flag(capabilities, CAP_EFFECTIVE, 1, &value, CAP_CLEAR) == 0 && cap_set_proc(capabilities) == 0 ?
			0 : fail_errno(err, "cannot give up CAP_SYS_RESOURCE");

	cap_free(capabilities);
	return r;
}

static int carry(int from, int to, struct berth_error *err)
{
	for (;;) {
		char buffer[65536];
		ssize_t got = read(from, buffer, sizeof(buffer));
		int r = got > 0 ? write_all(to, buffer, (size_t)got) : 0;

		if (got == 0)
			return 0;
		if (was_interrupted())
			return fail(err, BERTH_FAILED, EINTR, "interrupted");
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || r < 0) {
			errno = r < 0 ? -r : errno;
			return fail_errno(err, "cannot copy");
		}
	}
}

/* "/etc/motd" as the directory and the name; a directory that is there takes the file under the name that it had. */
static int open_place(int rootfs, const char *path, const char *own_name, char name[static 256], struct berth_error *err)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd = guest_open(rootfs, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd >= 0) {
		snprintf(name, 256, "%s", own_name);
	} else {
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		snprintf(name, 256, "%s", slash + 1);
		fd = guest_open(rootfs, parent[0] ? parent : ".", O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return fail(err, BERTH_FAILED, -fd, "cannot open the directory of %s in the container: %s", path, strerror(-fd));
	if (!name[0] || strlen(name) > 200 || !strcmp(name, ".") || !strcmp(name, "..")) {
		close(fd);
		return fail(err, BERTH_USAGE, EINVAL, "'%.200s' names no file", path);
	}
	return fd;
}

/* The guest's root. That of a linked container is held for as long as the container is locked: what starts it meanwhile waits. */
static int open_root(struct berth *berth, const char *name, struct container *container, struct berth_error *err)
{
	int r = container_open(berth, name, container, err);

	if (r == 0 && container->config.linked) {
		container_close(container);
		r = container_open_locked(berth, name, container, err);
	}
	return r < 0 ? r : rootfs_open(container, err);
}

int berth_push(struct berth *berth, const char *name, int from, const char *own_name, const char *path, mode_t mode, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	char final[256], temporary[300];
	struct stat st;
	int r;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return fail(err, BERTH_USAGE, EINVAL, "'%.200s' is not acceptable; accepted is an absolute path inside the container", path);
	CLEAN_FD int rootfs = open_root(berth, name, &container, err);
	if (rootfs < 0)
		return rootfs;
	CLEAN_FD int dir = open_place(rootfs, path, own_name, final, err);
	if (dir < 0)
		return dir;
	if (fstatat(dir, final, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return fail(err, BERTH_FAILED, EISDIR, "%s/%s in the container is a directory", path, final);
	snprintf(temporary, sizeof(temporary), ".%s.berth-%d", final, getpid());
	r = obey_quotas(err);
	CLEAN_FD int to = r < 0 ? r : openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return r < 0 ? r : fail_errno(err, "cannot make %s in the container", path);
	r = carry(from, to, err);
	/* Both names are in the directory that is held open: the guest cannot redirect the rename, and a link in its place is replaced. */
	if (r == 0 && (fchmod(to, mode & 0777) < 0 || renameat(dir, temporary, dir, final) < 0))
		r = fail_errno(err, "cannot put it in its place");
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	return r < 0 ? fail_context(err, "%s:%s", name, path) : 0;
}

int berth_pull(struct berth *berth, const char *name, const char *path, int to, mode_t *ret_mode, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct stat st;
	int r;

	if (path[0] != '/')
		return fail(err, BERTH_USAGE, EINVAL, "'%.200s' is not acceptable; accepted is an absolute path inside the container", path);
	CLEAN_FD int rootfs = open_root(berth, name, &container, err);
	if (rootfs < 0)
		return rootfs;
	/* O_NONBLOCK: a fifo there would hold us for ever. */
	CLEAN_FD int from = guest_open(rootfs, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (from < 0)
		return fail(err, BERTH_FAILED, -from, "%s:%s: %s", name, path, strerror(-from));
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(err, BERTH_FAILED, EINVAL, "%s:%s is no file; of a directory: berthctl exec %s -- tar -c %s", name, path, name, path);
	r = carry(from, to, err);
	/* Whose it was inside says nothing outside, and no program of a guest's is to run as anybody else. */
	*ret_mode = st.st_mode & 0755;
	return r < 0 ? fail_context(err, "%s:%s", name, path) : 0;
}
