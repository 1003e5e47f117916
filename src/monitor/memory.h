/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of the container's memory, and the command that is run for it: berthctl notice NAME killed|stalled|waiting.
 * Decides when, never what. Asleep as long as the container has memory enough: the kernel's event of reclaim wakes it, and only then is
 * anything measured.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct memory_watch {
	char *const *argv;	/* the monitor's own */
	short events;		/* what poll(2) is asked of MONITOR_FD_EVENTS */
	uint64_t kills;
	int64_t active_until;	/* milliseconds: while the kernel reclaims */
	int64_t sampled;	/* when stalls were read last; 0: not in this active time */
	struct stall {
		uint64_t total;		/* microseconds, as PSI counts */
		int windows;		/* in a row in which everything waited */
		bool tell;
	} stalls[2];		/* for memory; for the disk, which in want of memory is for pages thrown out before */
	int64_t last_run;
	bool killed;		/* to be told */
	pid_t running;		/* the command; 0 if none */
};

void memory_init(struct memory_watch *watch, char *const *argv);
/* Fills the entry and returns poll's timeout. */
int memory_poll(struct memory_watch *watch, struct pollfd *entry);
void memory_handle(struct memory_watch *watch, const struct pollfd *entry);
/* Waits for a command that still runs: it must not meet the one that this process becomes. */
void memory_end(struct memory_watch *watch);
