/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the monitor hears of others than the visitors of its console: of the guest's init (sd_notify), of the kernel's memory files, of the host
 * side of a start. The first byte says which: 'n', 'm', 'r'. Its functions are its own, so its files are taken in here; what they would run is
 * counted instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

static int commands;

static pid_t fuzz_fork(void)
{
	return ++commands;
}

static pid_t fuzz_waitpid(pid_t pid, int *status, int options)
{
	(void)status;
	(void)options;
	return pid;
}

int monitor_main(int argc, char *argv[]);

#define main monitor_main
#define fork fuzz_fork
#define waitpid fuzz_waitpid
#include "monitor/main.c"
#include "monitor/memory.c"
#undef main

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char directory_name[] = "/dev/shm/berth-fuzz.XXXXXX";

static void clean_up(void)
{
	unlinkat(MONITOR_FD_RUN, MONITOR_READY, 0);
	rmdir(directory_name);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int directory, file;

	(void)argc;
	(void)argv;
	must(mkdtemp(directory_name));
	atexit(clean_up);
	directory = open(directory_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int fd = MONITOR_FD_HOST; fd < MONITOR_FD_EVENTS; fd++)
		must(fd == directory || dup2(directory, fd) == fd);
	for (int fd = MONITOR_FD_EVENTS; fd < MONITOR_FD_COUNT; fd++) {
		file = memfd_create("kernel", MFD_CLOEXEC);
		must(file == fd || (dup2(file, fd) == fd && close(file) == 0));
	}
	return 0;
}

/* The part up to the byte 0xff, cut off. */
static size_t part(const uint8_t **data, size_t *size, const uint8_t **ret)
{
	const uint8_t *end = *size ? memchr(*data, 0xff, *size) : NULL;
	size_t length = end ? (size_t)(end - *data) : *size;

	*ret = *data;
	*data += length + (end != NULL);
	*size -= length + (end != NULL);
	return length;
}

/* --- sd_notify ------------------------------------------------------------------------------------------------------------------ */

static bool says_ready(const uint8_t *text, size_t length)
{
	const uint8_t *end = memchr(text, 0, length);

	length = end ? (size_t)(end - text) : length;
	if (length > 4095)
		length = 4095;
	return (length >= 7 && !memcmp(text, "READY=1", 7)) || memmem(text, length, "\nREADY=1", 8);
}

static void notify(const uint8_t *data, size_t size)
{
	struct ear ear = { 0 };
	bool ready = false;
	int pair[2], sent = 0;

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
	ear.socket = pair[1];
	unlinkat(MONITOR_FD_RUN, MONITOR_READY, 0);
	/* As many as a socket holds, and none that is empty: that would be the end of a stream. */
	while (size > 0 && sent < 8) {
		const uint8_t *text;
		size_t length = part(&data, &size, &text);

		if (length == 0)
			continue;
		must(send(pair[0], text, length, MSG_DONTWAIT) == (ssize_t)length);
		ready = ready || says_ready(text, length);
		sent++;
	}
	hear_guest(&ear);
	must(ear.heard <= sent);
	must((faccessat(MONITOR_FD_RUN, MONITOR_READY, F_OK, 0) == 0) == ready);
	close(pair[0]);
	close(pair[1]);
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------- */

static void put(int fd, const uint8_t *text, size_t length)
{
	must(ftruncate(fd, 0) == 0 && pwrite(fd, text, length, 0) == (ssize_t)length);
}

static void watch_memory(const uint8_t *data, size_t size)
{
	static char *argv[] = { "berth-monitor", "c1", "/nonexistent", "", NULL };
	struct pollfd entry;
	struct memory_watch watch;
	const uint8_t *text;
	uint64_t kills;

	commands = 0;
	for (int fd = MONITOR_FD_EVENTS; fd < MONITOR_FD_COUNT; fd++)
		put(fd, (const uint8_t *)"x", 1);
	text = data;
	put(MONITOR_FD_KILLS, text, part(&data, &size, &text));
	lseek(MONITOR_FD_EVENTS, 0, SEEK_SET);
	memory_init(&watch, argv);
	must(watch.events == POLLPRI);
	for (int turn = 0; turn < 12 && size > 0; turn++) {
		static const int files[] = { MONITOR_FD_EVENTS, MONITOR_FD_KILLS, MONITOR_FD_MEMORY_PRESSURE, MONITOR_FD_IO_PRESSURE };
		int timeout, before = commands;

		for (size_t i = 0; i < 4; i++) {
			size_t length = part(&data, &size, &text);

			put(files[i], text, length);
		}
		kills = watch.kills;
		timeout = memory_poll(&watch, &entry);
		must(timeout >= -1 && timeout <= WINDOW_MS);
		entry.revents = turn % 2 ? 0 : POLLPRI;
		/* A window has passed. */
		if (watch.sampled)
			watch.sampled -= WINDOW_MS;
		watch.last_run -= RUN_EVERY_MS;
		memory_handle(&watch, &entry);
		must(watch.kills >= kills && commands - before <= 1);
		must(watch.kills == kills || watch.killed || commands > before);
		for (int i = 0; i < 2; i++)
			must(watch.stalls[i].windows >= 0 && watch.stalls[i].windows < WINDOWS_ENOUGH);
	}
	memory_end(&watch);
}

/* --- the end of a start ---------------------------------------------------------------------------------------------------------- */

static void release(const uint8_t *data, size_t size)
{
	struct stage_message message = { .stage = STAGE_RELEASED }, heard;
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t count = size ? data[0] % 8 : 3;
	int pair[2], given[3];
	enum stage stage = STAGE_FAILED;
	bool released;

	/* The stage as the input has it, or as it should be. */
	if (size > 2) {
		memcpy(&message, data + 2, size - 2 < sizeof(message) ? size - 2 : sizeof(message));
		if (data[1] % 4 == 0)
			message.stage = STAGE_RELEASED;
		part.iov_len = data[1] % 4 == 1 ? size - 2 : sizeof(message);
		if (data[1] % 4 == 1)
			part.iov_base = (void *)(uintptr_t)(data + 2);
	}
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	must(dup2(pair[1], MONITOR_FD_HOST) == MONITOR_FD_HOST);
	close(pair[1]);
	if (count > 0) {
		struct cmsghdr *first;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		first = CMSG_FIRSTHDR(&header);
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memset(CMSG_DATA(first), 0, sizeof(int) * count);
	}
	must(sendmsg(pair[0], &header, MSG_NOSIGNAL) == (ssize_t)part.iov_len);
	released = wait_released(given);
	memcpy(&stage, part.iov_base, part.iov_len < sizeof(stage) ? 0 : sizeof(stage));
	must(released == (count == 3 && part.iov_len >= sizeof(message) && stage == STAGE_RELEASED));
	must(recv(pair[0], &heard, sizeof(heard), 0) == sizeof(heard) && heard.stage == STAGE_READY);
	for (int i = 0; released && i < 3; i++)
		must(fcntl(given[i], F_GETFD) == FD_CLOEXEC);
	/* The monitor that is not released ends, and with it what it was given. */
	syscall(SYS_close_range, MONITOR_FD_COUNT, ~0U, 0);
	must(dup2(MONITOR_FD_RUN, MONITOR_FD_HOST) == MONITOR_FD_HOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] == 'n')
		notify(data + 1, size - 1);
	else if (data[0] == 'm')
		watch_memory(data + 1, size - 1);
	else if (data[0] == 'r')
		release(data + 1, size - 1);
	return 0;
}
