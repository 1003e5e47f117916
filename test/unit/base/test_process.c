/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "tap.h"

static int run(const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL }, *const environment[] = { "SAID=7", NULL };

	return process_run(argv, environment);
}

static void test_open(void)
{
	uint64_t started, own = process_start_time(getpid());
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	started = process_start_time(pid);
	check(started > 0 && own > 0 && started >= own, "a process has a start time, not before its parent's");
	check(process_start_time(0) == 0 && process_start_time(-1) == 0 && process_start_time(INT_MAX) == 0, "no process has none");
	/* The name is the program's choice: it can look like the fields that follow it. */
	prctl(PR_SET_NAME, ") R 1 2 (x) 3 4");
	check(process_start_time(getpid()) == own, "a name that looks like fields does not shift them");
	prctl(PR_SET_NAME, "a b\n) S 1");
	check(process_start_time(getpid()) == own, "nor does one with a newline");
	fd = process_open(pid, started);
	check(fd >= 0, "a process is opened by pid and start time");
	check(process_open(pid, started + 1) == -ESRCH && process_open(pid, started - 1) == -ESRCH, "not by another start time");
	check(process_open(pid, 0) == -ESRCH && process_open(0, started) == -ESRCH && process_open(-1, started) == -ESRCH, "not by half of it");
	check(!process_is_gone(fd), "it is there");
	check(process_wait_gone(fd, now_ms() + 50) == -ETIMEDOUT, "waiting for its end meets the deadline");
	check(process_wait_gone(fd, now_ms() - 50) == -ETIMEDOUT, "also one that has passed");
	kill(pid, SIGKILL);
	check(process_wait_gone(fd, now_ms() + 5000) == 0 && process_is_gone(fd), "its end is seen, before it is reaped");
	check(process_open(pid, started) == -ESRCH, "a zombie is no living process");
	waitpid(pid, NULL, 0);
	check(process_wait_gone(fd, NO_DEADLINE) == 0, "and its end is still seen afterwards");
	check(process_open(pid, started) == -ESRCH && process_start_time(pid) == 0, "a reaped process is none");
	close(fd);
}

static void test_run(void)
{
	const char *const bad[] = { "/nosuch", NULL }, *const environment[] = { NULL };

	check(run("exit 0") == 0 && run("exit 7") == 7, "a program's status is returned");
	check(run("kill -9 $$") == 128 + SIGKILL, "one that was killed gives the signal");
	check(run("exit $SAID") == 7 && run("test -z \"$HOME\"") == 0, "it has the environment it was given and no other");
	check(run("read line") == 1, "its stdin is at its end");
	check(process_run(bad, environment) == -ENOENT, "one that is not there is an error");
}

static void test_deadline(void)
{
	int64_t begin = now_ms();

	check(deadline_left(NO_DEADLINE) == -1, "no deadline is poll's -1");
	check(deadline_left(begin - 1000) == 0 && deadline_left(0) == 0 && deadline_left(INT64_MIN / 2) == 0, "a passed one is 0");
	check(deadline_left(begin + 1000) > 0 && deadline_left(begin + 1000) <= 1000, "else what is left");
	check(deadline_left(begin + INT64_C(1000) * INT_MAX) == INT_MAX, "as far as poll can count");
	sleep_ms(20);
	check(now_ms() >= begin + 20, "sleep takes its time");
}

int main(void)
{
	test_open();
	test_run();
	test_deadline();
	return tap_done();
}
