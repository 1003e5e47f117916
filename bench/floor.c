/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor of the benchmark: a container with no frills, by the kernel calls that the job needs and no others. No configuration, no limits beyond an empty cgroup, no
 * filter, no console, no lock, no state file; what a runtime takes longer than this is its own.
 *
 *   floor start CGROUP ROOTFS COMMAND...    all namespaces but time, 65,536 ids, idmapped root, the mounts of a system container; prints the pid when COMMAND was executed
 *   floor exec PID COMMAND...               in the namespaces of PID; its exit status
 *   floor stop CGROUP                       kills what is in it, waits, removes it
 *
 * CGROUP is a directory of cgroup2 that is made and removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* libc may have none of them. */
#define sys_fsopen(type, flags) ((int)syscall(SYS_fsopen, type, flags))
#define sys_fsconfig(fd, command, key, value, number) ((int)syscall(SYS_fsconfig, fd, command, key, value, number))
#define sys_fsmount(fd, flags, attributes) ((int)syscall(SYS_fsmount, fd, flags, attributes))
#define sys_move_mount(from, a, to, b, flags) ((int)syscall(SYS_move_mount, from, a, to, b, flags))
#define sys_open_tree(at, path, flags) ((int)syscall(SYS_open_tree, at, path, flags))
#define sys_mount_setattr(at, path, flags, attributes, size) ((int)syscall(SYS_mount_setattr, at, path, flags, attributes, size))

#define FIRST_ID 2000027648u
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void new_mount(int root, const char *type, const char *target, unsigned int attributes)
{
	int fs = sys_fsopen(type, FSOPEN_CLOEXEC), fd, mount;

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 || (mount = sys_fsmount(fs, FSMOUNT_CLOEXEC, attributes)) < 0)
		die(type);
	(void)mkdirat(root, target, 0755);
	fd = openat(root, target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || sys_move_mount(mount, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		die(target);
	close(fd);
	close(mount);
	close(fs);
}

static void inside(int root, const int *devices, int go, char **command)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
	const unsigned int nothing = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	char byte;
	int dev;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || unshare(CLONE_NEWCGROUP) < 0)
		die("ids");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || sys_move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("root");
	new_mount(root, "proc", "proc", nothing);
	new_mount(root, "sysfs", "sys", nothing | MOUNT_ATTR_RDONLY);
	new_mount(root, "cgroup2", "sys/fs/cgroup", nothing);
	new_mount(root, "tmpfs", "dev", MOUNT_ATTR_NOSUID);
	new_mount(root, "devpts", "dev/pts", MOUNT_ATTR_NOSUID);
	new_mount(root, "tmpfs", "dev/shm", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	new_mount(root, "mqueue", "dev/mqueue", nothing);
	new_mount(root, "tmpfs", "run", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	dev = openat(root, "dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 6; i++) {
		close(openat(dev, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
		if (sys_move_mount(devices[i], "", dev, names[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			die(names[i]);
	}
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 || sethostname("floor", 5) < 0)
		die("pivot_root");
	setsid();
	/* What it prints is nobody's to wait for. */
	dev = open("/dev/null", O_RDWR);
	if (dup2(dev, 0) < 0 || dup2(dev, 1) < 0 || dup2(dev, 2) < 0)
		_exit(1);
	execv(command[0], command);
	_exit(127);
}

static int start(const char *cgroup, const char *rootfs, char **command)
{
	static const char *const sources[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
	struct clone_args arguments = { .flags = NAMESPACES | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	struct mount_attr idmap = { .attr_set = MOUNT_ATTR_IDMAP };
	int go[2], done[2], devices[6], root, group;
	char path[128], map[64], byte;
	pid_t pid;

	if (mkdir(cgroup, 0755) < 0 || (group = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		die(cgroup);
	root = sys_open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	for (int i = 0; i < 6; i++)
		devices[i] = sys_open_tree(AT_FDCWD, sources[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (root < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		die(rootfs);
	arguments.cgroup = (uint64_t)group;
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		close(done[0]);
		inside(root, devices, go[0], command);
	}
	if (pid < 0)
		die("clone3");
	snprintf(map, sizeof(map), "0 %u 65536\n", FIRST_ID);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	put(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	put(path, map);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	idmap.userns_fd = (uint64_t)open(path, O_RDONLY | O_CLOEXEC);
	if (sys_mount_setattr(root, "", AT_EMPTY_PATH, &idmap, sizeof(idmap)) < 0)
		die("idmap");
	close(done[1]);
	if (write(go[1], "x", 1) != 1)
		die("go");
	/* Its end of the pipe closes by the exec. */
	(void)!read(done[0], &byte, 1);
	printf("%d\n", pid);
	return 0;
}

static int run_exec(pid_t target, char **command)
{
	int fd = (int)syscall(SYS_pidfd_open, target, 0), status;
	pid_t pid;

	if (fd < 0 || setns(fd, NAMESPACES | CLONE_NEWCGROUP) < 0)
		die("setns");
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			_exit(125);
		execv(command[0], command);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop(const char *cgroup)
{
	char path[512], text[128];
	int events;

	snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup);
	put(path, "1");
	snprintf(path, sizeof(path), "%s/cgroup.events", cgroup);
	events = open(path, O_RDONLY | O_CLOEXEC);
	for (;;) {
		ssize_t got = pread(events, text, sizeof(text) - 1, 0);

		text[got > 0 ? got : 0] = '\0';
		if (strstr(text, "populated 0"))
			break;
		poll(&(struct pollfd){ .fd = events, .events = POLLPRI }, 1, 1000);
	}
	if (rmdir(cgroup) < 0)
		die(cgroup);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "start"))
		return start(argv[2], argv[3], argv + 4);
	if (argc > 3 && !strcmp(argv[1], "exec"))
		return run_exec(atoi(argv[2]), argv + 3);
	if (argc == 3 && !strcmp(argv[1], "stop"))
		return stop(argv[2]);
	return 2;
}
