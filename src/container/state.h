/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run file of a container (/run/berth/NAME/state): what its start made, so that any later command can find and undo
 * it. It is a note, not the truth: each process in it is checked against the kernel by pid and start time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum run_stage { RUN_NONE, RUN_STARTING, RUN_RUNNING };

struct known_process {
	pid_t pid;
	uint64_t start_time;	/* clock ticks since boot */
};

struct container_state {
	enum run_stage stage;
	struct known_process starter, init, monitor;
	uint64_t started_at;			/* seconds since 1970 */
	bool changing;				/* a set is under way, or died: the kernel may have what the configuration has not */
};

/* Parses the text of a run file. False if it is no run file of this version: it then says nothing. */
bool state_parse(const char *text, size_t length, struct container_state *ret);

/* Reads the state in a run directory; all zero (RUN_NONE) if there is none, it is of an earlier boot, or no run file. A negative errno when it cannot be told now whether there
 * is one: that must not be taken for none. */
int state_read(int run_fd, struct container_state *ret);

int state_write(int run_fd, const struct container_state *state, struct berth_error *err);

/* Of this boot, as the kernel names it; "unknown" when it cannot be read. */
const char *state_boot_id(void);

/* The process if it lives: a pidfd, or -ESRCH. Another error: it cannot be told now. */
int known_process_open(const struct known_process *process);
