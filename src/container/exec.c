/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host side of exec and enter: one process is cloned straight into the container's cgroup and pid namespace, and
 * joins the rest itself (exec_inside.c). No monitor and no helper is involved.
 */
#include "container/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "container/stage.h"
#include "container/terminal.h"

#define KILL_TIMEOUT_MS 2000

static void joining_release(struct joining *joining)
{
	close_keep_errno(take_fd(&joining->init));
	close_keep_errno(take_fd(&joining->socket));
	while (joining->v1_count > 0)
		close_keep_errno(joining->v1_tasks[--joining->v1_count]);
}

/* clone3 with the container's pid namespace for the child. Only children are concerned by setns(CLONE_NEWPID), so ours is
 * put back at once. */
static pid_t clone_into(const struct joining *joining, int cgroup, int *pidfd, struct berth_error *err)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_INTO_CGROUP, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	CLEAN_FD int own = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (own < 0 || setns(joining->init, CLONE_NEWPID) < 0)
		return fail_errno(err, "cannot enter the container's pid namespace");
	pid = sys_clone3(&arguments);
	if (pid == 0)
		return 0;
	int code = errno;
	if (setns(own, CLONE_NEWPID) < 0)
		return fail_errno(err, "cannot return to the host's pid namespace");
	errno = code;
	if (pid < 0)
		return fail_errno(err, "cannot clone into the container%s", code == EAGAIN ? " (its pids limit is reached)" : "");
	return pid;
}

/* A descriptor of the operator's terminal is not given to the guest: bytes are carried instead. */
struct terminal_guard {
	int given[3], ours[3];
	bool owned[3];
};

static void guard_release(struct terminal_guard *guard)
{
	for (int i = 0; i < 3; i++) {
		if (guard->owned[i])
			close_keep_errno(guard->given[i]);
		guard->owned[i] = false;
	}
}

static int guard_terminals(struct terminal_guard *guard, struct carry *carries, size_t *count, struct berth_error *err)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		guard->given[i] = i;
		guard->owned[i] = false;
		if (!isatty(i))
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			return fail_errno(err, "cannot make a pipe");
		guard->given[i] = ends[i == 0 ? 0 : 1];
		guard->owned[i] = true;
		carries[*count] = i == 0 ? (struct carry){ .from = 0, .to = ends[1], .close_to = true } :
					   (struct carry){ .from = ends[0], .to = i };
		(*count)++;
	}
	return 0;
}

/* The new process says: an error and ends; its terminal; or nothing, and the socket closes by its exec. */
static int hear_child(int socket, int *master, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX];
	int r = stage_wait(socket, STAGE_READY, &message, fds, now_ms() + 30000, "the new process", err);

	if (r == 0) {
		*master = fds[0];
		r = stage_wait(socket, STAGE_READY, &message, fds, now_ms() + 30000, "the new process", err);
	}
	return r == -EPIPE ? 0 : r;
}

static int exit_status(int pidfd, struct berth_error *err)
{
	siginfo_t info = { 0 };

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return fail_errno(err, "cannot wait for the command");
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int run(struct joining *joining, int cgroup, int *ret_status, struct berth_error *err)
{
	CLEAN(guard_release) struct terminal_guard guard = { .given = { 0, 1, 2 } };
	CLEAN(terminal_restore) struct raw_terminal raw = { .fd = -1 };
	struct carry carries[CARRIES_MAX];
	CLEAN_FD int pidfd = -EBADF, master = -EBADF;
	size_t count = 0;
	int pair[2], r;
	pid_t pid;

	if (!joining->what->terminal) {
		r = guard_terminals(&guard, carries, &count, err);
		if (r < 0)
			return r;
	}
	memcpy(joining->stdio, guard.given, sizeof(joining->stdio));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	CLEAN_FD int ours = pair[0];
	joining->socket = pair[1];
	pid = clone_into(joining, cgroup, &pidfd, err);
	if (pid == 0) {
		close(ours);
		exec_inside(joining);
	}
	if (pid < 0)
		return (int)pid;
	close(take_fd(&joining->socket));
	guard_release(&guard);
	r = hear_child(ours, &master, err);
	if (r < 0) {
		/* It may hang in a filesystem of the guest's, and behind another there so that no signal reaches it: then it is left to the end of the container. One that has said
		 * what is wrong is ending. */
		if (r == -ETIMEDOUT)
			(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		int status = process_wait_gone(pidfd, now_ms() + KILL_TIMEOUT_MS) == 0 ? exit_status(pidfd, &(struct berth_error){ 0 }) : 125;

		*ret_status = status == 126 || status == 127 ? status : 125;
		return r;
	}
	if (master >= 0) {
		terminal_raw(&raw, 0);
		carries[count++] = (struct carry){ .from = 0, .to = master };
		carries[count++] = (struct carry){ .from = master, .to = 1 };
	}
	r = carry_until_exit(carries, count, pidfd, master, err);
	if (r == 0)
		r = exit_status(pidfd, err);
	if (r < 0)
		return r;
	*ret_status = r;
	return 0;
}

/* Everything that a process needs to be born in the container. cgroup is the caller's to close. */
static int prepare(struct container *container, struct joining *joining, int *ret_cgroup, struct berth_error *err)
{
	int r;

	joining->init = container_init(container);
	if (joining->init < 0)
		return fail(err, BERTH_WRONG_STATE, ESRCH, "%s is not running", container->name);
	*ret_cgroup = container_cgroup_leaf(&container->cgroup, container_host_uid(container), container->state.init.pid, err);
	if (*ret_cgroup < 0)
		return *ret_cgroup;
	joining->nesting = container->config.nesting;
	r = container_cgroup_open_v1_tasks(&container->cgroup, joining->v1_tasks, err);
	joining->v1_count = r < 0 ? 0 : r;
	return r < 0 ? r : 0;
}

int exec_quietly(struct container *container, const char *const *argv, int64_t deadline, struct berth_error *err)
{
	struct berth_exec what = { .argv = (char *const *)argv, .directory = "/" };
	CLEAN(joining_release) struct joining joining = { .what = &what, .init = -EBADF, .socket = -EBADF };
	CLEAN_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC), cgroup = -EBADF, pidfd = -EBADF;
	int r = null < 0 ? fail_errno(err, "cannot open /dev/null") : prepare(container, &joining, &cgroup, err), pair[2];
	pid_t pid;

	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++)
		joining.stdio[i] = null;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	CLEAN_FD int ours = pair[0];
	joining.socket = pair[1];
	pid = clone_into(&joining, cgroup, &pidfd, err);
	if (pid == 0) {
		close(ours);
		exec_inside(&joining);
	}
	if (pid < 0)
		return (int)pid;
	close(take_fd(&joining.socket));
	if (process_wait_gone(pidfd, deadline) < 0) {
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		if (process_wait_gone(pidfd, now_ms() + KILL_TIMEOUT_MS) == 0)
			(void)exit_status(pidfd, err);
		return fail(err, BERTH_TIMED_OUT, ETIMEDOUT, "%s did not end in time", argv[0]);
	}
	return exit_status(pidfd, err);
}

int berth_exec(struct berth *berth, const char *name, const struct berth_exec *exec, int *ret_status, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	CLEAN(joining_release) struct joining joining = { .what = exec, .init = -EBADF, .socket = -EBADF };
	int r;

	*ret_status = 125;
	r = container_open(berth, name, &container, err);
	if (r == 0)
		r = container_require_running(&container, err);
	if (r < 0)
		return r;
	if (container_cgroup_is_frozen(&container.cgroup))
		return fail(err, BERTH_WRONG_STATE, EBUSY, "%s is paused: nothing can run in it", name);
	CLEAN_FD int cgroup = -EBADF;
	r = prepare(&container, &joining, &cgroup, err);
	return r < 0 ? r : run(&joining, cgroup, ret_status, err);
}
