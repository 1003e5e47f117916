/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth-monitor: the parent of one container's init. It is there to know how init ended, and to keep the console. When
 * init has ended it becomes berthctl, which tears the container down or, after a reboot inside, starts it again.
 *
 * While init runs it also holds the kernel's descriptors of the container's memory, and has berthctl look when they speak.
 *
 * It is not the container's life: killed, the container runs on and every command still works on it. It makes no
 * decision that a command could not make from the kernel and the disk alone.
 *
 *   berth-monitor NAME PROGRAM ROOT     with the descriptors of protocol.h
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "container/stage.h"
#include "monitor/console.h"
#include "monitor/memory.h"
#include "monitor/protocol.h"

/* A guest that reboots sooner than this after its start is made to wait: it would keep a core of the host busy. */
#define REBOOT_LOOP_SECONDS 5
#define REBOOT_LOOP_DELAY 1

#define WAIT_PIDFD ((idtype_t)3)	/* P_PIDFD, Linux 5.4 */

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Every signal but SIGKILL is for someone else: the shell that started us, a logout, a service that stops. Ignored and not
 * blocked, for a blocked one would wait for us and end the command that we become. */
static void set_signals(void (*action)(int))
{
	for (int number = 1; number < NSIG; number++)
		if (number != SIGCHLD)
			signal(number, action);
}

/* Waits until the host side of the start releases the container. False: it died or gave up. */
static bool wait_released(int descriptors[static 3])
{
	struct stage_message message = { .stage = STAGE_READY };
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *given;
	ssize_t got;

	if (send(MONITOR_FD_HOST, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return false;
	do
		got = recvmsg(MONITOR_FD_HOST, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	close(MONITOR_FD_HOST);
	if (got != sizeof(message) || message.stage != STAGE_RELEASED)
		return false;
	given = CMSG_FIRSTHDR(&header);
	if (!given || given->cmsg_type != SCM_RIGHTS || given->cmsg_len != CMSG_LEN(3 * sizeof(int)))
		return false;
	memcpy(descriptors, CMSG_DATA(given), 3 * sizeof(int));
	return true;
}

/* A guest that says more than this in a second waits for the next: what is read of it is not charged to it. An init says some dozens in all. */
#define HEARD_A_SECOND 200

/* What the guest's init says of itself, and where and how much of it was heard in this second. */
struct ear {
	int socket;
	time_t second;
	int heard;
};

static bool is_listening(struct ear *ear)
{
	if (ear->second != seconds()) {
		ear->second = seconds();
		ear->heard = 0;
	}
	return ear->heard < HEARD_A_SECOND;
}

/* Only one thing of it matters; any process of the guest's root can say it, of its own guest. */
static void hear_guest(struct ear *ear)
{
	char text[4096];
	ssize_t got;

	while (is_listening(ear) && (got = recv(ear->socket, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
		ear->heard++;
		text[got] = '\0';
		if (!strncmp(text, "READY=1", 7) || strstr(text, "\nREADY=1")) {
			int file = openat(MONITOR_FD_RUN, MONITOR_READY, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

			if (file >= 0)
				close(file);
		}
	}
}

/* The end of init. A zombie of anything else (a process the guest's init left to us when it died) is taken along. */
static void reap(siginfo_t *info)
{
	while (waitid(WAIT_PIDFD, MONITOR_FD_INIT, info, WEXITED) < 0 && errno == EINTR)
		;
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

static void serve(struct console *console, struct memory_watch *memory, struct ear *ear)
{
	for (;;) {
		bool listening = is_listening(ear);
		struct pollfd entries[3 + VISITORS_MAX + 2] = {
			{ .fd = MONITOR_FD_INIT, .events = POLLIN }, { .fd = listening ? ear->socket : -1, .events = POLLIN },
		};
		int timeout = memory_poll(memory, entries + 2);
		int count = console_poll(console, entries + 3, &timeout);

		if (!listening && (timeout < 0 || timeout > 500))
			timeout = 500;
		if (poll(entries, 3 + (nfds_t)count, timeout) < 0)
			continue;
		if (entries[1].revents)
			hear_guest(ear);
		memory_handle(memory, entries + 2);
		console_handle(console, entries + 3, count);
		if (entries[0].revents)
			return;
	}
}

/* Becomes the command that deals with the end. What it has to say goes to the console's log. */
static int become_command(char *const argv[], int log, const char *verb, const char *how)
{
	char *command[] = { "berthctl", "--root", argv[3][0] ? argv[3] : "/", (char *)(unsigned long)verb, argv[1],
			    (char *)(unsigned long)how, NULL };
	if (log >= 0) {
		dup2(log, 1);
		dup2(log, 2);
	}
	syscall(SYS_close_range, 3, ~0U, 0);
	set_signals(SIG_DFL);
	execv(argv[2], command);
	return 1;
}

int main(int argc, char *argv[])
{
	struct console console = { .log = -1 };
	struct memory_watch memory;
	int given[3] = { -1, -1, -1 };		/* the console's ends, and where the guest's init speaks */
	siginfo_t info = { 0 };
	bool reboot;
	time_t released;

	if (argc != 4 || fcntl(MONITOR_FD_INIT, F_GETFD) < 0) {
		fprintf(stderr, "berth-monitor: started by berthctl start only\n");
		return 2;
	}
	set_signals(SIG_IGN);
	fcntl(MONITOR_FD_INIT, F_SETFD, FD_CLOEXEC);
	if (!wait_released(given)) {
		/* The start died half-way. The container side ends by itself when its socket does; this is for one that hangs. */
		syscall(SYS_pidfd_send_signal, MONITOR_FD_INIT, SIGKILL, NULL, 0);
		reap(&info);
		return become_command(argv, -1, "recover", NULL);
	}
	released = seconds();
	console_init(&console, given[0], given[1], MONITOR_FD_LISTENER, MONITOR_FD_DIRECTORY);
	memory_init(&memory, argv);
	serve(&console, &memory, &(struct ear){ .socket = given[2] });
	memory_end(&memory);
	reap(&info);
	console_drain(&console);

	/* reboot(2) in a pid namespace ends its init by SIGHUP for a restart and by SIGINT for halt and power-off. */
	reboot = info.si_code == CLD_KILLED && info.si_status == SIGHUP;
	if (reboot && seconds() - released < REBOOT_LOOP_SECONDS)
		sleep(REBOOT_LOOP_DELAY);
	return become_command(argv, console.log, "after-exit", reboot ? "reboot" : "halt");
}
