/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The container side of a start: from the clone to the exec of the guest's init. It runs in a copy of the host side's
 * memory, in the container's namespaces, before any code of the guest; it opens nothing of the host's.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/packet.h"
#include "base/process.h"
#include "container/confine.h"
#include "container/guest_mounts.h"
#include "container/start.h"

#define NOTIFY_PATH "/run/host/notify"

struct inside {
	struct start *start;
	int rootfs_mount, console, console_slave, notify;
};

static int wait_mapped(struct inside *inside, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX];
	int r = stage_wait(inside->start->inside_end, STAGE_MAPPED, &message, fds, NO_DEADLINE, "the host side", err);

	if (r == 0)
		inside->rootfs_mount = fds[0];
	return r;
}

static int become_root(struct inside *inside, struct berth_error *err)
{
	(void)inside;
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail_errno(err, "cannot become root of the container's user namespace");
	/* The change of ids has made /proc/self the host root's; the clock step writes there. No guest code runs before
	 * exec, which decides anew. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return fail_errno(err, "cannot become dumpable");
	return 0;
}

static int enter_v1_cgroups(struct inside *inside, struct berth_error *err)
{
	for (int i = 0; i < inside->start->v1_count; i++)
		if (write(inside->start->v1_tasks[i], "0", 1) < 0)
			return fail_errno(err, "cannot enter a cgroup v1 of the container");
	return 0;
}

static int own_cgroup_namespace(struct inside *inside, struct berth_error *err)
{
	(void)inside;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return fail_errno(err, "cannot make a cgroup namespace");
	return 0;
}

/* Uptime and boot time begin with the container. Best effort would lie on some hosts only: a failure is one. */
static int own_clock(struct inside *inside, struct berth_error *err)
{
	struct timespec monotonic, boot;
	char offsets[128];

	(void)inside;
	if (unshare(CLONE_NEWTIME) < 0)
		return fail_errno(err, "cannot make a time namespace");
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	snprintf(offsets, sizeof(offsets), "monotonic -%lld 0\nboottime -%lld 0\n", (long long)monotonic.tv_sec, (long long)boot.tv_sec);
	int r = write_small_at(AT_FDCWD, "/proc/self/timens_offsets", offsets);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot set the container's clock: %s", strerror(-r));
	CLEAN_FD int ns = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return fail_errno(err, "cannot enter the container's time namespace");
	return 0;
}

static int own_keyring(struct inside *inside, struct berth_error *err)
{
	(void)inside;
	return confine_keyring(err);
}

static int attach_mounts(struct inside *inside, struct berth_error *err)
{
	return guest_mounts_attach(inside->rootfs_mount, inside->start, err);
}

static int make_console(struct inside *inside, struct berth_error *err)
{
	return guest_mounts_console(inside->rootfs_mount, &inside->console, &inside->console_slave, err);
}

static int pivot(struct inside *inside, struct berth_error *err)
{
	return guest_mounts_pivot(inside->rootfs_mount, err);
}

static int set_hostname(struct inside *inside, struct berth_error *err)
{
	const char *name = inside->start->hostname;

	if (sethostname(name, strlen(name)) < 0 || setdomainname("(none)", 6) < 0)
		return fail_errno(err, "cannot set the container's hostname to %s", name);
	return 0;
}

/* Where the guest's init says that it is ready (sd_notify(3)). The monitor listens. */
static int make_notify_socket(struct inside *inside, struct berth_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NOTIFY_PATH };

	inside->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (inside->notify < 0 || bind(inside->notify, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail_errno(err, "cannot make the container's " NOTIFY_PATH);
	return 0;
}

static int say_ready_and_wait(struct inside *inside, struct berth_error *err)
{
	int socket = inside->start->inside_end, fds[PACKET_FDS_MAX];
	int ours[] = { inside->console, inside->console_slave, inside->notify };
	struct stage_message message;
	int r = stage_send(socket, STAGE_READY, 0, ours, 3, "the host side", err);

	return r < 0 ? r : stage_wait(socket, STAGE_RELEASED, &message, fds, NO_DEADLINE, "the host side", err);
}

static int take_console(struct inside *inside, struct berth_error *err)
{
	if (setsid() < 0 && errno != EPERM)
		return fail_errno(err, "cannot make a session");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(inside->console_slave, fd) < 0)
			return fail_errno(err, "cannot give the console to the container's init");
	return 0;
}

static int drop_syscalls(struct inside *inside, struct berth_error *err)
{
	return confine_syscalls(inside->start->container->config.nesting, err);
}

static int drop_capabilities(struct inside *inside, struct berth_error *err)
{
	(void)inside;
	return confine_capabilities(err);
}

static int drop_descriptors(struct inside *inside, struct berth_error *err)
{
	const int kept[] = { inside->start->inside_end, inside->start->reaper };

	return confine_descriptors(kept, ARRAY_LENGTH(kept), err);
}

static int run_init(struct inside *inside, struct berth_error *err)
{
	const struct container_config *config = &inside->start->container->config;
	char uuid[96], command[sizeof(config->init)], *words[COMMAND_WORDS_MAX + 2] = { (char *)(uintptr_t)"berth-reaper" };
	/* VIRTUALIZATION is runit's word, container systemd's and OpenRC's. */
	const char *environment[] = {
		"container=berth", uuid, "VIRTUALIZATION=lxc", "TERM=linux", "HOME=/", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		("NOTIFY_SOCKET=" NOTIFY_PATH), "CREDENTIALS_DIRECTORY=/run/host/credentials", NULL,
	};

	snprintf(uuid, sizeof(uuid), "container_uuid=%s", config->uuid);
	strcpy(command, config->init);
	if (command_split(command, words + 1) < 1)
		return fail(err, BERTH_FAILED, EINVAL, "init: '%s' is no command", config->init);
	/* By its descriptor: the guest's tree has no such program. */
	if (inside->start->reaper >= 0)
		syscall(SYS_execveat, inside->start->reaper, "", words, environment, AT_EMPTY_PATH);
	else
		execve(words[1], words + 1, (char *const *)environment);
	return fail_errno(err, "cannot run %s in the container", inside->start->reaper >= 0 ? "berth-reaper" : words[1]);
}

/* The order is the point of this table. */
static const struct step {
	int (*run)(struct inside *inside, struct berth_error *err);
	const char *why_here;
} steps[] = {
	{ wait_mapped, "without maps every id is the overflow id" },
	{ enter_v1_cgroups, "while single-threaded and before the cgroup namespace; the files are the host's" },
	{ become_root, "the ids of the creator are not mapped; needs full capabilities still" },
	{ own_cgroup_namespace, "after the cgroup was entered: its root is where we are; clone3's flag would take the parent's" },
	{ own_clock, "before anything reads a clock; needs the host's /proc, so before pivot" },
	{ own_keyring, "before guest code" },
	{ attach_mounts, "needs the host's mounts of proc and sysfs in sight, so before pivot" },
	{ make_console, "after devpts" },
	{ pivot, "after the last look at the host's tree" },
	{ make_notify_socket, "its name is below the container's own root" },
	{ set_hostname, "any time in its own namespace" },
	{ say_ready_and_wait, "the host side needs the console and the network needs to be up before init runs" },
	{ take_console, "last use of the descriptors" },
	{ drop_syscalls, "needs CAP_SYS_ADMIN, so before the capabilities go" },
	{ drop_capabilities, "after everything that needs them" },
	{ drop_descriptors, "nothing is opened after this" },
	{ run_init, "" },
};

_Noreturn void start_inside(struct start *start)
{
	struct inside inside = { .start = start, .rootfs_mount = -EBADF, .console = -EBADF, .console_slave = -EBADF, .notify = -EBADF };
	struct berth_error error;

	/* A copy of the monitor's end would hide its death from the host side. */
	close(take_fd(&start->monitor_end));
	confine_signals();
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		if (steps[i].run(&inside, &error) < 0)
			break;
	stage_fail(start->inside_end, &error);
	_exit(1);
}
