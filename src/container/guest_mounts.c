/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_mounts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/guest_path.h"

struct guest_mount {
	const char *target;
	const char *type;
	unsigned int attributes;
	const char *options[8];		/* key, value, key, value */
	const char *why;
};

#define NOTHING (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* In this order: a target must be there before what is mounted in it. /proc and /sys carry no masks: what is secret in
 * them belongs to the host's root, which nobody in a user namespace is, and a mask on either would forbid the guest
 * to mount a new one (mount_too_revealing() in fs/namespace.c), which systemd's sandboxing and nested containers do. */
static const struct guest_mount guest_mounts[] = {
	{ "proc", "proc", NOTHING, { 0 }, "own pid namespace" },
	{ "sys", "sysfs", NOTHING | MOUNT_ATTR_RDONLY, { 0 }, "own network namespace; read-only keeps udev from starting" },
	{ "sys/fs/cgroup", "cgroup2", NOTHING, { 0 }, "the delegated cgroup, as the root of the own cgroup namespace" },
	{ "dev", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, { "mode", "0755", "size", "1m", "nr_inodes", "4096" }, "static nodes" },
	{ "dev/pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	  { "ptmxmode", "0666", "mode", "0620", "gid", "5", "max", "256" }, "own terminals, bounded" },
	{ "dev/shm", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, { "mode", "1777" }, "charged to the container's memory" },
	{ "dev/mqueue", "mqueue", NOTHING, { 0 }, "own ipc namespace" },
	{ "run", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, { "mode", "0755" }, "made in the user namespace: the guest may remount it" },
};

/* An O_PATH fd of a directory in the guest's tree, made if missing. A link is refused, not followed: with it a template or
 * guest could choose what the mount covers. */
static int open_target(int root, const char *target, struct berth_error *err)
{
	int fd = guest_open_nolinks(root, target, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT) {
		const char *slash = strrchr(target, '/');
		char parent[64] = ".";

		if (slash)
			snprintf(parent, sizeof(parent), "%.*s", (int)(slash - target), target);
		CLEAN_FD int dir = guest_open_nolinks(root, parent, O_PATH | O_DIRECTORY, 0);
		if (dir >= 0 && mkdirat(dir, slash ? slash + 1 : target, 0755) < 0 && errno != EEXIST)
			return fail_errno(err, "cannot make /%s in the container's tree", target);
		fd = guest_open_nolinks(root, target, O_PATH | O_DIRECTORY, 0);
	}
	if (fd == -ELOOP || fd == -ENOTDIR)
		return fail(err, BERTH_FAILED, -fd, "/%s in the container's tree is a link or a file; it must be a directory", target);
	if (fd < 0)
		return fail(err, BERTH_FAILED, -fd, "cannot open /%s in the container's tree: %s", target, strerror(-fd));
	return fd;
}

static int attach(int root, const char *target, int mount, struct berth_error *err)
{
	CLEAN_FD int fd = open_target(root, target, err);

	if (fd < 0)
		return fd;
	if (move_mount(mount, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount on /%s in the container", target);
	return 0;
}

static int make_mount(const struct guest_mount *row, struct berth_error *err)
{
	CLEAN_FD int fs = fsopen(row->type, FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return fail_errno(err, "cannot make a %s for the container", row->type);
	for (size_t i = 0; i + 1 < ARRAY_LENGTH(row->options) && row->options[i]; i += 2)
		if (fsconfig(fs, FSCONFIG_SET_STRING, row->options[i], row->options[i + 1], 0) < 0)
			return fail_errno(err, "cannot set %s=%s of the container's /%s", row->options[i], row->options[i + 1], row->target);
	/* EPERM: the kernel makes a new proc or sysfs in a user namespace only where the old one is wholly in sight. */
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_errno(err, "cannot make the container's /%s%s", row->target,
				  errno == EPERM ? " (is something mounted over a part of the host's? findmnt -R /proc /sys shows it)" : "");
	mount = fsmount(fs, FSMOUNT_CLOEXEC, row->attributes);
	return mount < 0 ? fail_errno(err, "cannot make the container's /%s", row->target) : mount;
}

#define SHELF ".given"

static int make_device(int dev, const struct device_node *device, struct berth_error *err)
{
	CLEAN_FD int own = -EBADF;

	/* "net/tun": the directories on the way. */
	for (const char *slash = strchr(device->name, '/'); slash; slash = strchr(slash + 1, '/')) {
		char directory[64];

		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - device->name), device->name);
		if (mkdirat(dev, directory, 0755) < 0 && errno != EEXIST)
			return fail_errno(err, "cannot make /dev/%s in the container", directory);
	}
	/* Our own tmpfs of a moment ago: nobody else has a name in it. */
	CLEAN_FD int node = openat(dev, device->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (node < 0)
		return fail_errno(err, "cannot make /dev/%s in the container", device->name);
	/* A user namespace cannot make device nodes, so those of the host's making are bound. */
	if (device->mount < 0) {
		char path[32];

		snprintf(path, sizeof(path), SHELF "/%u", device->number);
		own = open_tree(dev, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
	if (move_mount(own >= 0 ? own : device->mount, "", dev, device->name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount /dev/%s in the container", device->name);
	return 0;
}

/* The tmpfs with the nodes that the container is given has a place in /dev while they are taken from it. */
static int put_shelf(int dev, int shelf, struct berth_error *err)
{
	if (shelf >= 0 && (mkdirat(dev, SHELF, 0700) < 0 || move_mount(shelf, "", dev, SHELF, MOVE_MOUNT_F_EMPTY_PATH) < 0))
		return fail_errno(err, "cannot mount the container's devices");
	return 0;
}

static int remove_shelf(int dev, int shelf, struct berth_error *err)
{
	if (shelf >= 0 && (fchdir(dev) < 0 || umount2(SHELF, MNT_DETACH) < 0 || unlinkat(dev, SHELF, AT_REMOVEDIR) < 0))
		return fail_errno(err, "cannot put away the container's devices");
	return 0;
}

static int fill_dev(int root, const struct start *start, struct berth_error *err)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
	};
	CLEAN_FD int dev = guest_open_nolinks(root, "dev", O_RDONLY | O_DIRECTORY, 0);
	int r = 0;

	if (dev < 0)
		return fail(err, BERTH_FAILED, -dev, "cannot open the container's /dev: %s", strerror(-dev));
	r = put_shelf(dev, start->devices.shelf, err);
	for (size_t i = 0; r == 0 && i < start->devices.count; i++)
		r = make_device(dev, &start->devices.nodes[i], err);
	if (r == 0)
		r = remove_shelf(dev, start->devices.shelf, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(links); i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			r = fail_errno(err, "cannot make /dev/%s in the container", links[i][1]);
	return r;
}

/* Our own tmpfs of a moment ago. */
static int write_new(int directory, const char *name, const char *text, mode_t mode, struct berth_error *err)
{
	CLEAN_FD int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		return fail_errno(err, "cannot write /run/host/%s in the container", name);
	return 0;
}

/* /run/host of the container interface: who runs this container, which one it is, and what systemd is told (systemd.system-credentials(7)). */
static int fill_run(int root, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FD int run = guest_open_nolinks(root, "run", O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (run < 0)
		return fail(err, BERTH_FAILED, -run, "cannot open the container's /run: %s", strerror(-run));
	if (mkdirat(run, "host", 0755) < 0)
		return fail_errno(err, "cannot make /run/host in the container");
	CLEAN_FD int host = openat(run, "host", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host < 0 || mkdirat(host, "credentials", 0700) < 0)
		return fail_errno(err, "cannot make /run/host in the container");
	CLEAN_FD int credentials = openat(host, "credentials", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = write_new(host, "container-manager", "berth\n", 0444, err);
	if (r == 0)
		r = write_new(host, "container-uuid", config->uuid, 0444, err);
	for (uint32_t i = 0; r == 0 && i < config->credentials.count; i++)
		r = write_new(credentials, config->credentials.at[i].name, config->credentials.at[i].text, 0400, err);
	return r;
}

int guest_mounts_attach(int rootfs_mount, const struct start *start, struct berth_error *err)
{
	int r;

	/* From here on nothing the host mounts comes in. (The kernel has made shared mounts slaves already, because the
	 * user namespace is another.) */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_errno(err, "cannot make the container's mounts private");
	/* On top of the host's root, where it needs no directory of the host's; pivot_root takes it from there. */
	if (move_mount(rootfs_mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount the container's root filesystem");
	for (size_t i = 0; i < ARRAY_LENGTH(guest_mounts); i++) {
		CLEAN_FD int mount = make_mount(&guest_mounts[i], err);

		r = mount < 0 ? mount : attach(rootfs_mount, guest_mounts[i].target, mount, err);
		if (r < 0)
			return r;
	}
	r = fill_dev(rootfs_mount, start, err);
	return r < 0 ? r : fill_run(rootfs_mount, &start->container->config, err);
}

int guest_mounts_console(int rootfs_mount, int *ret_master, int *ret_slave, struct berth_error *err)
{
	CLEAN_FD int master = guest_open_nolinks(rootfs_mount, "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
	CLEAN_FD int dev = guest_open_nolinks(rootfs_mount, "dev", O_RDONLY | O_DIRECTORY, 0);
	int unlock = 0;

	/* All guests share kernel.pty.max: one that mounts a devpts of its own can have used it up. */
	if (master == -ENOSPC)
		return fail(err, BERTH_FAILED, ENOSPC, "cannot open the container's console: the host has no terminal left; raise sysctl kernel.pty.max");
	if (master < 0 || dev < 0)
		return fail(err, BERTH_FAILED, master < 0 ? -master : -dev, "cannot open the container's /dev/pts/ptmx: %s", strerror(master < 0 ? -master : -dev));
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fail_errno(err, "cannot unlock the container's console");
	/* The slave of exactly this master, without a name that could be changed in between (Linux 4.13). */
	CLEAN_FD int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail_errno(err, "cannot open the container's console");
	CLEAN_FD int file = openat(dev, "console", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return fail_errno(err, "cannot make /dev/console in the container");
	CLEAN_FD int tree = open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0 || move_mount(tree, "", dev, "console", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount /dev/console in the container");
	*ret_master = take_fd(&master);
	*ret_slave = take_fd(&slave);
	return 0;
}

int guest_mounts_pivot(int rootfs_mount, struct berth_error *err)
{
	if (fchdir(rootfs_mount) < 0)
		return fail_errno(err, "cannot enter the container's root filesystem");
	/* New and old root are the same directory: the old one ends up on top of the new, where it is detached at once. No
	 * directory for it is needed in the guest's tree (pivot_root(2), NOTES). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail_errno(err, "cannot pivot_root into the container");
	if (umount2(".", MNT_DETACH) < 0)
		return fail_errno(err, "cannot detach the host's root filesystem");
	if (chdir("/") < 0)
		return fail_errno(err, "cannot enter the container's root directory");
	/* systemd expects a shared root; there is nobody left to share with but its own children. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return fail_errno(err, "cannot share the container's mounts");
	return 0;
}
