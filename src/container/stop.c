/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways a run ends: asked to, killed, or by itself. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "container/container.h"
#include "container/teardown.h"

static bool signal_in(pid_t pid, const char *set, int number)
{
	char path[32], status[4096];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (read_small_at(AT_FDCWD, path, status, sizeof(status)) < 0)
		return false;
	line = strstr(status, set);
	return line && (strtoull(line + strlen(set), NULL, 16) >> (number - 1) & 1);
}

static void program_name(pid_t pid, char name[static 64])
{
	char path[32], target[4096];
	ssize_t length;
	const char *slash;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, 64, "%.63s", slash ? slash + 1 : target);
}

/* The signal by which this init powers off; 0 if it heeds none. What it is is read from what it does with signals and
 * from its program's name; a guest that lies is killed at the end of the timeout like any other that does not obey. */
static int power_off_signal(pid_t init)
{
	char program[64];

	/* systemd reads its commands by signalfd, so they are blocked: +3 halts. Just after its exec it is not so far yet; then
	 * the other rules find nothing and the next look does. (SIGRTMIN is libc's here and in systemd.) */
	if (signal_in(init, "\nSigBlk:", SIGRTMIN + 3) || signal_in(init, "\nSigCgt:", SIGRTMIN + 3))
		return SIGRTMIN + 3;
	program_name(init, program);
	/* busybox init: USR1 halts, USR2 powers off, TERM reboots. It blocks them and waits, or catches them. */
	if (!strncmp(program, "busybox", 7) &&
	    (signal_in(init, "\nSigBlk:", SIGUSR2) || signal_in(init, "\nSigCgt:", SIGUSR2)))
		return SIGUSR2;
	/* sysvinit and OpenRC's init take power failure as the order to go down. */
	if (signal_in(init, "\nSigCgt:", SIGPWR) || signal_in(init, "\nSigBlk:", SIGPWR))
		return SIGPWR;
	/* A plain program as init. */
	if (signal_in(init, "\nSigCgt:", SIGTERM))
		return SIGTERM;
	return 0;
}

/* Asks and waits; what does not end in time is the teardown's to kill. */
static int ask(struct container *container, int init, unsigned int timeout_ms, struct berth_error *err)
{
	int64_t deadline = now_ms() + timeout_ms, look_again = now_ms() + 2000;
	int number;

	/* An init that was just started may not have set up its signals: without them it would lose the order. */
	while (!(number = power_off_signal(container->state.init.pid))) {
		if (deadline_left(look_again) == 0 || deadline_left(deadline) == 0 || process_is_gone(init))
			return 0;
		sleep_ms(10);
	}
	if (container_cgroup_is_frozen(&container->cgroup)) {
		int r = container_cgroup_freeze(&container->cgroup, false, deadline, err);

		if (r < 0)
			return r;
	}
	if (pidfd_send_signal(init, number, NULL, 0) < 0 && errno != ESRCH)
		return fail_errno(err, "cannot signal the init of %s", container->name);
	(void)process_wait_gone(init, deadline);
	return 0;
}

int berth_stop(struct berth *berth, const char *name, enum berth_stop how, unsigned int timeout_ms, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);

	if (r < 0)
		return r;
	if (container_state_now(&container) == BERTH_STOPPED)
		return fail(err, BERTH_WRONG_STATE, ESRCH, "%s is not running", name);
	CLEAN_FD int init = container_init(&container);
	if (init >= 0 && how == BERTH_STOP_ASK)
		r = ask(&container, init, timeout_ms, err);
	if (r == 0)
		r = teardown(&container, err);
	return r < 0 ? fail_context(err, "%s", name) : 0;
}

int berth_after_exit(struct berth *berth, const char *name, bool reboot, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);

	if (r < 0)
		return r;
	/* Somebody else was first: stopped it, or started it again. */
	if (container.state.stage == RUN_NONE || container.state.monitor.pid != getpid())
		return 0;
	r = teardown(&container, err);
	container_close(&container);
	if (r == 0 && reboot)
		r = berth_start(berth, name, err);
	return r;
}

int berth_pause(struct berth *berth, const char *name, bool paused, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);

	if (r == 0)
		r = container_require_running(&container, err);
	if (r < 0)
		return r;
	if (paused == container_cgroup_is_frozen(&container.cgroup))
		return fail(err, BERTH_WRONG_STATE, EALREADY, "%s is %s", name, paused ? "paused already" : "not paused");
	return container_cgroup_freeze(&container.cgroup, paused, now_ms() + 10000, err);
}

int berth_wait(struct berth *berth, const char *name, enum berth_state state, unsigned int timeout_ms, struct berth_error *err)
{
	int64_t deadline = timeout_ms == UINT_MAX ? NO_DEADLINE : now_ms() + timeout_ms;

	for (;;) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };
		int r = container_open(berth, name, &container, err);
		enum berth_state now;

		if (r < 0)
			return r;
		now = container_state_now(&container);
		if (now == state)
			return 0;
		if (deadline_left(deadline) == 0)
			return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "%s is %s, not %s, after %u ms", name, berth_state_name(now),
				    berth_state_name(state), timeout_ms);
		/* The end of init is an event; what follows it, and a start, is a matter of milliseconds. */
		CLEAN_FD int init = container_init(&container);
		if (state == BERTH_STOPPED && init >= 0) {
			int64_t soon = now_ms() + 1000;

			(void)process_wait_gone(init, deadline < soon ? deadline : soon);
		} else {
			sleep_ms(20);
		}
	}
}
