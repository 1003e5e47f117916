/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The packets between the sides of a start, with descriptors. The first byte is how many there are, the second which stage is waited for. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/packet.h"
#include "container/stage.h"
#include "fuzz.h"

/* More descriptors than packet_send() would take. */
static void send_raw(int socket, const void *data, size_t size, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memset(CMSG_DATA(header), 0, sizeof(int) * count);
	}
	must(sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

static void check_descriptors(const int *fds, size_t sent)
{
	for (size_t i = 0; i < PACKET_FDS_MAX; i++) {
		must((fds[i] >= 0) == (i < sent));
		if (fds[i] < 0)
			continue;
		must(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		close(fds[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage_message message;
	struct berth_error err;
	int pair[2], fds[PACKET_FDS_MAX], r;
	size_t count;
	enum stage stage;
	char *buffer;

	/* An empty packet is the peer's end. */
	if (size < 3)
		return 0;
	count = data[0] % 9;
	stage = (enum stage)(data[1] % 6);
	data += 2;
	size -= 2;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);

	/* A buffer of just that size: a byte more would be found out. */
	buffer = malloc(size / 2 + 1);
	must(buffer);
	send_raw(pair[0], data, size, count);
	must(packet_receive(pair[1], buffer, size / 2 + 1, fds, 0) == (ssize_t)(size / 2 + 1 < size ? size / 2 + 1 : size));
	must(!memcmp(buffer, data, size / 2 + 1 < size ? size / 2 + 1 : size));
	check_descriptors(fds, count);
	free(buffer);

	send_raw(pair[0], data, size, count);
	r = stage_wait(pair[1], stage, &message, fds, 0, "the fuzzer", &err);
	must(r <= 0);
	if (r == 0)
		must(size >= sizeof(message) && message.stage == stage);
	else
		must(memchr(err.text, 0, sizeof(err.text)));
	check_descriptors(fds, count);

	/* Whole messages, with what the input gives as content: the error that comes out is the one that went in. */
	message = (struct stage_message){ .stage = STAGE_FAILED };
	memcpy(&message.error, data, size < sizeof(message.error) ? size : sizeof(message.error));
	send_raw(pair[0], &message, sizeof(message), count);
	r = stage_wait(pair[1], stage, &message, fds, 0, "the fuzzer", &err);
	must(r < 0 && memchr(err.text, 0, sizeof(err.text)));
	check_descriptors(fds, count);
	must(stage_send(pair[0], stage, 77, (const int[]){ 0, 1, 2, 0 }, count % 5, "the fuzzer", &err) == 0);
	if (stage != STAGE_FAILED) {
		must(stage_wait(pair[1], stage, &message, fds, 0, "the fuzzer", &err) == 0 && message.pid == 77);
		check_descriptors(fds, count % 5);
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}
