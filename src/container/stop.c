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
#include "container/guest_init.h"
#include "container/teardown.h"

/* Asks and waits; what does not end in time is the teardown's to kill. */
static int ask(struct container *container, int init, unsigned int timeout_ms, struct berth_error *err)
{
	int64_t deadline = now_ms() + timeout_ms, look_again = now_ms() + 2000;
	int r = 0;

	if (container_cgroup_is_frozen(&container->cgroup))
		r = container_cgroup_freeze(&container->cgroup, false, deadline, err);
	/* An init that was just started may not have set up its signals: without them it would lose the order. */
	while (r == 0 && !(r = guest_init_ask(container, init, deadline, err))) {
		if (deadline_left(look_again) == 0 || deadline_left(deadline) == 0 || process_is_gone(init))
			return 0;
		sleep_ms(10);
	}
	if (r > 0)
		(void)process_wait_gone(init, deadline);
	return r < 0 ? r : 0;
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
	/* Not to be had now is not the same as gone: who was asked for is not killed for want of a descriptor. */
	if (init < 0 && init != -ESRCH && how == BERTH_STOP_ASK)
		return fail(err, BERTH_FAILED, -init, "%s: cannot open its init: %s", name, strerror(-init));
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

int berth_wait_ready(struct berth *berth, const char *name, unsigned int timeout_ms, struct berth_error *err)
{
	int64_t deadline = timeout_ms == UINT_MAX ? NO_DEADLINE : now_ms() + timeout_ms;

	for (;;) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };
		int r = container_open(berth, name, &container, err);
		enum berth_state state;

		if (r < 0)
			return r;
		state = container_state_now(&container);
		/* Between a reboot inside and the new start it is neither. */
		if (state == BERTH_STOPPED && container.state.stage == RUN_NONE)
			return fail(err, BERTH_WRONG_STATE, ESRCH, "%s is not running: it ended before it was ready; its console.log says why", name);
		if (state == BERTH_RUNNING && guest_init_is_ready(&container))
			return 0;
		if (deadline_left(deadline) == 0)
			return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "%s runs, but has not said that it is ready after %u ms", name, timeout_ms);
		sleep_ms(20);
	}
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
