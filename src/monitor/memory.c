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

/* Everything has waited for 60 % of five windows of two seconds: long enough for a burst, short enough that nobody gives the server up. */
#define WINDOW_MS 2000
#define WAITED_PERCENT 60
#define WINDOWS_ENOUGH 5

/* A guest that is killed in all the time costs the host one short command a second. */
#define RUN_EVERY_MS 1000

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_there(int fd)
{
	struct stat st;

	/* /dev/null stands for one that the host has not. */
	return fstat(fd, &st) == 0 && !S_ISCHR(st.st_mode);
}

/* What follows word in the file, or 0. */
static uint64_t number_in(int fd, const char *word)
{
	char text[512];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	char *found;

	text[got > 0 ? got : 0] = '\0';
	found = strstr(text, word);
	return found ? strtoull(found + strlen(word), NULL, 10) : 0;
}

void memory_init(struct memory_watch *watch, char *const *argv)
{
	struct stat st;

	memset(watch, 0, sizeof(*watch));
	watch->argv = argv;
	for (int fd = MONITOR_FD_EVENTS; fd < MONITOR_FD_COUNT; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* memory.events is a file, and speaks by POLLPRI once it has been read; an eventfd is none, and may have been told something already. */
	if (is_there(MONITOR_FD_EVENTS) && fstat(MONITOR_FD_EVENTS, &st) == 0)
		watch->events = S_ISREG(st.st_mode) ? POLLPRI : POLLIN;
	if (watch->events == POLLPRI)
		(void)!read(MONITOR_FD_EVENTS, &(char[512]){ 0 }, 512);
	watch->kills = number_in(MONITOR_FD_KILLS, "oom_kill ");
}

/* --- the command ---------------------------------------------------------------------------------------------------------- */

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
	watch->last_run = milliseconds();
	return pid > 0;
}

static void run_next(struct memory_watch *watch)
{
	static const char *const words[] = { "stalled", "waiting" };

	if (watch->running && waitpid(watch->running, NULL, WNOHANG) == watch->running)
		watch->running = 0;
	if (watch->running || milliseconds() - watch->last_run < RUN_EVERY_MS)
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

/* --- stalls ------------------------------------------------------------------------------------------------------------------ */

static void sample(struct memory_watch *watch)
{
	int64_t now = milliseconds(), passed = now - watch->sampled;

	for (int i = 0; i < 2; i++) {
		struct stall *stall = &watch->stalls[i];
		/* "full avg10=0.00 ... total=1234" is the last line. */
		char text[512], *full;
		ssize_t got = pread(i == 0 ? MONITOR_FD_MEMORY_PRESSURE : MONITOR_FD_IO_PRESSURE, text, sizeof(text) - 1, 0);
		uint64_t total;

		text[got > 0 ? got : 0] = '\0';
		full = strstr(text, "full ");
		full = full ? strstr(full, "total=") : NULL;
		total = full ? strtoull(full + strlen("total="), NULL, 10) : 0;
		if (!watch->sampled || total < stall->total || (int64_t)(total - stall->total) < passed * (1000 / 100) * WAITED_PERCENT)
			stall->windows = 0;
		else if (++stall->windows >= WINDOWS_ENOUGH)
			stall->tell = true;
		if (stall->tell)
			stall->windows = 0;
		stall->total = total;
	}
	watch->sampled = now;
}

int memory_poll(struct memory_watch *watch, struct pollfd *entry)
{
	int64_t now = milliseconds(), next;

	*entry = (struct pollfd){ .fd = watch->events ? MONITOR_FD_EVENTS : -1, .events = watch->events };
	if (watch->running || watch->killed || watch->stalls[0].tell || watch->stalls[1].tell)
		return 200;
	if (now >= watch->active_until)
		return -1;
	next = watch->sampled + WINDOW_MS - now;
	return next > 0 ? (int)next : 0;
}

void memory_handle(struct memory_watch *watch, const struct pollfd *entry)
{
	int64_t now = milliseconds();

	if (entry->revents) {
		uint64_t kills = number_in(MONITOR_FD_KILLS, "oom_kill ");
		char text[512];

		/* From its beginning, for the kernel to tell of the next change. An eventfd does not care. The end of the cgroup is an event
		 * that can be read no more: then the container ends. */
		lseek(MONITOR_FD_EVENTS, 0, SEEK_SET);
		if (read(MONITOR_FD_EVENTS, text, sizeof(text)) <= 0)
			watch->events = 0;
		watch->killed = watch->killed || kills > watch->kills;
		watch->kills = kills > watch->kills ? kills : watch->kills;
		if (now >= watch->active_until)
			watch->sampled = 0;
		watch->active_until = now + 2 * WINDOW_MS;
	}
	if (now < watch->active_until && now - watch->sampled >= WINDOW_MS)
		sample(watch);
	run_next(watch);
}

void memory_end(struct memory_watch *watch)
{
	while (watch->running && waitpid(watch->running, NULL, 0) < 0)
		if (kill(watch->running, 0) < 0)
			break;
}
