/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/teardown.h"

#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "container/commitments.h"
#include "container/connection.h"
#include "container/rootfs.h"
#include "cgroup/resource_limits.h"

#define KILL_TIMEOUT_MS 10000

/* Before its container: it would take the end for the guest's own and act on it. The process that runs this may be what
 * the monitor has become. */
static int end_monitor(struct container *container, struct berth_error *err)
{
	CLEAN_FD int monitor = known_process_open(&container->state.monitor);

	if (container->state.monitor.pid == getpid() || monitor == -ESRCH)
		return 0;
	if (monitor < 0)
		return fail(err, BERTH_FAILED, -monitor, "cannot open the monitor of %s: %s", container->name, strerror(-monitor));
	if (pidfd_send_signal(monitor, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return fail_errno(err, "cannot end the monitor of %s", container->name);
	if (process_wait_gone(monitor, now_ms() + KILL_TIMEOUT_MS) < 0)
		return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "the monitor of %s does not end", container->name);
	return 0;
}

static int end_processes(struct container *container, struct berth_error *err)
{
	CLEAN_FD int init = container_init(container);

	/* A process that waits for its turn at a slow disk does not die before it has had it. */
	rootfs_find_disk(container, &container->config);
	if (limits_need_disk(&container->config))
		limits_lift_disk(&container->cgroup, &container->config);
	/* A start that died before its child was in the cgroup: the child is known by name alone. */
	if (init >= 0)
		(void)pidfd_send_signal(init, SIGKILL, NULL, 0);
	return container_cgroup_kill(&container->cgroup, now_ms() + KILL_TIMEOUT_MS, err);
}

static int end_network(struct container *container, struct berth_error *err)
{
	return connection_down(container, err);
}

static int end_cgroups(struct container *container, struct berth_error *err)
{
	return container_cgroup_remove(&container->cgroup, err);
}

/* What it was promised while it ran is the others' again. */
static int end_promises(struct container *container, struct berth_error *err)
{
	struct commitments sums;
	struct berth_error ignored;
	char unused[257];
	int r;

	(void)err;
	/* Without a configuration nobody knows what it was. */
	if (!container->config.id) {
		commitments_invalidate(container->berth);
		return 0;
	}
	/* Sums that cannot be written (a full /run) are counted anew by who needs them; no container stays up for them. */
	r = commitments_take(container, &container->config, false, NULL, unused, &sums, &ignored);
	if (r < 0)
		commitments_invalidate(container->berth);
	/* The last container has taken Berth's own cgroup along. */
	else if (container->config.memory_guarantee)
		(void)commitments_protect(&container->cgroup, &sums, &ignored);
	return 0;
}

/* Last: as long as the state file is there, every command knows what is left to do. */
static int end_run_directory(struct container *container, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(container->berth, DIRECTORY_RUN, err);

	if (run < 0)
		return run;
	memset(&container->state, 0, sizeof(container->state));
	return remove_tree_at(run, container->name, err);
}

int teardown(struct container *container, struct berth_error *err)
{
	static int (*const steps[])(struct container *container, struct berth_error *err) = {
		end_monitor, end_processes, end_network, end_cgroups, end_promises, end_run_directory,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		int r = steps[i](container, err);

		if (r < 0)
			return r;
	}
	return 0;
}
