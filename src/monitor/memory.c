/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "monitor/memory.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/protocol.h"

/* Five windows of two seconds: long enough for a burst, short enough that nobody gives the server up. */
#define STALLS_ENOUGH 5
#define WINDOW_SECONDS 2

/* A guest that is killed in all the time costs the host one short command a second. */
#define RUN_EVERY 1

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool is_there(int fd)
{
	struct stat st;

	/* /dev/null stands for one that the host has not. */
	return fstat(fd, &st) == 0 && !S_ISCHR(st.st_mode);
}

/* "oom_kill 3" of memory.events; each read makes the kernel tell of the next change. An eventfd has the number of events. */
static bool more_kills(struct memory_watch *watch)
{
	char text[512] = "";
	ssize_t got;
	char *line;
	uint64_t kills;

	lseek(MONITOR_FD_EVENTS, 0, SEEK_SET);
	got = read(MONITOR_FD_EVENTS, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	line = strstr(text, "\noom_kill ");
	if (!line)
		return got == sizeof(uint64_t);
	kills = strtoull(line + strlen("\noom_kill "), NULL, 10);
	if (kills <= watch->kills)
		return false;
	watch->kills = kills;
	return true;
}

void memory_init(struct memory_watch *watch, char *const *argv)
{
	memset(watch, 0, sizeof(*watch));
	watch->argv = argv;
	fcntl(MONITOR_FD_EVENTS, F_SETFD, FD_CLOEXEC);
	fcntl(MONITOR_FD_PRESSURE, F_SETFD, FD_CLOEXEC);
	if (!is_there(MONITOR_FD_PRESSURE))
		close(MONITOR_FD_PRESSURE);
	if (!is_there(MONITOR_FD_EVENTS)) {
		close(MONITOR_FD_EVENTS);
		return;
	}
	/* memory.events can be read at any time and speaks by POLLPRI; the eventfd has nothing to read yet. */
	watch->events = read(MONITOR_FD_EVENTS, &(char[16]){ 0 }, 16) > 0 ? POLLPRI : POLLIN;
	(void)more_kills(watch);
}

static void run(struct memory_watch *watch, const char *what)
{
	char *const *argv = watch->argv;
	char *command[] = { "berthctl", "--root", argv[3][0] ? argv[3] : "/", "notice", argv[1], (char *)(uintptr_t)what, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd <= 2; fd++)
			dup2(null, fd);
		syscall(SYS_close_range, 3, ~0U, 0);
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_DFL);
		execv(argv[2], command);
		_exit(1);
	}
	/* A full pid table: tried again at the next turn. */
	watch->running = pid > 0 ? pid : 0;
	watch->last_run = seconds();
}

static void run_next(struct memory_watch *watch)
{
	if (watch->running && waitpid(watch->running, NULL, WNOHANG) == watch->running)
		watch->running = 0;
	if (watch->running || (!watch->stalled && !watch->killed) || seconds() - watch->last_run < RUN_EVERY)
		return;
	if (watch->stalled) {
		watch->stalled = false;
		run(watch, "stalled");
	} else {
		watch->killed = false;
		run(watch, "killed");
	}
}

int memory_poll(struct memory_watch *watch, struct pollfd entries[MEMORY_FDS])
{
	/* A closed descriptor is POLLNVAL at once, for ever: it must not be asked. */
	entries[0] = (struct pollfd){ .fd = fcntl(MONITOR_FD_EVENTS, F_GETFD) < 0 ? -1 : MONITOR_FD_EVENTS, .events = watch->events };
	entries[1] = (struct pollfd){ .fd = fcntl(MONITOR_FD_PRESSURE, F_GETFD) < 0 ? -1 : MONITOR_FD_PRESSURE, .events = POLLPRI };
	return watch->running || watch->killed || watch->stalled ? 200 : -1;
}

void memory_handle(struct memory_watch *watch, const struct pollfd entries[MEMORY_FDS])
{
	if (entries[0].revents && more_kills(watch))
		watch->killed = true;
	/* The cgroup is gone: the container ends. */
	if (entries[1].revents & POLLERR) {
		close(MONITOR_FD_PRESSURE);
	} else if (entries[1].revents & POLLPRI) {
		watch->stalls = seconds() - watch->last_stall <= WINDOW_SECONDS + 1 ? watch->stalls + 1 : 1;
		watch->last_stall = seconds();
		if (watch->stalls >= STALLS_ENOUGH) {
			watch->stalls = 0;
			watch->stalled = true;
		}
	}
	run_next(watch);
}

void memory_end(struct memory_watch *watch)
{
	while (watch->running && waitpid(watch->running, NULL, 0) < 0)
		if (kill(watch->running, 0) < 0)
			break;
}
