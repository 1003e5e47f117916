/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/stage.h"

#include <string.h>

#include "base/error.h"
#include "base/packet.h"

void stage_fail(int socket, const struct berth_error *error)
{
	struct stage_message message = { .stage = STAGE_FAILED, .error = *error };

	(void)packet_send(socket, &message, sizeof(message), NULL, 0);
}

int stage_send(int socket, enum stage stage, pid_t pid, const int *fds, size_t count, const char *who,
	       struct berth_error *err)
{
	struct stage_message message = { .stage = stage, .pid = pid };
	int r = packet_send(socket, &message, sizeof(message), fds, count);

	return r < 0 ? fail(err, BERTH_FAILED, -r, "%s is gone", who) : 0;
}

int stage_wait(int socket, enum stage stage, struct stage_message *message, int fds[static 4], int64_t deadline,
	       const char *who, struct berth_error *err)
{
	ssize_t got = packet_receive(socket, message, sizeof(*message), fds, deadline);

	if (got == -ETIMEDOUT)
		return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "%s does not answer", who);
	if (got < 0)
		return fail(err, BERTH_FAILED, (int)-got, "cannot hear %s: %s", who, strerror((int)-got));
	if (got == 0)
		return fail(err, BERTH_FAILED, EPIPE, "%s died", who);
	if (got == sizeof(*message) && message->stage == STAGE_FAILED) {
		*err = message->error;
		err->text[sizeof(err->text) - 1] = '\0';
		return -(err->code > 0 ? err->code : EIO);
	}
	if (got != sizeof(*message) || message->stage != stage)
		return fail(err, BERTH_FAILED, EPROTO, "%s sent an unexpected message", who);
	return 0;
}
