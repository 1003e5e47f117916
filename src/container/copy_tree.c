/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/copy_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "container/instance.h"

#define WORKERS_MAX 4
#define QUEUE_MAX 256
#define PATH_LIMIT 4096
#define DEPTH_MAX 200

/* A file with several names: the first one met is copied, the others are linked to it. */
struct linked {
	dev_t device;
	ino_t inode;
	char path[];
};

/* What waits for the end of the walk: a directory, whose times are set when nothing is made in it any more, or a second
 * name of a file (path and first name, one after the other). */
struct later {
	struct later *next;
	struct stat st;
	char path[];
};

struct copy {
	int source, target;
	uint64_t entries, done;
	berth_progress_function progress;
	void *data;
	void *links;			/* tsearch(3) tree of struct linked */
	struct later *later;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	char *queue[QUEUE_MAX];
	unsigned int first, count;
	bool finished;
	int result;			/* first failure of any thread */
	struct berth_error error;
};

static int copy_attributes(int from, int to, const char *path, struct berth_error *err)
{
	char names[8192], value[65536];
	ssize_t length = flistxattr(from, names, sizeof(names));

	if (length < 0 && errno != ENOTSUP)
		return fail_errno(err, "cannot list the attributes of %s", path);
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, sizeof(value));

		/* Labels of the host's own security module are not the guest's. */
		if (!strncmp(name, "security.", 9) && strcmp(name, "security.capability") != 0)
			continue;
		if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
			return fail_errno(err, "cannot copy the attribute %s of %s", name, path);
	}
	return 0;
}

/* Owner before mode, for chown clears setuid; attributes after owner, for it clears file capabilities too. */
static int copy_metadata(int from, int to, const struct stat *st, const char *path, struct berth_error *err)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	if (fchown(to, st->st_uid, st->st_gid) < 0)
		return fail_errno(err, "cannot set the owner of %s", path);
	r = copy_attributes(from, to, path, err);
	if (r < 0)
		return r;
	if (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0)
		return fail_errno(err, "cannot set mode and times of %s", path);
	return 0;
}

/* A stretch of data, at the same place in both. */
static int copy_stretch(int from, int to, off_t at, off_t end, const char *path, struct berth_error *err)
{
	loff_t in = at, out = at;

	while (in < end) {
		ssize_t put = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (put == 0)
			return 0;
		if (put < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP))
			break;
		if (put < 0 && errno != EINTR)
			return fail_errno(err, "cannot copy %s", path);
	}
	while (in < end) {
		char buffer[65536];
		size_t wanted = end - in < (off_t)sizeof(buffer) ? (size_t)(end - in) : sizeof(buffer);
		ssize_t got = pread(from, buffer, wanted, in), put = 0;

		if (got == 0)
			return 0;
		for (ssize_t done = 0; done < got; done += put) {
			put = pwrite(to, buffer + done, (size_t)(got - done), in + done);
			if (put < 0)
				return fail_errno(err, "cannot copy %s", path);
		}
		if (got < 0)
			return fail_errno(err, "cannot copy %s", path);
		in += got;
	}
	return 0;
}

/* Holes stay holes. */
static int copy_bytes(int from, int to, off_t size, const char *path, struct berth_error *err)
{
	off_t data = 0, hole = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (ftruncate(to, size) < 0)
		return fail_errno(err, "cannot copy %s", path);
	while ((data = lseek(from, hole, SEEK_DATA)) >= 0) {
		int r;

		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return fail_errno(err, "cannot copy %s", path);
		r = copy_stretch(from, to, data, hole, path, err);
		if (r < 0)
			return r;
	}
	/* ENXIO: no data behind here. */
	return errno == ENXIO ? 0 : fail_errno(err, "cannot copy %s", path);
}

static int copy_file(struct copy *copy, const char *path, struct berth_error *err)
{
	CLEAN_FD int from = guest_open_nolinks(copy->source, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	CLEAN_FD int to = guest_open_nolinks(copy->target, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	struct stat st;
	int r;

	errno = from < 0 ? -from : to < 0 ? -to : 0;
	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return fail_errno(err, "cannot copy %s", path);
	r = st.st_size > 0 ? copy_bytes(from, to, st.st_size, path, err) : 0;
	return r < 0 ? r : copy_metadata(from, to, &st, path, err);
}

/* --- workers -------------------------------------------------------------------------------------------------------- */

static void give_up(struct copy *copy, int result, const struct berth_error *error)
{
	pthread_mutex_lock(&copy->mutex);
	if (copy->result == 0) {
		copy->result = result;
		copy->error = *error;
	}
	pthread_cond_broadcast(&copy->changed);
	pthread_mutex_unlock(&copy->mutex);
}

static char *next_file(struct copy *copy)
{
	char *path = NULL;

	pthread_mutex_lock(&copy->mutex);
	while (copy->count == 0 && !copy->finished && copy->result == 0)
		pthread_cond_wait(&copy->changed, &copy->mutex);
	if (copy->count > 0 && copy->result == 0) {
		path = copy->queue[copy->first];
		copy->first = (copy->first + 1) % QUEUE_MAX;
		copy->count--;
		pthread_cond_broadcast(&copy->changed);
	}
	pthread_mutex_unlock(&copy->mutex);
	return path;
}

static void *work(void *data)
{
	struct copy *copy = data;
	char *path;

	while ((path = next_file(copy))) {
		struct berth_error error;
		int r = copy_file(copy, path, &error);

		free(path);
		if (r < 0)
			give_up(copy, r, &error);
	}
	return NULL;
}

static int queue_file(struct copy *copy, const char *path, struct berth_error *err)
{
	char *own = strdup(path);
	int r;

	if (!own)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	pthread_mutex_lock(&copy->mutex);
	while (copy->count == QUEUE_MAX && copy->result == 0)
		pthread_cond_wait(&copy->changed, &copy->mutex);
	r = copy->result;
	if (r == 0) {
		copy->queue[(copy->first + copy->count++) % QUEUE_MAX] = own;
		pthread_cond_broadcast(&copy->changed);
	}
	pthread_mutex_unlock(&copy->mutex);
	if (r < 0) {
		free(own);
		*err = copy->error;
	}
	return r;
}

/* --- the walk ------------------------------------------------------------------------------------------------------------ */

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* 1: linked to its first name; 0: this is the first. The first may still be in a worker's hands: links are made last. */
static int remember_link(struct copy *copy, const struct stat *st, const char *path, const char **ret_first, struct berth_error *err)
{
	struct linked *own = malloc(sizeof(*own) + strlen(path) + 1);
	struct linked **found;

	if (!own)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	own->device = st->st_dev;
	own->inode = st->st_ino;
	strcpy(own->path, path);
	found = tsearch(own, &copy->links, compare_linked);
	if (!found) {
		free(own);
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	}
	if (*found == own)
		return 0;
	free(own);
	*ret_first = (*found)->path;
	return 1;
}

/* A second name of a file waits in the same list as the directories' times, told apart by its mode. */
static int remember(struct copy *copy, const struct stat *st, const char *path, const char *first, struct berth_error *err)
{
	size_t length = strlen(path) + 1, more = first ? strlen(first) + 1 : 0;
	struct later *entry = malloc(sizeof(*entry) + length + more);

	if (!entry)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	entry->st = *st;
	memcpy(entry->path, path, length);
	if (first)
		memcpy(entry->path + length, first, more);
	entry->next = copy->later;
	copy->later = entry;
	return 0;
}

static int copy_link(struct copy *copy, int from_dir, const char *name, const struct stat *st, const char *path,
		     struct berth_error *err)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	char text[PATH_LIMIT + 1];
	ssize_t length = readlinkat(from_dir, name, text, PATH_LIMIT);

	if (length < 0)
		return fail_errno(err, "cannot read the link %s", path);
	text[length] = '\0';
	if (symlinkat(text, copy->target, path) < 0 ||
	    fchownat(copy->target, path, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(copy->target, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "cannot make the link %s", path);
	return 0;
}

static int walk(struct copy *copy, int dir_fd, const char *path, int depth, struct berth_error *err);

static int copy_entry(struct copy *copy, int dir_fd, const char *name, const char *path, int depth, struct berth_error *err)
{
	const char *first = NULL;
	struct stat st;
	int r = 0;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode)) {
		CLEAN_FD int child = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (child < 0 || mkdirat(copy->target, path, 0700) < 0)
			return fail_errno(err, "cannot make the directory %s", path);
		r = remember(copy, &st, path, NULL, err);
		return r < 0 ? r : walk(copy, child, path, depth + 1, err);
	}
	if (S_ISLNK(st.st_mode))
		return copy_link(copy, dir_fd, name, &st, path, err);
	if (S_ISREG(st.st_mode)) {
		if (st.st_nlink > 1)
			r = remember_link(copy, &st, path, &first, err);
		if (r < 0)
			return r;
		return r > 0 ? remember(copy, &st, path, first, err) : queue_file(copy, path, err);
	}
	/* Fifos, sockets, device nodes: /dev is made at start, and a template has no other use for them. */
	return 0;
}

static int walk(struct copy *copy, int dir_fd, const char *path, int depth, struct berth_error *err)
{
	CLEAN_DIR DIR *dir = list_directory(dir_fd);
	struct dirent *entry;

	if (!dir)
		return fail_errno(err, "cannot list %s", path);
	if (depth > DEPTH_MAX)
		return fail(err, BERTH_FAILED, ELOOP, "%.200s: more than %d directories deep", path, DEPTH_MAX);
	while (errno = 0, (entry = readdir(dir))) {
		char child[PATH_LIMIT];
		int r;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (was_interrupted())
			return fail(err, BERTH_FAILED, EINTR, "interrupted");
		if ((size_t)snprintf(child, sizeof(child), "%s%s%s", path, path[0] ? "/" : "", entry->d_name) >= sizeof(child))
			return fail(err, BERTH_FAILED, ENAMETOOLONG, "%.200s: the path is too long", path);
		r = copy_entry(copy, dir_fd, entry->d_name, child, depth, err);
		if (r < 0)
			return r;
		if (copy->progress && ++copy->done % 256 == 0)
			copy->progress("copying", copy->done, copy->entries, copy->data);
	}
	return errno ? fail_errno(err, "cannot list %s", path) : 0;
}

/* Children come before their parents in the list, so a directory's times are set after the last change in it. */
static int finish(struct copy *copy, struct berth_error *err)
{
	for (struct later *entry = copy->later; entry; entry = entry->next) {
		if (!S_ISDIR(entry->st.st_mode)) {
			const char *first = entry->path + strlen(entry->path) + 1;

			if (linkat(copy->target, first, copy->target, entry->path, 0) < 0)
				return fail_errno(err, "cannot link %s to %s", entry->path, first);
		}
	}
	for (struct later *entry = copy->later; entry; entry = entry->next) {
		if (!S_ISDIR(entry->st.st_mode))
			continue;
		CLEAN_FD int from = guest_open_nolinks(copy->source, entry->path, O_RDONLY | O_DIRECTORY, 0);
		CLEAN_FD int to = guest_open_nolinks(copy->target, entry->path, O_RDONLY | O_DIRECTORY, 0);
		int r;

		if (from < 0 || to < 0)
			return fail(err, BERTH_FAILED, from < 0 ? -from : -to, "cannot open the directory %s", entry->path);
		r = copy_metadata(from, to, &entry->st, entry->path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void release(struct copy *copy)
{
	while (copy->later) {
		struct later *entry = copy->later;

		copy->later = entry->next;
		free(entry);
	}
	while (copy->count > 0) {
		free(copy->queue[copy->first]);
		copy->first = (copy->first + 1) % QUEUE_MAX;
		copy->count--;
	}
	tdestroy(copy->links, free);
	pthread_cond_destroy(&copy->changed);
	pthread_mutex_destroy(&copy->mutex);
}

int copy_tree(int source, int target, uint64_t entries, berth_progress_function progress, void *data,
	      struct berth_error *err)
{
	struct copy copy = {
		.source = source, .target = target, .entries = entries, .progress = progress, .data = data,
		.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,
	};
	pthread_t workers[WORKERS_MAX];
	int wanted = get_nprocs() < WORKERS_MAX ? get_nprocs() : WORKERS_MAX, running = 0, r;
	struct stat st;

	while (running < wanted && pthread_create(&workers[running], NULL, work, &copy) == 0)
		running++;
	r = running == 0 ? fail(err, BERTH_FAILED, EAGAIN, "cannot start a thread to copy with") : walk(&copy, source, "", 0, err);
	if (r < 0)
		give_up(&copy, r, err);
	pthread_mutex_lock(&copy.mutex);
	copy.finished = true;
	pthread_cond_broadcast(&copy.changed);
	pthread_mutex_unlock(&copy.mutex);
	for (int i = 0; i < running; i++)
		pthread_join(workers[i], NULL);	/* cppcheck-suppress uninitvar ; those below running are made */
	if (r == 0 && copy.result < 0) {
		*err = copy.error;
		r = copy.result;
	}
	if (r == 0)
		r = finish(&copy, err);
	if (r == 0 && fstat(source, &st) < 0)
		r = fail_errno(err, "cannot look at the template's root");
	if (r == 0)
		r = copy_metadata(source, target, &st, "/", err);
	if (r == 0 && progress)
		progress("copying", entries, entries, data);
	release(&copy);
	return r;
}
