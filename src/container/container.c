/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"

#define CONFIG_FILE "container.conf"
#define CONFIG_MAX (64 * 1024)

int name_check(const char *name, struct berth_error *err)
{
	if (name_is_valid(name))
		return 0;
	return fail(err, BERTH_USAGE, EINVAL,
		    "'%.64s' is no container name; accepted are 1 to 32 of a-z, 0-9 and '-', not beginning with '-'", name);
}

/* flock(2) has no timeout of its own. The steps grow to 20 ms: a waiter costs next to nothing and comes in soon. */
static int lock(int fd, int operation, unsigned int timeout_ms, const char *name, struct berth_error *err)
{
	int64_t deadline = now_ms() + timeout_ms;
	unsigned int step = 1;

	while (flock(fd, operation | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(err, "cannot lock %s", name);
		if (deadline_left(deadline) == 0)
			return fail(err, BERTH_BUSY, EWOULDBLOCK, "%s is busy: another command holds its lock", name);
		sleep_ms(step);
		step = step < 20 ? step * 2 : 20;
	}
	return 0;
}

int lock_directory(int fd, unsigned int timeout_ms, const char *name, struct berth_error *err)
{
	return lock(fd, LOCK_EX, timeout_ms, name, err);
}

int lock_directory_shared(int fd, unsigned int timeout_ms, const char *name, struct berth_error *err)
{
	return lock(fd, LOCK_SH, timeout_ms, name, err);
}

bool is_still_at(int fd, int parent, const char *entry)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && fstatat(parent, entry, &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

int open_locked_directory(int parent, const char *entry, unsigned int timeout_ms, const char *name, struct berth_error *err)
{
	for (;;) {
		CLEAN_FD int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int r;

		if (fd < 0 && errno == ENOENT)
			return fail(err, BERTH_NOT_FOUND, ENOENT, "there is no %s", name);
		if (fd < 0)
			return fail_errno(err, "cannot open the directory of %s", name);
		r = lock_directory(fd, timeout_ms, name, err);
		if (r < 0)
			return r;
		/* The one whose end we waited for may have renamed it (a create its container, a destroy its remains) or removed it, and another come under the name. */
		if (is_still_at(fd, parent, entry))
			return take_fd(&fd);
	}
}

int container_read_config(struct container *container, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	size_t length;
	int r = read_file_at(container->directory, CONFIG_FILE, CONFIG_MAX, &text, &length);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "%s: cannot read its " CONFIG_FILE ": %s", container->name, strerror(-r));
	r = config_parse(text, length, &container->config, err);
	return r < 0 ? fail_context(err, "%s: " CONFIG_FILE, container->name) : 0;
}

/* Not to be read now (no descriptor, no memory) is an error: a running container must not look as one that is not. */
static int read_state(struct container *container, struct berth_error *err)
{
	CLEAN_FD int run = container_run_directory(container, false, err);
	int r = run == -ENOENT ? 0 : run < 0 ? run : state_read(run, &container->state);

	return r < 0 ? fail(err, BERTH_FAILED, -r, "%s: cannot read its run file: %s", container->name, strerror(-r)) : 0;
}

static int load(struct container *container, struct berth_error *err)
{
	int r = container_cgroup_init(&container->cgroup, container->berth->cgroup_parent, container->name, err);

	if (r < 0)
		return r;
	/* Before the configuration: destroy --force needs it even when that cannot be read. */
	r = read_state(container, err);
	return r < 0 ? r : container_read_config(container, err);
}

static int open_either(const struct berth *berth, const char *name, bool locked, struct container *ret, struct berth_error *err)
{
	int r = name_check(name, err);

	memset(ret, 0, sizeof(*ret));
	ret->directory = -EBADF;
	if (r < 0)
		return r;
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, err);
	if (containers < 0)
		return containers;
	ret->berth = berth;
	strcpy(ret->name, name);
	if (locked) {
		r = open_locked_directory(containers, name, berth->lock_timeout_ms, name, err);
	} else {
		r = openat(containers, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = r < 0 ? fail_errno(err, "cannot open the directory of %s", name) : r;
	}
	if (r == -ENOENT)
		return fail(err, BERTH_NOT_FOUND, ENOENT, "there is no container %s", name);
	if (r < 0)
		return r;
	ret->directory = r;
	return load(ret, err);
}

int container_open(const struct berth *berth, const char *name, struct container *ret, struct berth_error *err)
{
	return open_either(berth, name, false, ret, err);
}

int container_open_locked(const struct berth *berth, const char *name, struct container *ret, struct berth_error *err)
{
	return open_either(berth, name, true, ret, err);
}

void container_close(struct container *container)
{
	close_keep_errno(container->directory);
	container->directory = -EBADF;
}

int container_save(const struct container *container, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	size_t length;
	int r = config_format(config, &text, &length, err);

	return r < 0 ? r : replace_file_at(container->directory, CONFIG_FILE, text, length, 0600, err);
}

void container_remove_temporaries(const struct container *container)
{
	/* Not that of the events, which are written without the lock. */
	(void)unlinkat(container->directory, "." CONFIG_FILE ".new", 0);
	(void)unlinkat(container->directory, ".traffic.new", 0);
}

int container_init(const struct container *container)
{
	return container->state.stage == RUN_NONE ? -ESRCH : known_process_open(&container->state.init);
}

enum berth_state container_state_now(const struct container *container)
{
	CLEAN_FD int init = container_init(container);
	bool populated;

	/* When it cannot be told whether init lives it is taken to: nothing is torn down on a guess. */
	if (init != -ESRCH && container->state.stage == RUN_RUNNING)
		return container_cgroup_is_frozen(&container->cgroup) ? BERTH_PAUSED : BERTH_RUNNING;
	if (container->state.stage == RUN_STARTING) {
		CLEAN_FD int starter = known_process_open(&container->state.starter);

		if (starter != -ESRCH)
			return BERTH_STARTING;
	}
	/* No init: whatever else is there is a dead run's. */
	populated = container_cgroup_populated(&container->cgroup);
	return populated || container->state.stage != RUN_NONE || container_cgroup_exists(&container->cgroup) ? BERTH_BROKEN :
														 BERTH_STOPPED;
}

int container_require_running(const struct container *container, struct berth_error *err)
{
	enum berth_state state = container_state_now(container);

	if (state == BERTH_RUNNING || state == BERTH_PAUSED)
		return 0;
	return fail(err, BERTH_WRONG_STATE, ESRCH, "%s is not running (%s)", container->name, berth_state_name(state));
}

uid_t container_host_uid(const struct container *container)
{
	return (uid_t)container->config.id * ID_RANGE_SIZE;
}

int container_run_directory(const struct container *container, bool make, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(container->berth, DIRECTORY_RUN, err);
	int fd;

	if (run < 0)
		return run;
	if (make && mkdirat(run, container->name, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "cannot make the run directory of %s", container->name);
	fd = openat(run, container->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "cannot open the run directory of %s", container->name) : fd;
}

const char *berth_state_name(enum berth_state state)
{
	static const char *const names[] = {
		[BERTH_STOPPED] = "stopped", [BERTH_STARTING] = "starting", [BERTH_RUNNING] = "running",
		[BERTH_PAUSED] = "paused", [BERTH_BROKEN] = "broken",
	};

	return names[state];
}

bool container_is_in_transit(const struct berth *berth, const char *name)
{
	static const char *const suffixes[] = { CREATING_SUFFIX, DESTROYING_SUFFIX };
	struct berth_error ignored;
	CLEAN_FD int containers = instance_directory(berth, DIRECTORY_CONTAINERS, &ignored);

	for (size_t i = 0; containers >= 0 && i < ARRAY_LENGTH(suffixes); i++) {
		char hidden[64];

		snprintf(hidden, sizeof(hidden), ".%.32s%s", name, suffixes[i]);
		if (faccessat(containers, hidden, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}
