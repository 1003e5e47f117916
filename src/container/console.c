/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A visit to the console that the container's monitor keeps. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/container.h"
#include "container/terminal.h"
#include "monitor/protocol.h"

#define ESCAPE 0x01		/* Ctrl-a; twice sends one */
#define DETACH 'q'

static int visit(const struct container *container, struct berth_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEAN_FD int run = container_run_directory(container, false, err);
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (run < 0)
		return run;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET, run);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return fail(err, BERTH_FAILED, errno, "%s has no console: its monitor is gone; restart it to have one again",
				    container->name);
		return fail_errno(err, "cannot reach the console of %s", container->name);
	}
	return take_fd(&fd);
}

static void send_size(int socket)
{
	char packet[1 + sizeof(struct winsize)] = { CONSOLE_SIZE };
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) < 0)
		return;
	memcpy(packet + 1, &size, sizeof(size));
	(void)!send(socket, packet, sizeof(packet), MSG_NOSIGNAL);
}

/* Sends what was typed. False when the visitor leaves. */
static bool send_typed(int socket, bool *escaped)
{
	char typed[1024], packet[1 + sizeof(typed)] = { CONSOLE_INPUT };
	ssize_t got = read(0, typed, sizeof(typed));
	size_t length = 1;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	for (ssize_t i = 0; i < got; i++) {
		if (*escaped && typed[i] == DETACH)
			return false;
		if (!*escaped && typed[i] == ESCAPE) {
			*escaped = true;
			continue;
		}
		*escaped = false;
		packet[length++] = typed[i];
	}
	return length == 1 || send(socket, packet, length, MSG_NOSIGNAL) >= 0;
}

static int converse(int socket, struct berth_error *err)
{
	bool escaped = false;
	sigset_t resized, before;

	sigemptyset(&resized);
	sigaddset(&resized, SIGWINCH);
	sigprocmask(SIG_BLOCK, &resized, &before);
	CLEAN_FD int signals = signalfd(-1, &resized, SFD_CLOEXEC | SFD_NONBLOCK);
	send_size(socket);
	for (;;) {
		struct pollfd entries[] = {
			{ .fd = 0, .events = POLLIN }, { .fd = socket, .events = POLLIN }, { .fd = signals, .events = POLLIN },
		};
		char output[CONSOLE_PACKET_MAX];

		if (poll(entries, 3, -1) < 0 && errno != EINTR)
			return fail_errno(err, "cannot wait for the console");
		if (entries[2].revents) {
			struct signalfd_siginfo info;

			if (read(signals, &info, sizeof(info)) > 0)
				send_size(socket);
		}
		if (entries[1].revents) {
			ssize_t got = recv(socket, output, sizeof(output), 0);

			if (got <= 0 || write_all(1, output, (size_t)got) < 0)
				break;
		}
		if (entries[0].revents && !send_typed(socket, &escaped))
			break;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}

int berth_console(struct berth *berth, const char *name, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	CLEAN(terminal_restore) struct raw_terminal raw = { .fd = -1 };
	int r = container_open(berth, name, &container, err);

	if (r == 0)
		r = container_require_running(&container, err);
	if (r < 0)
		return r;
	CLEAN_FD int socket = visit(&container, err);
	if (socket < 0)
		return socket;
	terminal_raw(&raw, 0);
	return converse(socket, err);
}
