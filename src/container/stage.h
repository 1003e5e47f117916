/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packets between the sides of a start (SOCK_SEQPACKET). start.h has the picture of who sends which.
 */
#pragma once

#include <stdint.h>

#include "berth.h"

enum stage { STAGE_BORN = 1, STAGE_MAPPED, STAGE_READY, STAGE_RELEASED, STAGE_FAILED };

struct stage_message {
	enum stage stage;
	pid_t pid;			/* STAGE_BORN: in the host's numbers */
	struct berth_error error;	/* STAGE_FAILED */
};

/* Tells the other side why this one stops. */
void stage_fail(int socket, const struct berth_error *error);

/* Waits for a stage with its descriptors. -EPIPE in *err when the other side is gone; its own words if it sent any. */
int stage_wait(int socket, enum stage stage, struct stage_message *message, int fds[static 4], int64_t deadline,
	       const char *who, struct berth_error *err);
int stage_send(int socket, enum stage stage, pid_t pid, const int *fds, size_t count, const char *who,
	       struct berth_error *err);
