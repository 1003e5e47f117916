/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int read_all(int fd, size_t max, char **ret, size_t *ret_length)
{
	CLEAN_FREE char *buffer = malloc(max + 2);
	size_t length = 0;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		ssize_t got = read(fd, buffer + length, max + 1 - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
		if (length > max)
			return -EFBIG;
	}
	buffer[length] = '\0';
	*ret = take_ptr(buffer);
	if (ret_length)
		*ret_length = length;
	return 0;
}

int read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_length)
{
	CLEAN_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : read_all(fd, max, ret, ret_length);
}

int read_small_at(int dirfd, const char *path, char *buffer, size_t size)
{
	CLEAN_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	do
		got = read(fd, buffer, size - 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	buffer[got] = '\0';
	if (got > 0 && buffer[got - 1] == '\n')
		buffer[got - 1] = '\0';
	return 0;
}

int write_small_at(int dirfd, const char *path, const char *text)
{
	CLEAN_FD int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t put = write(fd, p, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		length -= (size_t)put;
	}
	return 0;
}

static int replace_file(int dirfd, const char *name, const char *text, size_t length, mode_t mode, bool durable, struct berth_error *err)
{
	char temporary[128];
	int r;

	/* One fixed temp name per file: the caller holds the lock of the directory's object, so the only thing that can
	 * be there is what a killed command left. */
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "cannot remove the old %s", temporary);

	CLEAN_FD int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return fail_errno(err, "cannot make %s", temporary);
	r = write_all(fd, text, length);
	if (r < 0) {
		errno = -r;
		r = fail_errno(err, "cannot write %s", temporary);
		goto undo;
	}
	/* rename only orders names, not data: without this a power cut can leave an empty file under the final name. */
	if (durable && fsync(fd) < 0) {
		r = fail_errno(err, "cannot sync %s", temporary);
		goto undo;
	}
	if (renameat(dirfd, temporary, dirfd, name) < 0) {
		r = fail_errno(err, "cannot rename %s to %s", temporary, name);
		goto undo;
	}
	if (durable)
		(void)fsync(dirfd);	/* some filesystems do not sync directories; the rename is atomic all the same */
	return 0;
undo:
	(void)unlinkat(dirfd, temporary, 0);
	return r;
}

int replace_file_at(int dirfd, const char *name, const char *text, size_t length, mode_t mode, struct berth_error *err)
{
	return replace_file(dirfd, name, text, length, mode, true, err);
}

int replace_run_file_at(int dirfd, const char *name, const char *text, size_t length, struct berth_error *err)
{
	return replace_file(dirfd, name, text, length, 0600, false, err);
}

int make_directory(const char *path, mode_t mode, struct berth_error *err)
{
	CLEAN_FREE char *copy = strdup(path);
	int fd;

	if (!copy)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return fail_errno(err, "cannot make directory %s", copy);
		*slash = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return fail_errno(err, "cannot make directory %s", copy);
	fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "cannot open directory %s", copy);
	return fd;
}

void remove_temporaries(int dirfd)
{
	CLEAN_DIR DIR *dir = list_directory(dirfd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' && length > 5 && !strcmp(entry->d_name + length - 4, ".new"))
			(void)unlinkat(dirfd, entry->d_name, 0);
	}
}

DIR *list_directory(int fd)
{
	int own = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir)
		close_keep_errno(own);
	return dir;
}

/* Below this depth a directory is moved up to the top of the tree instead of being descended into: a guest can nest
 * directories deeper than we have descriptors. */
#define REMOVE_DEPTH_MAX 48

struct removal {
	int top;		/* the directory that is being emptied */
	unsigned long moved;	/* numbers the names of directories moved up to it */
	const char *name;	/* of the whole tree, for messages */
};

static int remove_entries(struct removal *removal, int fd, int depth, struct berth_error *err)
{
	CLEAN_DIR DIR *dir = list_directory(fd);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list a directory of %s", removal->name);
	while (errno = 0, (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (entry->d_type != DT_DIR && unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (entry->d_type != DT_DIR && errno != EISDIR && errno != ENOENT)
			return fail_errno(err, "cannot remove a file of %s", removal->name);
		if (depth >= REMOVE_DEPTH_MAX) {
			char up[32];
			int moved;

			do
				snprintf(up, sizeof(up), ".removing.%lu", removal->moved++);
			while ((moved = renameat2(fd, entry->d_name, removal->top, up, RENAME_NOREPLACE)) < 0 && errno == EEXIST);
			if (moved < 0 && errno != ENOENT)
				return fail_errno(err, "cannot move a directory of %s", removal->name);
			continue;
		}
		CLEAN_FD int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 && errno == ENOENT)
			continue;
		if (child < 0)
			return fail_errno(err, "cannot open a directory of %s", removal->name);
		int r = remove_entries(removal, child, depth + 1, err);
		if (r < 0)
			return r;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
			return fail_errno(err, "cannot remove a directory of %s", removal->name);
	}
	if (errno)
		return fail_errno(err, "cannot list a directory of %s", removal->name);
	return 0;
}

int remove_tree_at(int dirfd, const char *name, struct berth_error *err)
{
	CLEAN_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct removal removal = { .top = fd, .name = name };

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
			return fail_errno(err, "cannot remove %s", name);
		return 0;
	}
	if (fd < 0)
		return fail_errno(err, "cannot open %s", name);
	/* Directories moved up are met by the next pass; each pass takes REMOVE_DEPTH_MAX levels off the deepest. */
	for (;;) {
		int r = remove_entries(&removal, fd, 0, err);

		if (r < 0)
			return r;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return fail_errno(err, "cannot remove %s", name);
	}
}
