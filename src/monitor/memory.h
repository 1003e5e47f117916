/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of the container's memory, and the command that is run for it: berthctl notice NAME
 * killed|stalled|waiting. Decides
 * when, never what.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define MEMORY_FDS 3

struct memory_watch {
	char *const *argv;	/* the monitor's own */
	short events;		/* what poll(2) is asked of the first descriptor */
	uint64_t kills;		/* of memory.events */
	struct stall {
		int windows;	/* in a row in which everything waited */
		time_t last;
		bool tell;
	} stalls[2];		/* for memory; for the disk, which in want of memory is for pages thrown out before */
	time_t last_run;
	bool killed;		/* to be told */
	pid_t running;		/* the command; 0 if none */
};

void memory_init(struct memory_watch *watch, char *const *argv);
/* Fills the two entries and returns poll's timeout. */
int memory_poll(struct memory_watch *watch, struct pollfd entries[MEMORY_FDS]);
void memory_handle(struct memory_watch *watch, const struct pollfd entries[MEMORY_FDS]);
/* Waits for a command that still runs: it must not meet the one that this process becomes. */
void memory_end(struct memory_watch *watch);
