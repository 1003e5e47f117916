/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <errno.h>

#include "base/packet.h"
#include "base/process.h"
#include "tap.h"

int main(void)
{
	const char *const good[] = { "/bin/sh", "-c", "exit 7", NULL }, *const bad[] = { "/nosuch", NULL };
	const char *const environment[] = { NULL };
	int pair[2], fds[PACKET_FDS_MAX], fd;
	char buffer[16];
	pid_t pid = fork();
	uint64_t started;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	started = process_start_time(pid);
	check(started > 0 && process_start_time(getpid()) > 0, "a process has a start time");
	check(process_start_time(0) == 0 && process_start_time(-1) == 0, "no process has none");
	fd = process_open(pid, started);
	check(fd >= 0, "a process is opened by pid and start time");
	check(process_open(pid, started + 1) == -ESRCH, "not by another start time");
	check(process_open(pid, 0) == -ESRCH && process_open(0, started) == -ESRCH, "not by half of it");
	check(!process_is_gone(fd), "it is there");
	check(process_wait_gone(fd, now_ms() + 50) == -ETIMEDOUT, "waiting for its end meets the deadline");
	kill(pid, SIGKILL);
	check(process_wait_gone(fd, now_ms() + 5000) == 0 && process_is_gone(fd), "its end is seen, before it is reaped");
	check(process_open(pid, started) == -ESRCH, "a zombie is no living process");
	waitpid(pid, NULL, 0);
	close(fd);

	check(process_run(good, environment) == 7, "a program's status is returned");
	check(process_run(bad, environment) < 0, "one that is not there is an error");

	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
	fd = 0;
	check(packet_send(pair[0], "hello", 5, &fd, 1) == 0, "a packet with a descriptor is sent");
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 1000) == 5 && !memcmp(buffer, "hello", 5), "and received");
	check(fds[0] >= 0 && fds[1] == -EBADF, "with its descriptor and no other");
	close(fds[0]);
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 30) == -ETIMEDOUT, "a silent peer meets the deadline");
	close(pair[0]);
	check(packet_receive(pair[1], buffer, sizeof(buffer), fds, now_ms() + 1000) == 0, "a peer that is gone is the end");
	check(packet_send(pair[1], "x", 1, NULL, 0) == -EPIPE, "and cannot be told anything");
	return tap_done();
}
