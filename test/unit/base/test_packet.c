/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/packet.h"
#include "base/process.h"
#include "tap.h"

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int main(void)
{
	int pair[2], fds[PACKET_FDS_MAX], sent[PACKET_FDS_MAX], good = 0;
	int64_t begin;
	char buffer[16];

	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
	check(packet_send(pair[0], "hello", 5, NULL, 0) == 0 && packet_send(pair[0], "you", 3, NULL, 0) == 0, "two packets are sent");
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 1000) == 5 && !memcmp(buffer, "hello", 5), "the first is received alone");
	check(fds[0] == -EBADF && fds[PACKET_FDS_MAX - 1] == -EBADF, "without descriptors");
	check(packet_receive(pair[1], buffer, 2, fds, NO_DEADLINE) == 2 && !memcmp(buffer, "yo", 2), "what does not fit is cut");
	begin = now_ms();
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, begin + 40) == -ETIMEDOUT && now_ms() >= begin + 40, "and does not come later; silence meets the deadline");
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, begin - 1) == -ETIMEDOUT, "a deadline that has passed is not waited for");

	for (int i = 0; i < PACKET_FDS_MAX; i++)
		sent[i] = open(i % 2 ? "/" : "/dev/null", O_RDONLY);
	check(packet_send(pair[0], "x", 1, sent, PACKET_FDS_MAX) == 0, "as many descriptors as there can be are sent");
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 1000) == 1, "and received");
	for (int i = 0; i < PACKET_FDS_MAX; i++) {
		good += fds[i] >= 0 && fds[i] != sent[i] && same_file(fds[i], sent[i]) && (fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		check(fcntl(sent[i], F_GETFD) >= 0, "sent descriptor %d is still the sender's", i);
		close(fds[i]);
		close(sent[i]);
	}
	check(good == PACKET_FDS_MAX, "each is the file that was sent, in order, close-on-exec");

	check(packet_send(pair[0], "last", 4, NULL, 0) == 0, "a last packet");
	close(pair[0]);
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 1000) == 4, "is received though its sender is gone");
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, NO_DEADLINE) == 0, "a peer that is gone is the end, at once");
	check(packet_send(pair[1], "x", 1, NULL, 0) == -EPIPE, "and cannot be told anything");
	close(pair[1]);
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 10) < 0, "no socket is an error");
	return tap_done();
}
