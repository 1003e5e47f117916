/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth-reaper: process 1 of a container whose program is no init (key init-reaper). It starts the program in a session of its own on the console, hands on every
 * signal that it is sent, reaps what others leave behind, and ends with the program, which ends the container.
 *
 *   berth-reaper PROGRAM [WORD...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Those that a process may be asked with. By the realtime ones an init would be told from a program. */
static const int handed_on[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPWR, SIGWINCH, SIGCONT, SIGALRM };

static pid_t start(char **argv, const sigset_t *signals)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	setsid();
	/* The console is the program's terminal now. */
	ioctl(0, TIOCSCTTY, 1);
	execve(argv[0], argv, environ);
	fprintf(stderr, "berth-reaper: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Everything that has ended. Returns the program's exit status, as a shell says it, or -1 while it runs. */
static int reap(pid_t program)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

int main(int argc, char **argv)
{
	sigset_t signals;
	pid_t program;

	if (argc < 2 || getpid() != 1) {
		fprintf(stderr, "berth-reaper: started by berthctl start only\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++)
		sigaddset(&signals, handed_on[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	program = start(argv + 1, &signals);
	if (program < 0) {
		fprintf(stderr, "berth-reaper: cannot fork: %s\n", strerror(errno));
		return 125;
	}
	for (;;) {
		int number, status = reap(program);

		if (status >= 0)
			return status;
		if (sigwait(&signals, &number) == 0 && number != SIGCHLD)
			kill(program, number);
	}
}
