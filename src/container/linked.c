/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/linked.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "base/process.h"
#include "container/confine.h"
#include "container/stage.h"
#include "container/userns.h"

#define UPPER "upper"
#define WORK "work"
#define STEP_TIMEOUT_MS 10000

int linked_make(int tree, int lower, struct berth_error *err)
{
	struct stat st;

	if (fstat(lower, &st) < 0 || mkdirat(tree, WORK, 0700) < 0 || mkdirat(tree, UPPER, 0700) < 0)
		return fail_errno(err, "cannot make the directories of a linked tree");
	/* The root that is seen is the upper one. */
	CLEAN_FD int upper = openat(tree, UPPER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0 || fchown(upper, st.st_uid, st.st_gid) < 0 || fchmod(upper, st.st_mode & 07777) < 0)
		return fail_errno(err, "cannot make the root of a linked tree");
	return 0;
}

static int set_layer(int fs, const char *key, int layer)
{
	char path[32];

	/* By number, so no name of the operator's has to be escaped. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", layer);
	return layer < 0 ? -1 : fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0);
}

/* redirect_dir lets directories of the template be renamed; what it and overlayfs note are trusted.* attributes, which no guest can write. */
static int mount_overlay(int tree, int lower, struct berth_error *err)
{
	CLEAN_FD int upper = openat(tree, UPPER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEAN_FD int work = openat(tree, WORK, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEAN_FD int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return errno == ENODEV ? fail(err, BERTH_REFUSED, ENODEV, "linked: this kernel has no overlay filesystem (modprobe overlay)") : fail_errno(err, "linked: fsopen");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "berth", 0) < 0 || set_layer(fs, "lowerdir", lower) < 0 || set_layer(fs, "upperdir", upper) < 0 ||
	    set_layer(fs, "workdir", work) < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "redirect_dir", "on", 0) < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "metacopy", "off", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "index", "off", 0) < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail(err, BERTH_REFUSED, errno, "linked: this kernel cannot mount an overlay on this storage (idmapped layers need Linux 5.19): %s", strerror(errno));
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return mount < 0 ? fail_errno(err, "linked: cannot mount an overlay") : mount;
}

/* overlayfs itself cannot be idmapped; its layers can, and have to be mounted where it is made. That is here, in a mount namespace which ends with this process. */
static int mount_idmapped(int tree, int lower, pid_t pid, uid_t host_uid, struct berth_error *err)
{
	CLEAN_FD int lower_mount = userns_idmapped_mount(lower, pid, err);
	CLEAN_FD int tree_mount = lower_mount < 0 ? lower_mount : userns_idmapped_mount(tree, pid, err);

	if (tree_mount < 0)
		return tree_mount;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_errno(err, "linked: cannot make a mount namespace");
	/* Anywhere: they are reached by their descriptors alone. */
	if (move_mount(lower_mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || move_mount(tree_mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "linked: cannot mount the layers");
	/* overlayfs makes its own files there as who has mounted it, and the host's root has no id through the maps. The capabilities stay (capabilities(7)). */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
		return fail_errno(err, "linked: cannot keep capabilities");
	setfsgid(host_uid);
	setfsuid(host_uid);
	return mount_overlay(tree_mount, lower_mount, err);
}

static _Noreturn void run_idmapped(int socket, int tree, int lower, pid_t pid, uid_t host_uid)
{
	const int kept[] = { socket, tree, lower };
	struct berth_error error;
	int mount = -1, r = confine_descriptors(kept, ARRAY_LENGTH(kept), &error);

	/* It may wait for a disk: its copies must not hide the end of the command, nor hold its locks. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		r = fail_errno(&error, "linked: cannot end with the command");
	if (r == 0)
		mount = mount_idmapped(tree, lower, pid, host_uid, &error);
	if (r == 0)
		r = mount < 0 ? mount : stage_send(socket, STAGE_READY, 0, &mount, 1, "the host side", &error);
	if (r < 0)
		stage_fail(socket, &error);
	_exit(r < 0 ? 1 : 0);
}

int linked_open(int tree, int lower, pid_t idmapped_for, uid_t host_uid, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX], pair[2], r;
	pid_t child;

	if (!idmapped_for)
		return mount_overlay(tree, lower, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	CLEAN_FD int ours = pair[0], theirs = pair[1];
	child = fork();
	if (child == 0)
		run_idmapped(theirs, tree, lower, idmapped_for, host_uid);
	if (child < 0)
		return fail_errno(err, "cannot fork");
	close(take_fd(&theirs));
	r = stage_wait(ours, STAGE_READY, &message, fds, now_ms() + STEP_TIMEOUT_MS, "the mount of the layers", err);
	if (r < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : fds[0];
}
