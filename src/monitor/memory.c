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
	for (int fd = MONITOR_FD_EVENTS; fd <= MONITOR_FD_IO_PRESSURE; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (int fd = MONITOR_FD_PRESSURE; fd <= MONITOR_FD_IO_PRESSURE; fd++)
		if (!is_there(fd))
			close(fd);
	if (!is_there(MONITOR_FD_EVENTS)) {
		close(MONITOR_FD_EVENTS);
		return;
	}
	/* memory.events can be read at any time and speaks by POLLPRI; the eventfd has nothing to read yet. */
	watch->events = read(MONITOR_FD_EVENTS, &(char[16]){ 0 }, 16) > 0 ? POLLPRI : POLLIN;
	(void)more_kills(watch);
}

/* False: a full pid table. It is tried again at the next turn. */
static bool run(struct memory_watch *watch, const char *what)
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
	watch->running = pid > 0 ? pid : 0;
	watch->last_run = seconds();
	return pid > 0;
}

static void run_next(struct memory_watch *watch)
{
	static const char *const words[] = { "stalled", "waiting" };

	if (watch->running && waitpid(watch->running, NULL, WNOHANG) == watch->running)
		watch->running = 0;
	if (watch->running || seconds() - watch->last_run < RUN_EVERY)
		return;
	for (int i = 0; i < 2; i++) {
		if (watch->stalls[i].tell) {
			watch->stalls[i].tell = !run(watch, words[i]);
			return;
		}
	}
	if (watch->killed)
		watch->killed = !run(watch, "killed");
}

/* A closed descriptor is POLLNVAL at once, for ever: it must not be asked. */
static struct pollfd entry(int fd, short events)
{
	return (struct pollfd){ .fd = fcntl(fd, F_GETFD) < 0 ? -1 : fd, .events = events };
}

int memory_poll(struct memory_watch *watch, struct pollfd entries[MEMORY_FDS])
{
	entries[0] = entry(MONITOR_FD_EVENTS, watch->events);
	entries[1] = entry(MONITOR_FD_PRESSURE, POLLPRI);
	entries[2] = entry(MONITOR_FD_IO_PRESSURE, POLLPRI);
	return watch->running || watch->killed || watch->stalls[0].tell || watch->stalls[1].tell ? 200 : -1;
}

static void handle_stall(struct stall *stall, const struct pollfd *entry)
{
	/* The cgroup is gone: the container ends. */
	if (entry->revents & POLLERR) {
		close(entry->fd);
	} else if (entry->revents & POLLPRI) {
		stall->windows = seconds() - stall->last <= WINDOW_SECONDS + 1 ? stall->windows + 1 : 1;
		stall->last = seconds();
		if (stall->windows >= STALLS_ENOUGH) {
			stall->windows = 0;
			stall->tell = true;
		}
	}
}

void memory_handle(struct memory_watch *watch, const struct pollfd entries[MEMORY_FDS])
{
	if (entries[0].revents && more_kills(watch))
		watch->killed = true;
	handle_stall(&watch->stalls[0], &entries[1]);
	handle_stall(&watch->stalls[1], &entries[2]);
	run_next(watch);
}

void memory_end(struct memory_watch *watch)
{
	while (watch->running && waitpid(watch->running, NULL, 0) < 0)
		if (kill(watch->running, 0) < 0)
			break;
}
