/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/container_cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"

#define GUEST "guest"
#define LEAF "berth.exec"
#define CGROUP_DEPTH_MAX "66"	/* the guest's own 64, below its root, with a leaf */

int container_cgroup_init(struct container_cgroup *cgroup, const char *parent, const char *name, struct berth_error *err)
{
	snprintf(cgroup->parent, sizeof(cgroup->parent), "%s", parent);
	snprintf(cgroup->path, sizeof(cgroup->path), "%s/%s", parent, name);
	return cgroup_host_get(&cgroup->host, err);
}

/* Each once, even where two controllers share a v1 hierarchy ("cpu,cpuacct"). */
static bool v1_hierarchy_first(const struct cgroup_host *host, enum controller controller)
{
	if (host->version[controller] != CONTROLLER_V1)
		return false;
	for (enum controller c = 0; c < controller; c++)
		if (!strcmp(host->v1_mount[c], host->v1_mount[controller]))
			return false;
	return true;
}

static int make_one(int root, const char *path, struct berth_error *err)
{
	if (mkdirat(root, path, 0755) < 0 && errno != EEXIST)
		return fail_errno(err, "cannot make cgroup %s", path);
	return 0;
}

/* Enables our controllers for the children of path, one by one: a controller that this kernel lacks must not keep the
 * others out. Whether a limit can be enforced shows when its file is written. */
static int enable_controllers(const struct cgroup_host *host, const char *path, struct berth_error *err)
{
	char file[CGROUP_PATH_MAX + 32], enabled[256];

	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
	if (read_small_at(host->v2_root, file, enabled, sizeof(enabled)) < 0)
		enabled[0] = '\0';
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
		const char *name = controller_name(c);
		char word[16];
		int r;

		/* strstr would find "cpu" in "cpuset", which only saves a write when it is right: so compare whole words. */
		snprintf(word, sizeof(word), "+%s", name);
		if (host->version[c] != CONTROLLER_V2)
			continue;
		bool found = false;
		for (const char *p = enabled; *p && !found; p += strcspn(p, " "), p += *p == ' ')
			found = strcspn(p, " ") == strlen(name) && !strncmp(p, name, strlen(name));
		if (found)
			continue;
		r = write_small_at(host->v2_root, file, word);
		if (r < 0)
			return fail(err, BERTH_FAILED, -r, "cannot write '%s' to %s: %s%s", word, file, strerror(-r),
				    r == -EBUSY ? "; processes sit in that cgroup, move them to a child of it" : "");
	}
	return 0;
}

/* A new v1 cpuset has no cores and no memory nodes and takes no process until it has: it starts with its parent's. */
static int fill_v1_cpuset(const struct cgroup_host *host, const char *parent, const char *path, int root, struct berth_error *err)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
		char name[CGROUP_PATH_MAX + 32], value[4096];

		snprintf(name, sizeof(name), "%s/%s", path, files[i]);
		if (read_small_at(root, name, value, sizeof(value)) == 0 && value[0])
			continue;
		snprintf(name, sizeof(name), "%s/%s", parent, files[i]);
		int r = read_small_at(root, name, value, sizeof(value));
		if (r < 0)
			return fail(err, BERTH_FAILED, -r, "cannot read cgroup v1 %s: %s", name, strerror(-r));
		r = controller_write(host, CONTROLLER_CPUSET, path, files[i], value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_v1(const struct container_cgroup *cgroup, enum controller controller, struct berth_error *err)
{
	CLEAN_FD int root = open(cgroup->host->v1_mount[controller], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (root < 0)
		return fail_errno(err, "cannot open %s", cgroup->host->v1_mount[controller]);
	r = make_one(root, cgroup->parent, err);
	if (r == 0)
		r = make_one(root, cgroup->path, err);
	if (r == 0 && controller == CONTROLLER_CPUSET)
		r = fill_v1_cpuset(cgroup->host, ".", cgroup->parent, root, err);
	if (r == 0 && controller == CONTROLLER_CPUSET)
		r = fill_v1_cpuset(cgroup->host, cgroup->parent, cgroup->path, root, err);
	return r;
}

static int make_all(const struct container_cgroup *cgroup, struct berth_error *err)
{
	const struct cgroup_host *host = cgroup->host;
	char guest[CGROUP_PATH_MAX + 8];
	int r;

	snprintf(guest, sizeof(guest), "%s/" GUEST, cgroup->path);
	/* Top down: a controller must be enabled in a parent before its files are in a child. */
	r = enable_controllers(host, ".", err);
	if (r == 0)
		r = make_one(host->v2_root, cgroup->parent, err);
	if (r == 0)
		r = enable_controllers(host, cgroup->parent, err);
	if (r == 0)
		r = make_one(host->v2_root, cgroup->path, err);
	if (r == 0)
		r = enable_controllers(host, cgroup->path, err);
	/* What a guest nests, we have to remove again, level by level. */
	if (r == 0)
		r = controller_write(host, CONTROLLER_CORE, cgroup->path, "cgroup.max.depth", CGROUP_DEPTH_MAX, err);
	if (r == 0)
		r = make_one(host->v2_root, guest, err);
	for (enum controller c = 0; r == 0 && c < CONTROLLER_COUNT; c++)
		if (v1_hierarchy_first(host, c))
			r = make_v1(cgroup, c, err);
	return r;
}

int container_cgroup_make(const struct container_cgroup *cgroup, struct berth_error *err)
{
	int r = 0;

	/* The end of another container removes the empty PARENT, perhaps between two of our steps. */
	for (int i = 0; i < 8; i++) {
		r = make_all(cgroup, err);
		if (r != -ENOENT)
			break;
	}
	return r;
}

static int chown_delegated(int fd, uid_t owner, struct berth_error *err)
{
	char list[4096], *rest = list, *name;

	if (read_small_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", list, sizeof(list)) < 0)
		strcpy(list, "cgroup.procs\ncgroup.threads\ncgroup.subtree_control");
	if (fchown(fd, owner, owner) < 0)
		return fail_errno(err, "cannot give the delegated cgroup to uid %u", owner);
	while ((name = strsep(&rest, "\n")))
		/* The list has names of all controllers; those that are not here have no file. */
		if (*name && fchownat(fd, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return fail_errno(err, "cannot give %s of the delegated cgroup to uid %u", name, owner);
	return 0;
}

static int open_v2(const struct container_cgroup *cgroup, const char *below, struct berth_error *err)
{
	char path[CGROUP_PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s%s", cgroup->path, below);
	fd = openat(cgroup->host->v2_root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "cannot open cgroup %s", path) : fd;
}

int container_cgroup_delegate(const struct container_cgroup *cgroup, uid_t owner, struct berth_error *err)
{
	CLEAN_FD int fd = open_v2(cgroup, "/" GUEST, err);
	int r = fd < 0 ? fd : chown_delegated(fd, owner, err);

	return r < 0 ? r : take_fd(&fd);
}

/* Path of the cgroup2 cgroup a process is in, relative to the mount, in new memory; NULL if it is not in ours. */
static char *own_cgroup_of(const struct container_cgroup *cgroup, pid_t pid)
{
	char *text = NULL, *line;
	char file[64];
	size_t length, prefix = strlen(cgroup->path);

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	if (read_file_at(AT_FDCWD, file, 65536, &text, &length) < 0)
		return NULL;
	line = strstr(text, "0::/");
	if (line) {
		line += strlen("0::/");
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, cgroup->path, prefix) && (line[prefix] == '/' || !line[prefix])) {
			memmove(text, line, strlen(line) + 1);
			return text;
		}
	}
	free(text);
	return NULL;
}

bool container_cgroup_has_process(const struct container_cgroup *cgroup, pid_t pid)
{
	CLEAN_FREE char *path = own_cgroup_of(cgroup, pid);

	return path != NULL;
}

static void each_process_below(int dir_fd, int depth, void (*function)(pid_t pid, void *data), void *data)
{
	CLEAN_DIR DIR *dir = fdopendir(dir_fd);
	CLEAN_FREE char *text = NULL;
	struct dirent *entry;
	size_t length;

	if (!dir) {
		close(dir_fd);
		return;
	}
	if (read_file_at(dir_fd, "cgroup.procs", 1 << 20, &text, &length) == 0)
		for (char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
			function((pid_t)strtol(p, NULL, 10), data);
	/* Not held on every level of a deep tree. */
	free(take_ptr(text));
	while (depth < 70 && (entry = readdir(dir))) {
		int child;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		child = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0)
			each_process_below(child, depth + 1, function, data);
	}
}

void container_cgroup_each_process(const struct container_cgroup *cgroup, void (*function)(pid_t pid, void *data), void *data)
{
	int fd = openat(cgroup->host->v2_root, cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		each_process_below(fd, 0, function, data);
}

/* Where init is: a leaf that is always there. The name is the guest's, but it lies below the delegated cgroup by the kernel's
 * word, and cgroupfs has no links. */
static int open_init_leaf(const struct container_cgroup *cgroup, pid_t init, struct berth_error *err)
{
	CLEAN_FREE char *path = own_cgroup_of(cgroup, init);
	int fd = path ? openat(cgroup->host->v2_root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		return fd;
	return fail(err, BERTH_FAILED, EAGAIN, "cannot make a cgroup for the command: the guest has as many as cgroups allows");
}

int container_cgroup_leaf(const struct container_cgroup *cgroup, uid_t owner, pid_t init, struct berth_error *err)
{
	char path[CGROUP_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/" GUEST "/" LEAF, cgroup->path);
	/* The guest can remove an empty one between our mkdir and open: the second try is for that. */
	for (int i = 0; i < 3; i++) {
		int fd, r;

		r = make_one(cgroup->host->v2_root, path, err);
		if (r == -EAGAIN)
			return open_init_leaf(cgroup, init, err);
		if (r < 0)
			return r;
		fd = openat(cgroup->host->v2_root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = chown_delegated(fd, owner, err);
		if (r == 0)
			return fd;
		close(fd);
	}
	return fail(err, BERTH_FAILED, EAGAIN, "cannot make cgroup %s: the guest keeps removing it", path);
}

int container_cgroup_open_v1_tasks(const struct container_cgroup *cgroup, int fds[static CGROUP_V1_MAX],
				   struct berth_error *err)
{
	int count = 0;

	for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
		if (!v1_hierarchy_first(cgroup->host, c))
			continue;
		int fd = controller_open(cgroup->host, c, cgroup->path, "tasks", O_WRONLY);
		if (fd < 0) {
			while (count > 0)
				close(fds[--count]);
			return fail(err, BERTH_FAILED, -fd, "cannot open tasks of cgroup v1 %s %s: %s", controller_name(c),
				    cgroup->path, strerror(-fd));
		}
		fds[count++] = fd;
	}
	return count;
}

static bool event_is(const struct container_cgroup *cgroup, const char *line)
{
	char path[CGROUP_PATH_MAX + 32], events[256];

	snprintf(path, sizeof(path), "%s/cgroup.events", cgroup->path);
	return read_small_at(cgroup->host->v2_root, path, events, sizeof(events)) == 0 && strstr(events, line);
}

bool container_cgroup_populated(const struct container_cgroup *cgroup)
{
	return event_is(cgroup, "populated 1");
}

bool container_cgroup_is_frozen(const struct container_cgroup *cgroup)
{
	return event_is(cgroup, "frozen 1");
}

bool container_cgroup_exists(const struct container_cgroup *cgroup)
{
	if (faccessat(cgroup->host->v2_root, cgroup->path, F_OK, 0) == 0)
		return true;
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
		CLEAN_FD int fd = -EBADF;

		if (cgroup->host->version[c] == CONTROLLER_V1)
			fd = controller_open(cgroup->host, c, cgroup->path, ".", O_PATH);
		if (fd >= 0)
			return true;
	}
	return false;
}

/* cgroup.events is changed with a notification: POLLPRI, no polling in steps (cgroup-v2.rst, "populated"). */
static int wait_event(const struct container_cgroup *cgroup, const char *line, int64_t deadline)
{
	char path[CGROUP_PATH_MAX + 32], events[256];

	snprintf(path, sizeof(path), "%s/cgroup.events", cgroup->path);
	CLEAN_FD int fd = openat(cgroup->host->v2_root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		struct pollfd poller = { .fd = fd, .events = POLLPRI };
		ssize_t got = pread(fd, events, sizeof(events) - 1, 0);

		if (got < 0)
			return errno == ENODEV ? 0 : -errno;
		events[got] = '\0';
		if (strstr(events, line))
			return 0;
		int r = poll(&poller, 1, deadline_left(deadline));
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

int container_cgroup_kill(const struct container_cgroup *cgroup, int64_t deadline, struct berth_error *err)
{
	char path[CGROUP_PATH_MAX + 32];
	int r;

	snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup->path);
	r = write_small_at(cgroup->host->v2_root, path, "1");
	if (r == -ENOENT && !container_cgroup_populated(cgroup))
		return 0;
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot write %s: %s", path, strerror(-r));
	r = wait_event(cgroup, "populated 0", deadline);
	if (r == -ETIMEDOUT)
		return fail(err, BERTH_TIMED_OUT, ETIMEDOUT,
			    "processes of cgroup %s do not die: the kernel is waiting for a disk or network filesystem", cgroup->path);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read cgroup.events of %s: %s", cgroup->path, strerror(-r));
	return 0;
}

int container_cgroup_freeze(const struct container_cgroup *cgroup, bool frozen, int64_t deadline, struct berth_error *err)
{
	char path[CGROUP_PATH_MAX + 32];
	int r;

	snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup->path);
	r = write_small_at(cgroup->host->v2_root, path, frozen ? "1" : "0");
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot write %s: %s", path, strerror(-r));
	r = wait_event(cgroup, frozen ? "frozen 1" : "frozen 0", deadline);
	if (r == -ETIMEDOUT)
		return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "cgroup %s does not %s in time", cgroup->path, frozen ? "freeze" : "thaw");
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read cgroup.events of %s: %s", cgroup->path, strerror(-r));
	return 0;
}

/* rmdir from the leaves up; a cgroup has no files that could be removed. */
static int remove_below(int fd, int depth)
{
	CLEAN_FD int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_DIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir)
		return -errno;
	take_fd(&copy);
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (depth > 256)
			return -ELOOP;
		CLEAN_FD int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int r = child < 0 ? -errno : remove_below(child, depth + 1);
		if (r < 0 && r != -ENOENT)
			return r;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* "populated 0" comes a moment before the last task has left its css: rmdir then says EBUSY for some microseconds. */
static int remove_cgroup(int root, const char *path, struct berth_error *err)
{
	int64_t deadline = now_ms() + 2000;
	int r;

	for (;;) {
		if (unlinkat(root, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		CLEAN_FD int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : remove_below(fd, 0);
		if (r == -ENOENT)
			return 0;
		if (unlinkat(root, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		r = -errno;
		if (r != -EBUSY || deadline_left(deadline) == 0)
			return fail(err, BERTH_FAILED, -r, "cannot remove cgroup %s: %s", path, strerror(-r));
		sleep_ms(1);
	}
}

int container_cgroup_remove(const struct container_cgroup *cgroup, struct berth_error *err)
{
	int r = 0;

	for (enum controller c = 0; r == 0 && c < CONTROLLER_COUNT; c++) {
		if (!v1_hierarchy_first(cgroup->host, c))
			continue;
		CLEAN_FD int root = open(cgroup->host->v1_mount[c], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root >= 0)
			r = remove_cgroup(root, cgroup->path, err);
		if (r == 0 && root >= 0)
			(void)unlinkat(root, cgroup->parent, AT_REMOVEDIR);
	}
	if (r == 0)
		r = remove_cgroup(cgroup->host->v2_root, cgroup->path, err);
	/* The last container takes Berth's own cgroup along; with others there, the kernel refuses. */
	if (r == 0)
		(void)unlinkat(cgroup->host->v2_root, cgroup->parent, AT_REMOVEDIR);
	return r;
}
