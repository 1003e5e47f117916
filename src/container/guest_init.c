/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "container/exec.h"
#include "monitor/protocol.h"

static bool signal_in(pid_t pid, const char *set, int number)
{
	char path[32], status[4096];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (read_small_at(AT_FDCWD, path, status, sizeof(status)) < 0)
		return false;
	line = strstr(status, set);
	return line && (strtoull(line + strlen(set), NULL, 16) >> (number - 1) & 1);
}

static void program_name(pid_t pid, char name[static 64])
{
	char path[32], target[4096];
	ssize_t length;
	const char *slash;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, 64, "%.63s", slash ? slash + 1 : target);
}

static bool heeds(pid_t init, int number)
{
	return signal_in(init, "\nSigCgt:", number) || signal_in(init, "\nSigBlk:", number);
}

enum kind { KIND_OTHER, KIND_SYSTEMD, KIND_BUSYBOX, KIND_SYSVINIT, KIND_OPENRC, KIND_RUNIT, KIND_SUPERVISOR, KIND_REAPER };

static enum kind kind_of(pid_t init)
{
	static const struct { const char *program; enum kind kind; } known[] = {
		{ "systemd", KIND_SYSTEMD }, { "openrc-init", KIND_OPENRC }, { "runit-init", KIND_RUNIT }, { "runit", KIND_RUNIT }, { "init", KIND_SYSVINIT },
		{ "sysvinit", KIND_SYSVINIT }, { "s6-svscan", KIND_SUPERVISOR }, { "dinit", KIND_SUPERVISOR }, { "berth-reaper", KIND_REAPER },
	};
	char program[64];

	program_name(init, program);
	if (!strncmp(program, "busybox", 7))
		return KIND_BUSYBOX;
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (!strcmp(program, known[i].program))
			return known[i].kind;
	/* systemd reads its commands by signalfd, so they are blocked; others that act as it does do the same. (SIGRTMIN is libc's here and in systemd.) */
	return heeds(init, SIGRTMIN + 3) ? KIND_SYSTEMD : KIND_OTHER;
}

/* The signal that means power off, or 0. */
static int signal_of(enum kind kind, pid_t init)
{
	switch (kind) {
	case KIND_SYSTEMD:
		/* Just after its exec it is not so far yet: the next look finds it. */
		return heeds(init, SIGRTMIN + 3) ? SIGRTMIN + 3 : 0;
	case KIND_REAPER:
		return SIGTERM;
	case KIND_BUSYBOX:
		/* USR1 halts, USR2 powers off, TERM reboots. It blocks them and waits, or catches them. */
		return heeds(init, SIGUSR2) ? SIGUSR2 : 0;
	case KIND_OTHER:
		/* An init that takes power failure as the order to go down; else a plain program. */
		return heeds(init, SIGPWR) ? SIGPWR : signal_in(init, "\nSigCgt:", SIGTERM) ? SIGTERM : 0;
	default:
		return 0;
	}
}

/* Their own command, where there is no signal that means power off whatever the configuration says. */
static const char *const *command_of(enum kind kind)
{
	static const char *const zero[] = { "/sbin/init", "0", NULL }, *const openrc[] = { "/sbin/openrc-shutdown", "-p", "now", NULL },
		*const plain[] = { "/sbin/poweroff", NULL };

	switch (kind) {
	case KIND_SYSVINIT:
	case KIND_RUNIT:
		return zero;
	case KIND_OPENRC:
		return openrc;
	case KIND_SUPERVISOR:
		return plain;
	default:
		return NULL;
	}
}

int guest_init_ask(struct container *container, int init, int64_t deadline, struct berth_error *err)
{
	pid_t pid = container->state.init.pid;
	enum kind kind = kind_of(pid);
	const char *const *command = command_of(kind);
	int number = signal_of(kind, pid);
	struct berth_error ignored;

	if (number) {
		if (pidfd_send_signal(init, number, NULL, 0) < 0 && errno != ESRCH)
			return fail_errno(err, "cannot signal the init of %s", container->name);
		return 1;
	}
	if (!command)
		return 0;
	/* A guest in which nothing can run any more is not asked. Whether it obeys is seen by its end. */
	(void)exec_quietly(container, command, deadline, &ignored);
	return 1;
}

/* --- ready ----------------------------------------------------------------------------------------------------------------------- */

static bool has_child(pid_t pid, const char *const *names)
{
	char path[64], children[4096], *rest = children, *word;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (read_small_at(AT_FDCWD, path, children, sizeof(children)) < 0)
		return false;
	while ((word = strsep(&rest, " "))) {
		char name[64];

		if (!*word)
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", word);
		if (read_small_at(AT_FDCWD, path, name, sizeof(name)) < 0)
			continue;
		for (const char *const *one = names; *one; one++)
			if (!strcmp(name, *one))
				return true;
	}
	return false;
}

/* openrc-init waits for orders, in open(2) of its fifo, when it has reached its runlevel; before, it waits for its children. (Nothing is looked up in the guest's own
 * mounts: a FUSE filesystem of its there could hold us for ever.) */
static bool waits_for_orders(pid_t pid)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	return read_small_at(AT_FDCWD, path, text, sizeof(text)) >= 0 && strtol(text, NULL, 10) == SYS_openat;
}

bool guest_init_is_ready(const struct container *container)
{
	/* What is respawned comes when all that is waited for has been run. */
	static const char *const logins[] = { "getty", "agetty", "mingetty", "login", NULL }, *const supervisors[] = { "runsvdir", NULL };
	pid_t pid = container->state.init.pid;
	struct berth_error ignored;
	CLEAN_FD int run = container_run_directory(container, false, &ignored);

	if (run >= 0 && faccessat(run, MONITOR_READY, F_OK, 0) == 0)
		return true;
	switch (kind_of(pid)) {
	case KIND_SYSTEMD:
		return false;
	case KIND_RUNIT:
		return has_child(pid, supervisors);
	case KIND_OPENRC:
		return waits_for_orders(pid);
	case KIND_BUSYBOX:
	case KIND_SYSVINIT:
		return has_child(pid, logins);
	default:
		/* A program that says nothing is as far as it will say. */
		return true;
	}
}
