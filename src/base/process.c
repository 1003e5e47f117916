/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"

uint64_t process_start_time(pid_t pid)
{
	char path[32], stat[1024];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || read_small_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return 0;
	/* Field 2 is the program's name in parentheses, chosen by the program: count fields from the last one. */
	p = strrchr(stat, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

int process_open(pid_t pid, uint64_t start_time)
{
	uint64_t found;

	if (pid <= 0 || start_time == 0)
		return -ESRCH;
	CLEAN_FD int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return -errno;
	/* Compared after the pidfd is held: from here on the pid cannot be given to another process unnoticed. */
	found = process_start_time(pid);
	if (process_is_gone(fd))
		return -ESRCH;
	/* It lives, and whether it is the one cannot be told (no descriptor, no memory): that is not the same as gone. */
	if (found == 0)
		return -EIO;
	return found == start_time ? take_fd(&fd) : -ESRCH;
}

int process_wait_gone(int pidfd, int64_t deadline)
{
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int r = poll(&poller, 1, deadline_left(deadline));

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

bool process_is_gone(int pidfd)
{
	return process_wait_gone(pidfd, 0) == 0;
}

int process_run(const char *const *argv, const char *const *environment)
{
	posix_spawn_file_actions_t actions;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	r = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, (char *const *)environment);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int deadline_left(int64_t deadline)
{
	int64_t left;

	if (deadline == NO_DEADLINE)
		return -1;
	left = deadline - now_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void sleep_ms(unsigned int milliseconds)
{
	struct timespec left = { .tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}
