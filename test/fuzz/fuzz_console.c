/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console's socket: visitors that come, send packets of any content, read or do not, and leave; a guest that writes and reads.
 * The input is a list of "what, who, length, bytes". Run by root, who alone is answered.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "fuzz.h"
#include "monitor/console.h"
#include "monitor/protocol.h"

#define CLIENTS 12

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char directory_name[] = "/dev/shm/berth-fuzz.XXXXXX";
static int directory, listener, master, slave, clients[CLIENTS];
static struct sockaddr_un address;
static socklen_t address_length = sizeof(address);
static struct console console;

static void remove_logs(void)
{
	unlinkat(directory, CONSOLE_LOG, 0);
	unlinkat(directory, CONSOLE_LOG_OLD, 0);
}

static void clean_up(void)
{
	remove_logs();
	rmdir(directory_name);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	struct termios raw;

	(void)argc;
	(void)argv;
	must(mkdtemp(directory_name));
	atexit(clean_up);
	directory = open(directory_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The kernel chooses an abstract name. */
	must(bind(listener, (struct sockaddr *)&any, sizeof(sa_family_t)) == 0 && listen(listener, CLIENTS) == 0);
	must(getsockname(listener, (struct sockaddr *)&address, &address_length) == 0);
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	must(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	must(slave >= 0 && tcgetattr(slave, &raw) == 0);
	cfmakeraw(&raw);
	must(tcsetattr(slave, TCSANOW, &raw) == 0);
	return 0;
}

static void turn(int timeout)
{
	struct pollfd entries[2 + VISITORS_MAX];
	int count = console_poll(&console, entries, &timeout);
	struct stat st;

	must(count >= 2 && count <= 2 + VISITORS_MAX);
	if (poll(entries, (nfds_t)count, timeout) > 0)
		console_handle(&console, entries, count);
	must(console.log >= 0 && fstat(console.log, &st) == 0 && st.st_size == console.log_size && console.log_size <= CONSOLE_LOG_MAX);
}

/* All that is waiting. What the kernel passes on by a worker of its own may take a moment. */
static size_t read_slave(char *buffer, size_t size, size_t wanted)
{
	size_t length = 0;

	for (;;) {
		struct pollfd entry = { .fd = slave, .events = POLLIN };
		ssize_t got;

		if (poll(&entry, 1, length < wanted ? 2000 : 0) <= 0)
			return length;
		got = read(slave, buffer + length, size - length);
		if (got <= 0)
			return length;
		length += (size_t)got;
	}
}

static void type(int client, const uint8_t *data, size_t length)
{
	char packet[256] = { CONSOLE_INPUT }, heard[8192];

	if (length == 0)
		return;
	read_slave(heard, sizeof(heard), 0);
	memcpy(packet + 1, data, length);
	/* It may be one that was not let in. */
	if (send(client, packet, length + 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	for (int i = 0; i < VISITORS_MAX; i++)
		turn(0);
	if (recv(client, heard, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
		return;
	must(read_slave(heard, sizeof(heard), length) == length && !memcmp(heard, data, length));
}

static void resize(int client, const uint8_t *data, size_t length)
{
	char packet[1 + sizeof(struct winsize)] = { CONSOLE_SIZE };
	struct winsize now;

	memcpy(packet + 1, data, length < sizeof(now) ? length : sizeof(now));
	if (send(client, packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	for (int i = 0; i < VISITORS_MAX; i++)
		turn(0);
	must(ioctl(slave, TIOCGWINSZ, &now) == 0);
	must(!memcmp(&now, packet + 1, sizeof(now)) || recv(client, packet, 1, MSG_DONTWAIT | MSG_PEEK) == 0);
}

static void step(uint8_t what, int *client, const uint8_t *data, size_t length)
{
	char buffer[8192];

	switch (what % 8) {
	case 0:
		if (*client >= 0)
			break;
		*client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		must(*client >= 0 && connect(*client, (struct sockaddr *)&address, address_length) == 0);
		break;
	case 1:
		if (*client >= 0 && length > 0)
			(void)!send(*client, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 2:
		if (*client >= 0)
			type(*client, data, length);
		break;
	case 3:
		if (*client >= 0)
			resize(*client, data, length);
		break;
	case 4:
		if (*client >= 0)
			close(*client);
		*client = -1;
		break;
	case 5:
		/* Much of it now and then, for the log to turn over. */
		for (int i = 0; length > 0 && i < (length == 255 ? 1200 : 1); i++) {
			(void)!write(slave, data, length);
			turn(1);
		}
		break;
	case 6:
		read_slave(buffer, sizeof(buffer), 0);
		break;
	default:
		while (*client >= 0 && recv(*client, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
			;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	remove_logs();
	console_init(&console, master, slave, listener, directory);
	must(console.log >= 0 && console.log_size == 0);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = -1;
	while (size >= 3) {
		size_t length = data[2] < size - 3 ? data[2] : size - 3;

		step(data[0], &clients[data[1] % CLIENTS], data + 3, length);
		turn(0);
		data += 3 + length;
		size -= 3 + length;
	}
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i] >= 0)
			close(clients[i]);
	/* Those who left are noticed, all of them: as many turns as are waiting to be let in, and one. */
	for (int i = 0; i < CLIENTS + 2; i++)
		turn(0);
	for (int i = 0; i < VISITORS_MAX; i++)
		must(console.visitors[i] < 0);
	console_drain(&console);
	tcflush(slave, TCIOFLUSH);
	close(console.log);
	return 0;
}
