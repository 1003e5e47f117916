/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "monitor/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "monitor/protocol.h"

/* As fast as a terminal can be read by far, and little work. */
#define BYTES_A_SECOND (1024 * 1024)

/* How much of the past a new visitor is shown. */
#define BACKLOG 4096

static void open_log(struct console *console)
{
	struct stat st;

	console->log = openat(console->directory, CONSOLE_LOG, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	console->log_size = console->log >= 0 && fstat(console->log, &st) == 0 ? (long)st.st_size : 0;
}

void console_init(struct console *console, int master, int slave, int listener, int directory)
{
	console->master = master;
	console->slave = slave;
	console->listener = listener;
	console->directory = directory;
	for (int i = 0; i < VISITORS_MAX; i++)
		console->visitors[i] = -1;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	open_log(console);
}

static void write_log(struct console *console, const char *data, size_t length)
{
	if (console->log_size + (long)length > CONSOLE_LOG_MAX) {
		if (console->log >= 0)
			close(console->log);
		renameat(console->directory, CONSOLE_LOG, console->directory, CONSOLE_LOG_OLD);
		open_log(console);
	}
	/* A full disk loses console output; the guest does not wait for it. Later there may be room again. */
	if (console->log < 0)
		open_log(console);
	if (console->log >= 0 && write(console->log, data, length) > 0)
		console->log_size += (long)length;
}

static void drop_visitor(struct console *console, int i)
{
	close(console->visitors[i]);
	console->visitors[i] = -1;
}

static void show(struct console *console, const char *data, size_t length)
{
	for (int i = 0; i < VISITORS_MAX; i++) {
		if (console->visitors[i] < 0)
			continue;
		/* A visitor that does not keep up misses output rather than holding up the others and the guest. */
		if (send(console->visitors[i], data, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			drop_visitor(console, i);
	}
}

static bool read_guest(struct console *console)
{
	char buffer[CONSOLE_PACKET_MAX];
	ssize_t got = read(console->master, buffer, sizeof(buffer));

	if (got <= 0)
		return false;
	console->taken += got;
	write_log(console, buffer, (size_t)got);
	show(console, buffer, (size_t)got);
	return true;
}

static void admit(struct console *console)
{
	static const char full[] = "the console has as many visitors as it takes\r\n";
	char backlog[BACKLOG];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(console->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ssize_t got = 0;

	if (fd < 0)
		return;
	/* The socket's directory is root's alone; this is for an fd that someone passed on. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0) {
		close(fd);
		return;
	}
	for (int i = 0; i < VISITORS_MAX; i++) {
		if (console->visitors[i] >= 0)
			continue;
		console->visitors[i] = fd;
		if (console->log >= 0)
			got = pread(console->log, backlog, sizeof(backlog),
				    console->log_size > BACKLOG ? console->log_size - BACKLOG : 0);
		if (got > 0)
			send(fd, backlog, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void hear(struct console *console, int i)
{
	char packet[CONSOLE_PACKET_MAX];
	ssize_t got = recv(console->visitors[i], packet, sizeof(packet), MSG_DONTWAIT);
	struct winsize size;

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop_visitor(console, i);
		return;
	}
	if (packet[0] == CONSOLE_INPUT && got > 1) {
		/* Non-blocking: a guest that never reads its console loses what is typed. */
		if (write(console->master, packet + 1, (size_t)got - 1) < 0)
			return;
	}
	if (packet[0] == CONSOLE_SIZE && got == 1 + (ssize_t)sizeof(size)) {
		__builtin_memcpy(&size, packet + 1, sizeof(size));
		ioctl(console->master, TIOCSWINSZ, &size);
	}
}

int console_poll(struct console *console, struct pollfd *entries, int *timeout)
{
	struct timespec now;
	int count = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (console->second != now.tv_sec) {
		console->second = now.tv_sec;
		console->taken = 0;
	}
	bool enough = console->taken >= BYTES_A_SECOND;
	if (enough && (*timeout < 0 || *timeout > 100))
		*timeout = 100;
	entries[count++] = (struct pollfd){ .fd = enough ? -1 : console->master, .events = POLLIN };
	entries[count++] = (struct pollfd){ .fd = console->listener, .events = POLLIN };
	for (int i = 0; i < VISITORS_MAX; i++)
		if (console->visitors[i] >= 0)
			entries[count++] = (struct pollfd){ .fd = console->visitors[i], .events = POLLIN };
	return count;
}

void console_handle(struct console *console, const struct pollfd *entries, int count)
{
	if (entries[0].revents)
		read_guest(console);
	for (int e = 2; e < count; e++)
		for (int i = 0; entries[e].revents && i < VISITORS_MAX; i++)
			if (console->visitors[i] == entries[e].fd)
				hear(console, i);
	/* Last: a new visitor could get the number of one that just left. */
	if (entries[1].revents)
		admit(console);
}

void console_drain(struct console *console)
{
	for (int i = 0; i < 64 && read_guest(console); i++)
		;
}
