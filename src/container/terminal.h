/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operator's end of a terminal: raw mode and back, and bytes carried between descriptors while a process lives.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/error.h"

struct raw_terminal {
	int fd;			/* -1: not raw */
	struct termios before;
};

/* Puts the terminal in raw mode; what is no terminal is left alone. terminal_restore() undoes it. */
void terminal_raw(struct raw_terminal *terminal, int fd);
void terminal_restore(struct raw_terminal *terminal);

/* One way that bytes are carried. At the end of "from", "to" is closed if it is ours. */
struct carry {
	int from, to;
	bool close_to;
};
#define CARRIES_MAX 4

/* Carries until the process behind pidfd has ended and what it wrote is through. Forwards SIGINT, SIGTERM, SIGHUP and
 * SIGQUIT to it, and the size of the terminal on stdin to the one on pty (-1: none) whenever it changes. */
int carry_until_exit(struct carry *carries, size_t count, int pidfd, int pty, struct berth_error *err);
