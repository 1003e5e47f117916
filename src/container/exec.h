/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two sides of an exec share: exec.c on the host side, exec_inside.c from the clone on. */
#pragma once

#include "container/container.h"

struct joining {
	const struct berth_exec *what;
	int init;			/* pidfd of the container's init: its namespaces */
	int v1_tasks[CGROUP_V1_MAX];
	int v1_count;
	int socket;			/* to the host side: errors, and the terminal's master */
	int stdio[3];
	bool nesting;			/* of the container */
};

/* Runs a command of the guest's own, as its root, without a word in or out; kills it at the deadline (BERTH_TIMED_OUT). Returns its exit status. */
int exec_quietly(struct container *container, const char *const *argv, int64_t deadline, struct berth_error *err);

/* Joins the namespaces and becomes the command, or reports and exits with 125, 126 or 127. */
_Noreturn void exec_inside(struct joining *joining);
