/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host side of a start, and the few lines of the monitor-to-be between fork and exec. start.h has the picture.
 */
#include "container/start.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/packet.h"
#include "base/process.h"
#include "container/commitments.h"
#include "container/confine.h"
#include "container/connection.h"
#include "container/guest_binds.h"
#include "container/guest_files.h"
#include "container/host.h"
#include "container/rootfs.h"
#include "container/teardown.h"
#include "container/userns.h"
#include "cgroup/device_filter.h"
#include "cgroup/memory_events.h"
#include "cgroup/resource_limits.h"
#include "monitor/protocol.h"

/* A start is a matter of milliseconds; on a host that swaps, of seconds. */
#define START_TIMEOUT_MS 30000

static void start_init(struct start *start, const struct container *container)
{
	*start = (struct start){
		.container = container, .hostname = guest_hostname(&container->config, container->name), .host_end = -EBADF,
		.inside_end = -EBADF, .monitor_host_end = -EBADF, .monitor_end = -EBADF, .guest_cgroup = -EBADF,
		.rootfs = -EBADF, .listener = -EBADF, .events = -EBADF, .kills = -EBADF, .memory_pressure = -EBADF,
		.io_pressure = -EBADF, .reaper = -EBADF, .run = -EBADF, .devices = { .shelf = -EBADF },
	};
}

static void start_release(struct start *start)
{
	int *const fds[] = { &start->host_end, &start->inside_end, &start->monitor_host_end, &start->monitor_end,
			     &start->guest_cgroup, &start->rootfs, &start->listener, &start->events, &start->kills,
			     &start->memory_pressure, &start->io_pressure, &start->reaper, &start->run };

	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close_keep_errno(take_fd(fds[i]));
	devices_close(&start->devices);
	while (start->v1_count > 0)
		close_keep_errno(start->v1_tasks[--start->v1_count]);
}

/* --- before the clone ------------------------------------------------------------------------------------------------- */

/* The policy is asked again: the host may have shrunk, or its operator changed his mind. Where auto is the cpuset it is a list now. */
static int take_promises(struct container *container, struct commitments *sums, struct berth_error *err)
{
	CLEAN_POLICY struct policy policy;
	char cores[257] = "";
	int r = host_policy_read(container->berth, &policy, err);

	if (r == 0)
		r = commitments_take(container, &container->config, true, &policy, cores, sums, err);
	if (r == 0 && cores[0])
		strcpy(container->config.cpuset, cores);
	return r;
}

static int make_cgroups(struct start *start, const struct commitments *sums, struct berth_error *err)
{
	const struct container *container = start->container;
	int r = container_cgroup_make(&container->cgroup, err);

	if (r == 0)
		r = limits_apply(&container->cgroup, &container->config, err);
	if (r == 0 && container->config.memory_guarantee)
		r = commitments_protect(&container->cgroup, sums, err);
	if (r == 0)
		r = device_filter_attach(&container->cgroup, start->devices.rules, start->devices.rule_count, err);
	if (r < 0)
		return r;
	start->guest_cgroup = container_cgroup_delegate(&container->cgroup, container_host_uid(container), err);
	if (start->guest_cgroup < 0)
		return start->guest_cgroup;
	r = container_cgroup_open_v1_tasks(&container->cgroup, start->v1_tasks, err);
	start->v1_count = r < 0 ? 0 : r;
	/* A host without one of them has a monitor that notices less. */
	start->events = memory_events_open(&container->cgroup);
	start->kills = memory_kills_open(&container->cgroup);
	start->memory_pressure = memory_pressure_open(&container->cgroup);
	start->io_pressure = io_pressure_open(&container->cgroup);
	return r < 0 ? r : 0;
}

/* Process 1 of a container whose init is none. */
static int open_reaper(struct start *start, struct berth_error *err)
{
	char path[PATH_MAX];
	int r;

	if (!start->container->config.init_reaper)
		return 0;
	r = installed_path("libexec/berth/berth-reaper", path, err);
	if (r < 0)
		return r;
	start->reaper = open(path, O_PATH | O_CLOEXEC);
	return start->reaper < 0 ? fail_errno(err, "cannot open %s", path) : 0;
}

static int open_sockets(struct start *start, struct berth_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	start->host_end = pair[0];
	start->inside_end = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	start->monitor_host_end = pair[0];
	start->monitor_end = pair[1];
	return 0;
}

/* The console's socket. Its name is short whatever --root is: it is bound relative to the run directory's fd. */
static int open_listener(struct start *start, int run_fd, struct berth_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	start->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (start->listener < 0)
		return fail_errno(err, "cannot make a socket");
	(void)unlinkat(run_fd, MONITOR_SOCKET, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET, run_fd);
	if (bind(start->listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(start->listener, 16) < 0)
		return fail_errno(err, "cannot make the console's socket");
	return 0;
}

/* --- the monitor-to-be ---------------------------------------------------------------------------------------------------- */

static int clone_container(struct start *start, pid_t *ret_pid, int *ret_pidfd, struct berth_error *err)
{
	struct clone_args arguments = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD |
			 CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)start->guest_cgroup,
	};
	pid_t pid = userns_clone(&arguments, container_host_uid(start->container), err);

	if (pid == 0)
		start_inside(start);
	*ret_pid = pid;
	return pid < 0 ? (int)pid : 0;
}

/* Puts the descriptors the monitor expects in their places and drops all others at exec. */
static int place_descriptors(struct start *start, int directory, int pidfd, struct berth_error *err)
{
	const int wanted[MONITOR_FD_COUNT] = {
		[MONITOR_FD_HOST] = start->monitor_end, [MONITOR_FD_LISTENER] = start->listener,
		[MONITOR_FD_DIRECTORY] = directory, [MONITOR_FD_INIT] = pidfd,
		[MONITOR_FD_EVENTS] = start->events, [MONITOR_FD_KILLS] = start->kills,
		[MONITOR_FD_RUN] = start->run, [MONITOR_FD_MEMORY_PRESSURE] = start->memory_pressure, [MONITOR_FD_IO_PRESSURE] = start->io_pressure,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), higher[MONITOR_FD_COUNT];

	if (null < 0)
		return fail_errno(err, "cannot open /dev/null");
	/* Twice, by way of higher numbers: one of the sources may sit where another has to go. */
	for (int fd = 0; fd < MONITOR_FD_COUNT; fd++) {
		higher[fd] = fcntl(fd <= 2 || wanted[fd] < 0 ? null : wanted[fd], F_DUPFD_CLOEXEC, MONITOR_FD_COUNT);
		if (higher[fd] < 0)
			return fail_errno(err, "cannot place a descriptor for the monitor");
	}
	for (int fd = 0; fd < MONITOR_FD_COUNT; fd++)
		if (dup2(higher[fd], fd) < 0)
			return fail_errno(err, "cannot place a descriptor for the monitor");
	return 0;
}

static int exec_monitor(const struct container *container, struct berth_error *err)
{
	char monitor[PATH_MAX], program[PATH_MAX], prefix[PATH_MAX + 16];
	const char *override = secure_getenv("BERTH_PREFIX");
	const char *argv[] = { "berth-monitor", container->name, program, container->berth->root, NULL };
	const char *environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", override ? prefix : NULL, NULL };
	int r = installed_path("libexec/berth/berth-monitor", monitor, err);

	if (r == 0)
		r = installed_path("bin/berthctl", program, err);
	if (r < 0)
		return r;
	snprintf(prefix, sizeof(prefix), "BERTH_PREFIX=%s", override ? override : "");
	execve(monitor, (char *const *)argv, (char *const *)environment);
	return fail_errno(err, "cannot run %s", monitor);
}

static _Noreturn void become_monitor(struct start *start)
{
	struct berth_error error;
	int pidfd = -EBADF, r, directory, socket = start->monitor_end;
	pid_t pid = -1;

	/* Its copies of the host side's ends would hide the death of the host side. */
	close(take_fd(&start->host_end));
	close(take_fd(&start->monitor_host_end));
	setsid();
	confine_signals();
	if (chdir("/") < 0)
		_exit(1);
	confine_limits();
	/* The directory anew, not the inherited fd: that one carries the lock. */
	directory = openat(start->container->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = directory < 0 ? fail_errno(&error, "cannot open the container's directory") : 0;
	if (r == 0)
		r = clone_container(start, &pid, &pidfd, &error);
	/* Nor may ours hide the container side's. */
	close_keep_errno(take_fd(&start->inside_end));
	if (r == 0)
		r = stage_send(socket, STAGE_BORN, pid, NULL, 0, "the host side", &error);
	if (r == 0)
		r = place_descriptors(start, directory, pidfd, &error);
	/* From here on the socket is MONITOR_FD_HOST; the old number may be anything. */
	if (r == 0)
		socket = MONITOR_FD_HOST;
	if (r == 0)
		(void)exec_monitor(start->container, &error);
	stage_fail(socket, &error);
	_exit(1);
}

/* --- after the clone -------------------------------------------------------------------------------------------------------- */

/* Without its start time nobody would find it by the run file. */
static int know(struct known_process *ret, pid_t pid, struct berth_error *err)
{
	*ret = (struct known_process){ pid, process_start_time(pid) };
	return ret->start_time ? 0 : fail(err, BERTH_FAILED, EIO, "cannot read when process %d began", pid);
}

static int map_and_mount(struct start *start, pid_t pid, struct berth_error *err)
{
	char path[64];
	int r = userns_map(pid, container_host_uid(start->container), err);

	if (r < 0)
		return r;
	/* sshd's children and services can have -1000, which no guest may have. */
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	r = write_small_at(AT_FDCWD, path, "0");
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot reset the OOM score of the container: %s", strerror(-r));
	CLEAN_FD int mount = rootfs_open_idmapped(start->container, start->rootfs, pid, err);
	return mount < 0 ? mount : stage_send(start->host_end, STAGE_MAPPED, 0, &mount, 1, "the container side", err);
}

static int mount_binds(const struct container *container, pid_t init, struct berth_error *err)
{
	static const struct guest_bind_list none = { .count = 0 };

	if (container->config.mounts.count == 0)
		return 0;
	CLEAN_FD int pidfd = pidfd_open(init, 0);
	return pidfd < 0 ? fail_errno(err, "cannot open the container's init") : guest_binds_change(pidfd, init, &none, &container->config.mounts, err);
}

/* The container side closed its socket by a successful exec, or sent why not. */
static int wait_for_exec(struct start *start, int64_t deadline, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX];
	int r = stage_wait(start->host_end, STAGE_BORN, &message, fds, deadline, "the container side", err);

	return r == -EPIPE ? 0 : r;
}

/* Both sides work at the same time: when ours falls over something of the other that is no more, the other's words say why. Too early to be sure, so a moment is waited. */
static int prefer_their_words(struct start *start, int r, struct berth_error *err)
{
	struct stage_message message = { .stage = STAGE_BORN };
	struct berth_error theirs;
	int fds[PACKET_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF };

	if (stage_wait(start->host_end, STAGE_READY, &message, fds, now_ms() + 20, "the container side", &theirs) < 0 && message.stage == STAGE_FAILED)
		*err = theirs;
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close_keep_errno(fds[i]);
	return r;
}

static int run_host_side(struct start *start, struct container *container, pid_t monitor, struct berth_error *err)
{
	int64_t deadline = now_ms() + START_TIMEOUT_MS;
	CLEAN_FD int run = container_run_directory(container, true, err);
	struct stage_message message;
	int fds[PACKET_FDS_MAX], r;

	if (run < 0)
		return run;
	r = stage_wait(start->monitor_host_end, STAGE_BORN, &message, fds, deadline, "the monitor", err);
	if (r < 0)
		return r;
	/* Its parent, the monitor-to-be, does not reap it before it is released: until then the number stays its own. */
	pid_t init = message.pid;
	r = map_and_mount(start, init, err);
	if (r == 0)
		r = connection_up(container, init, err);
	if (r < 0)
		return prefer_their_words(start, r, err);
	r = stage_wait(start->host_end, STAGE_READY, &message, fds, deadline, "the container side", err);
	if (r < 0)
		return r;
	CLEAN_FD int console = fds[0], console_slave = fds[1], notify = fds[2];
	/* Its own root is in place, and no program of its runs yet. */
	r = mount_binds(container, init, err);
	if (r < 0)
		return r;
	/* The monitor says that its exec was done: after that it cannot fail. */
	r = stage_wait(start->monitor_host_end, STAGE_READY, &message, fds, deadline, "the monitor", err);
	if (r < 0)
		return r;

	/* Before init runs: from its first instruction on, any command must find it. */
	container->state.stage = RUN_RUNNING;
	r = know(&container->state.init, init, err);
	if (r == 0)
		r = know(&container->state.monitor, monitor, err);
	container->state.started_at = (uint64_t)time(NULL);
	if (r == 0)
		r = state_write(run, &container->state, err);
	if (r == 0)
		r = stage_send(start->monitor_host_end, STAGE_RELEASED, init, (int[]){ console, console_slave, notify }, 3, "the monitor", err);
	if (r == 0)
		r = stage_send(start->host_end, STAGE_RELEASED, 0, NULL, 0, "the container side", err);
	return r == 0 ? wait_for_exec(start, deadline, err) : r;
}

static int prepare(struct start *start, struct container *container, struct berth_error *err)
{
	CLEAN_FD int run = container_run_directory(container, true, err);
	struct commitments sums;
	int r;

	if (run < 0)
		return run;
	start->rootfs = rootfs_open(container, err);
	if (start->rootfs < 0)
		return start->rootfs;
	/* The first thing on disk: from now on whoever comes knows that something may have to be undone, and what. */
	memset(&container->state, 0, sizeof(container->state));
	container->state.stage = RUN_STARTING;
	r = know(&container->state.starter, getpid(), err);
	if (r == 0)
		r = state_write(run, &container->state, err);
	if (r == 0)
		r = connection_prepare(container, err);
	if (r == 0)
		r = take_promises(container, &sums, err);
	if (r == 0)
		r = rootfs_apply_quota(container, &container->config, false, err);
	rootfs_find_disk(container, &container->config);
	if (r == 0)
		r = guest_files_write(start->rootfs, &container->config, container->name, err);
	/* No copy of this descriptor goes to the other sides: with it the mount would live on beside the one that they get. */
	if (container->config.linked)
		close_keep_errno(take_fd(&start->rootfs));
	if (r == 0)
		r = guest_binds_check(&container->config.mounts, err);
	if (r == 0)
		r = devices_open(&container->config, container_host_uid(container), &start->devices, err);
	if (r == 0)
		r = make_cgroups(start, &sums, err);
	if (r == 0)
		r = open_reaper(start, err);
	if (r == 0)
		r = open_sockets(start, err);
	if (r == 0)
		r = open_listener(start, run, err);
	start->run = take_fd(&run);
	return r;
}

static int start_locked(struct container *container, struct berth_error *err)
{
	CLEAN(start_release) struct start start;
	struct berth_error ignored;
	pid_t monitor = -1;
	int r;

	start_init(&start, container);
	r = prepare(&start, container, err);
	if (r == 0) {
		monitor = fork();
		if (monitor == 0)
			become_monitor(&start);
		if (monitor < 0)
			r = fail_errno(err, "cannot fork the monitor");
		/* Their ends: without them the end of the other side shows as the end of the socket. */
		close_keep_errno(take_fd(&start.inside_end));
		close_keep_errno(take_fd(&start.monitor_end));
	}
	if (r == 0)
		r = run_host_side(&start, container, monitor, err);
	if (r == 0)
		return 0;
	if (monitor > 0) {
		kill(monitor, SIGKILL);
		while (waitpid(monitor, NULL, 0) < 0 && errno == EINTR)
			;
	}
	(void)teardown(container, &ignored);
	return r;
}

int berth_start(struct berth *berth, const char *name, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = container_open_locked(berth, name, &container, err);
	enum berth_state state;

	if (r < 0)
		return r;
	state = container_state_now(&container);
	if (state == BERTH_RUNNING || state == BERTH_PAUSED)
		return fail(err, BERTH_WRONG_STATE, EALREADY, "%s is running already", name);
	/* We hold the lock, so whatever started it is not at work any more. */
	if (state != BERTH_STOPPED) {
		r = teardown(&container, err);
		if (r < 0)
			return fail_context(err, "cannot clean up after the last run");
	}
	r = start_locked(&container, err);
	return r < 0 ? fail_context(err, "%s", name) : 0;
}
