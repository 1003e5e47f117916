/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_binds.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "base/packet.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "container/confine.h"
#include "container/stage.h"
#include "container/userns.h"

#define STEP_TIMEOUT_MS 10000
#define KILL_TIMEOUT_MS 2000

static bool has(const struct guest_bind_list *list, const struct guest_bind *bind)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!memcmp(&list->at[i], bind, sizeof(*bind)))
			return true;
	return false;
}

/* Without links: where another container has the directory above, its owner could make one of the last part (CVE-2017-1002101's class). */
static int open_source(const struct guest_bind *bind, struct stat *ret, struct berth_error *err)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	CLEAN_FD int fd = sys_openat2(AT_FDCWD, bind->host, &how);

	if (fd < 0 && errno == ELOOP)
		return fail(err, BERTH_REFUSED, ELOOP, "mount: the host's %s is or goes through a symbolic link; give the path that realpath(1) prints", bind->host);
	if (fd < 0 || fstat(fd, ret) < 0)
		return fail(err, BERTH_REFUSED, errno, "mount: the host's %s: %s", bind->host, strerror(errno));
	return take_fd(&fd);
}

int guest_binds_check(const struct guest_bind_list *binds, struct berth_error *err)
{
	struct stat st;

	for (uint32_t i = 0; i < binds->count; i++) {
		CLEAN_FD int source = open_source(&binds->at[i], &st, err);

		if (source < 0)
			return source;
		if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
			return fail(err, BERTH_REFUSED, EINVAL, "mount: the host's %s is neither a directory nor a file", binds->at[i].host);
	}
	return 0;
}

/* --- inside: a process of the host's in the container's mounts, undumpable, for the time of one mount ------------------------------------- */

/* The place in the guest's tree, made if it is missing; the guest may be at work in it, so no link is followed anywhere. */
static int open_place(int root, const char *path, bool directory, struct berth_error *err)
{
	char part[257];
	int fd;

	path++;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		const char *last = strrchr(part, '/');
		char parent[257] = ".";

		if (last)
			snprintf(parent, sizeof(parent), "%.*s", (int)(last - part), part);
		CLEAN_FD int dir = guest_open_nolinks(root, parent, O_PATH | O_DIRECTORY, 0);
		if (dir >= 0)
			(void)mkdirat(dir, last ? last + 1 : part, 0755);
	}
	const char *last = strrchr(path, '/');
	char parent[257] = ".";
	if (last)
		snprintf(parent, sizeof(parent), "%.*s", (int)(last - path), path);
	CLEAN_FD int dir = guest_open_nolinks(root, parent, O_PATH | O_DIRECTORY, 0);
	const char *name = last ? last + 1 : path;
	if (dir >= 0 && directory)
		(void)mkdirat(dir, name, 0755);
	if (dir >= 0 && !directory)
		close_keep_errno(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
	fd = guest_open_nolinks(root, path, directory ? O_PATH | O_DIRECTORY : O_PATH, 0);
	return fd < 0 ? fail(err, BERTH_FAILED, -fd, "mount: cannot open /%s in the container (%s): a link or something else is in the way", path, strerror(-fd)) : fd;
}

static int attach(int root, const struct guest_bind *bind, int mount, bool directory, struct berth_error *err)
{
	CLEAN_FD int place = open_place(root, bind->guest, directory, err);
	struct stat ours, theirs;

	if (place < 0)
		return place;
	/* It is there: a change that died had come so far. */
	if (fstat(mount, &ours) == 0 && fstat(place, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
		return 0;
	if (move_mount(mount, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return fail_errno(err, "mount: cannot mount on %s in the container", bind->guest);
	return 0;
}

/* The mount is its own root: "." of a directory. A file's is reached by its name; a guest that has put something else there loses that. */
static int detach(int root, const struct guest_bind *bind, struct berth_error *err)
{
	CLEAN_FD int place = guest_open_nolinks(root, bind->guest + 1, O_PATH, 0);
	struct stat st;
	int r;

	/* The guest may have unmounted it, or made something else of the place. */
	if (place < 0 || fstat(place, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		r = fchdir(place) == 0 ? umount2(".", MNT_DETACH | UMOUNT_NOFOLLOW) : -1;
	else
		r = umount2(bind->guest, MNT_DETACH | UMOUNT_NOFOLLOW);
	return r < 0 && errno != EINVAL && errno != ENOENT ? fail_errno(err, "mount: cannot unmount %s in the container", bind->guest) : 0;
}

static _Noreturn void inside(int socket, int init, const struct guest_bind *bind, int mount, bool directory)
{
	const int kept[] = { socket, init, mount };
	struct berth_error error;
	int r;

	confine_signals();
	/* It may hang in a filesystem of the guest's, where no signal reaches it: with a copy of the container's lock nobody could stop the container then. */
	r = confine_descriptors(kept, ARRAY_LENGTH(kept), &error);
	if (r == 0 && (prctl(PR_SET_DUMPABLE, 0) < 0 || setns(init, CLONE_NEWUSER | CLONE_NEWNS) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0))
		r = fail_errno(&error, "mount: cannot join the container's mounts");
	CLEAN_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0)
		r = mount >= 0 ? attach(root, bind, mount, directory, &error) : detach(root, bind, &error);
	if (r < 0)
		stage_fail(socket, &error);
	_exit(r < 0 ? 1 : 0);
}

/* --- the host side ---------------------------------------------------------------------------------------------------------------------------- */

/* mount: a detached mount, or -EBADF to unmount. */
static int run_inside(int init, const struct guest_bind *bind, int mount, bool directory, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX], pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	CLEAN_FD int ours = pair[0], theirs = pair[1];
	pid = fork();
	if (pid == 0) {
		close(ours);
		inside(theirs, init, bind, mount, directory);
	}
	if (pid < 0)
		return fail_errno(err, "cannot fork");
	CLEAN_FD int child = pidfd_open(pid, 0);
	close(take_fd(&theirs));
	r = stage_wait(ours, STAGE_READY, &message, fds, now_ms() + STEP_TIMEOUT_MS, "the process in the container", err);
	if (r == -ETIMEDOUT)
		kill(pid, SIGKILL);
	/* What does not die is left to the end of the container. */
	if (child < 0 || process_wait_gone(child, now_ms() + KILL_TIMEOUT_MS) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return r == -EPIPE ? 0 : r;
}

static int mount_one(int init, pid_t pid, const struct guest_bind *bind, struct berth_error *err)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (bind->readonly ? MOUNT_ATTR_RDONLY : 0) };
	struct stat st;
	CLEAN_FD int source = open_source(bind, &st, err);

	if (source < 0)
		return source;
	CLEAN_FD int mount = userns_idmapped_mount(source, pid, err);
	if (mount < 0)
		return fail_context(err, "mount: %s", bind->host);
	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		return fail_errno(err, "mount: cannot restrict the mount of %s", bind->host);
	return run_inside(init, bind, mount, S_ISDIR(st.st_mode), err);
}

int guest_binds_change(int init, pid_t pid, const struct guest_bind_list *old, const struct guest_bind_list *new, struct berth_error *err)
{
	struct berth_error ignored;
	uint32_t done = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < old->count; i++)
		if (!has(new, &old->at[i]))
			r = run_inside(init, &old->at[i], -EBADF, false, err);
	for (; r == 0 && done < new->count; done++)
		if (!has(old, &new->at[done]))
			r = mount_one(init, pid, &new->at[done], err);
	if (r == 0)
		return 0;
	/* The last one that was tried did not come to be. */
	for (uint32_t i = 0; i + 1 < done; i++)
		if (!has(old, &new->at[i]))
			(void)run_inside(init, &new->at[i], -EBADF, false, &ignored);
	for (uint32_t i = 0; i < old->count; i++)
		if (!has(new, &old->at[i]))
			(void)mount_one(init, pid, &old->at[i], &ignored);
	return r;
}

/* --- a change that dies --------------------------------------------------------------------------------------------------------------------- */

#define NOTE "mounts.next"
#define NOTE_MAX (GUEST_BINDS_MAX * 2 * 600)

static bool has_place(const struct guest_bind_list *list, const char *place)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!strcmp(list->at[i].guest, place))
			return true;
	return false;
}

/* Places that the last change may have mounted on, and that are no mount of the configuration's. */
static int undo_noted(int run, int init, const struct guest_bind_list *old, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	char *rest, *place;
	int r = 0;

	if (read_file_at(run, NOTE, NOTE_MAX, &text, NULL) < 0)
		return 0;
	for (rest = text; r == 0 && (place = strsep(&rest, "\n"));) {
		struct guest_bind bind = { .readonly = false };

		if (place[0] != '/' || strlen(place) >= sizeof(bind.guest) || has_place(old, place))
			continue;
		strcpy(bind.guest, place);
		r = run_inside(init, &bind, -EBADF, false, err);
	}
	return r < 0 ? r : 1;
}

int guest_binds_begin(int run, int init, pid_t pid, const struct guest_bind_list *old, const struct guest_bind_list *new, struct berth_error *err)
{
	static const struct guest_bind_list none = { .count = 0 };
	CLEAN_FREE char *text = calloc(1, NOTE_MAX);
	int r = undo_noted(run, init, old, err);

	if (r > 0)
		r = guest_binds_change(init, pid, &none, old, err);
	if (!text)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < new->count; i++)
		strcat(strcat(text, new->at[i].guest), "\n");
	return r < 0 ? r : replace_run_file_at(run, NOTE, text, strlen(text), err);
}

void guest_binds_end(int run)
{
	(void)unlinkat(run, NOTE, 0);
}
