/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "base/file.h"

void terminal_raw(struct raw_terminal *terminal, int fd)
{
	struct termios raw;

	terminal->fd = -1;
	if (tcgetattr(fd, &terminal->before) < 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) == 0)
		terminal->fd = fd;
}

void terminal_restore(struct raw_terminal *terminal)
{
	if (terminal->fd >= 0)
		tcsetattr(terminal->fd, TCSADRAIN, &terminal->before);
	terminal->fd = -1;
}

static void copy_size(int pty)
{
	struct winsize size;

	if (pty >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
		ioctl(pty, TIOCSWINSZ, &size);
}

/* False when there is nothing more to come this way. */
static bool carry_some(struct carry *carry)
{
	char buffer[16384];
	ssize_t got = read(carry->from, buffer, sizeof(buffer));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	/* EIO: a terminal whose other side is closed. */
	if (got <= 0 || write_all(carry->to, buffer, (size_t)got) < 0) {
		if (carry->close_to)
			close(carry->to);
		carry->from = -1;
		return false;
	}
	return true;
}

/* What is in the pipes when the process has ended: it is all there, nothing more is waited for. */
static void drain(struct carry *carries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pollfd ready = { .fd = carries[i].from, .events = POLLIN };

		while (carries[i].from > 0 && poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) && carry_some(&carries[i]))
			;
	}
}

int carry_until_exit(struct carry *carries, size_t count, int pidfd, int pty, struct berth_error *err)
{
	struct pollfd entries[CARRIES_MAX + 2];
	sigset_t watched, before;
	int r = 0;

	sigemptyset(&watched);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGHUP);
	sigaddset(&watched, SIGQUIT);
	sigaddset(&watched, SIGWINCH);
	sigprocmask(SIG_BLOCK, &watched, &before);
	CLEAN_FD int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		r = fail_errno(err, "cannot watch signals");
	copy_size(pty);
	while (r == 0) {
		for (size_t i = 0; i < count; i++)
			entries[i] = (struct pollfd){ .fd = carries[i].from, .events = POLLIN };
		entries[count] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
		entries[count + 1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		if (poll(entries, count + 2, -1) < 0 && errno != EINTR) {
			r = fail_errno(err, "cannot wait for the command");
			break;
		}
		for (size_t i = 0; i < count; i++)
			if (entries[i].revents)
				(void)carry_some(&carries[i]);
		if (entries[count + 1].revents) {
			struct signalfd_siginfo info;

			if (read(signals, &info, sizeof(info)) == sizeof(info)) {
				if (info.ssi_signo == SIGWINCH)
					copy_size(pty);
				else
					(void)pidfd_send_signal(pidfd, (int)info.ssi_signo, NULL, 0);
			}
		}
		if (entries[count].revents) {
			drain(carries, count);
			break;
		}
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
