/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console's side of the monitor: the terminal's master, the bounded log on disk, the visitors.
 * Nothing in here may end the monitor: a full disk, a slow or hostile visitor, a guest that never reads cost output only.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>

#define VISITORS_MAX 8

struct console {
	int master;		/* non-blocking */
	int slave;		/* held, so that the master does not hang up when the guest closes its last copy */
	int listener;
	int directory;		/* where the log is */
	int log;		/* -1 when it cannot be written */
	long log_size;
	int visitors[VISITORS_MAX];	/* -1 is free */
	long second, taken;	/* bytes of the guest's in this second */
};

void console_init(struct console *console, int master, int slave, int listener, int directory);

/* Fills entries for poll(2) and returns their number, at most 2 + VISITORS_MAX. Lowers *timeout (-1 is none) when the guest has written enough for this second: the work is not
 * in its limits. It waits then, as at a slow line. */
int console_poll(struct console *console, struct pollfd *entries, int *timeout);

/* Does what poll said: output to log and visitors, input to the terminal, new visitors. */
void console_handle(struct console *console, const struct pollfd *entries, int count);

/* Takes what the guest still had written. */
void console_drain(struct console *console);
