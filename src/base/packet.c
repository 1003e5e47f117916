/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/process.h"

int packet_send(int socket, const void *data, size_t length, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

ssize_t packet_receive(int socket, void *data, size_t size, int fds[static PACKET_FDS_MAX], int64_t deadline)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	struct pollfd poller = { .fd = socket, .events = POLLIN };
	ssize_t got;

	for (int i = 0; i < PACKET_FDS_MAX; i++)
		fds[i] = -EBADF;
	for (;;) {
		int ready = poll(&poller, 1, deadline_left(deadline));

		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return -errno;
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
		if (got >= 0)
			break;
		if (errno == ECONNRESET)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(header), (count < PACKET_FDS_MAX ? count : PACKET_FDS_MAX) * sizeof(int));
	}
	return got;
}
