/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor of the benchmark: a container by the kernel calls that the job needs and no others, each made once and with constants. The work is Berth's: the same
 * namespaces, mounts, cgroups with a limit on memory and on processes, the device filter, the system call filter and the bounding set. There is no configuration, no
 * console, no lock, no state on disk and no monitor; what a runtime takes longer than this is its own.
 *
 *   floor start NAME ROOTFS COMMAND...      all namespaces but time, 65,536 ids, idmapped root, the mounts of a system container; prints the pid when COMMAND was executed
 *   floor run NAME ROOTFS COMMAND...        the same, and waits for its end and removes the cgroups
 *   floor exec NAME PID COMMAND...          in the cgroups and namespaces of PID; its exit status
 *   floor stop NAME                         kills what is in it, waits, removes the cgroups
 *
 * NAME is that of the cgroups that are made and removed, in cgroup2 and, on a hybrid host, in the v1 hierarchies that hold the controllers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "syscall_filter_program.h"

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

/* --- cgroups ---------------------------------------------------------------------------------------------------------------- */

#define UNIFIED "/sys/fs/cgroup/unified"

/* What Berth keeps in v1 on a hybrid host, and the limits that the benchmark's container has. */
static const struct { const char *hierarchy, *file, *value; } v1[] = {
	{ "memory", "memory.limit_in_bytes", "67108864" }, { "cpu", NULL, NULL }, { "cpuset", "cpuset.cpus", NULL }, { "pids", "pids.max", "100" }, { "blkio", NULL, NULL },
};
#define V1_COUNT (sizeof(v1) / sizeof(v1[0]))

static int is_hybrid(void)
{
	return access(UNIFIED, F_OK) == 0;
}

static void copy_of_parent(const char *directory, const char *file)
{
	char path[256], text[256];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/../%s", directory, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	put(path, text);
}

static void attach_device_filter(int group)
{
	const struct bpf_insn allow[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uint64_t)(uintptr_t)allow, .insn_cnt = 2, .license = (uint64_t)(uintptr_t)"GPL" };
	union bpf_attr attach = { .attach_type = BPF_CGROUP_DEVICE, .target_fd = (uint32_t)group };
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	attach.attach_bpf_fd = (uint32_t)program;
	if (program < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		die("device filter");
	close(program);
}

static int open_tasks(const char *name, int *tasks)
{
	char path[256];

	for (size_t i = 0; is_hybrid() && i < V1_COUNT; i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s/tasks", v1[i].hierarchy, name);
		tasks[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (tasks[i] < 0)
			die(path);
	}
	return is_hybrid() ? (int)V1_COUNT : 0;
}

static void make_v1(const char *name)
{
	char directory[128], path[256];

	for (size_t i = 0; i < V1_COUNT; i++) {
		snprintf(directory, sizeof(directory), "/sys/fs/cgroup/%s/%s", v1[i].hierarchy, name);
		if (mkdir(directory, 0755) < 0)
			die(directory);
		if (!strcmp(v1[i].hierarchy, "cpuset")) {
			copy_of_parent(directory, "cpuset.cpus");
			copy_of_parent(directory, "cpuset.mems");
		} else if (v1[i].value) {
			snprintf(path, sizeof(path), "%s/%s", directory, v1[i].file);
			put(path, v1[i].value);
		}
	}
}

/* Two levels: the limits are on the first, the guest is in the second. */
static int make_cgroups(const char *name)
{
	char path[256];
	int group;

	snprintf(path, sizeof(path), "%s/%s", is_hybrid() ? UNIFIED : "/sys/fs/cgroup", name);
	if (mkdir(path, 0755) < 0 || (group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		die(path);
	if (is_hybrid()) {
		make_v1(name);
	} else {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/memory.max", name);
		put(path, "67108864");
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/pids.max", name);
		put(path, "100");
	}
	attach_device_filter(group);
	if (mkdirat(group, "guest", 0755) < 0)
		die("guest");
	return openat(group, "guest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void enter(const int *tasks, int count)
{
	for (int i = 0; i < count; i++)
		if (write(tasks[i], "0", 1) < 0)
			die("tasks");
}

static void confine(void)
{
	static const int dropped[] = { 16, 17, 25, 30, 32, 33, 34, 35, 36, 37, 38, 39, 40 };
	struct sock_fprog program = { .len = sizeof(filter_program) / sizeof(filter_program[0]), .filter = (struct sock_filter *)(uintptr_t)filter_program };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("seccomp");
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0);
}

/* --- start ------------------------------------------------------------------------------------------------------------------ */

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

static void inside(int root, const int *devices, int go, const int *tasks, int task_count, char **command)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
	const unsigned int nothing = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	char byte;
	int dev;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	enter(tasks, task_count);
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
	confine();
	execv(command[0], command);
	_exit(127);
}

static pid_t start(const char *name, const char *rootfs, char **command)
{
	static const char *const sources[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
	struct clone_args arguments = { .flags = NAMESPACES | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	struct mount_attr idmap = { .attr_set = MOUNT_ATTR_IDMAP };
	int go[2], done[2], devices[6], tasks[V1_COUNT], task_count, root, group = make_cgroups(name);
	char path[128], map[64], byte;
	pid_t pid;

	task_count = open_tasks(name, tasks);
	root = sys_open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	for (int i = 0; i < 6; i++)
		devices[i] = sys_open_tree(AT_FDCWD, sources[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (root < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		die(rootfs);
	arguments.cgroup = (uint64_t)group;
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		close(done[0]);
		inside(root, devices, go[0], tasks, task_count, command);
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
	return pid;
}

/* --- exec, stop -------------------------------------------------------------------------------------------------------------- */

static int run_exec(const char *name, pid_t target, char **command)
{
	int fd = (int)syscall(SYS_pidfd_open, target, 0), tasks[V1_COUNT], count = open_tasks(name, tasks), status, group;
	struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	char path[256];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s/guest", is_hybrid() ? UNIFIED : "/sys/fs/cgroup", name);
	group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arguments.cgroup = (uint64_t)group;
	if (group < 0 || fd < 0 || setns(fd, CLONE_NEWPID) < 0)
		die("setns");
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		enter(tasks, count);
		if (setns(fd, (NAMESPACES & ~CLONE_NEWPID) | CLONE_NEWCGROUP) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			_exit(125);
		confine();
		execv(command[0], command);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void remove_cgroups(const char *name)
{
	char cgroup[256], path[512];

	snprintf(cgroup, sizeof(cgroup), "%s/%s", is_hybrid() ? UNIFIED : "/sys/fs/cgroup", name);
	snprintf(path, sizeof(path), "%s/guest", cgroup);
	if (rmdir(path) < 0 || rmdir(cgroup) < 0)
		die(path);
	for (size_t i = 0; is_hybrid() && i < V1_COUNT; i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", v1[i].hierarchy, name);
		if (rmdir(path) < 0)
			die(path);
	}
}

static int run(const char *name, const char *rootfs, char **command)
{
	int status;

	waitpid(start(name, rootfs, command), &status, 0);
	remove_cgroups(name);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop(const char *name)
{
	char cgroup[256], path[512], text[128];
	int events;

	snprintf(cgroup, sizeof(cgroup), "%s/%s", is_hybrid() ? UNIFIED : "/sys/fs/cgroup", name);
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
	remove_cgroups(name);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "start"))
		return printf("%d\n", start(argv[2], argv[3], argv + 4)) < 0;
	if (argc > 4 && !strcmp(argv[1], "run"))
		return run(argv[2], argv[3], argv + 4);
	if (argc > 4 && !strcmp(argv[1], "exec"))
		return run_exec(argv[2], atoi(argv[3]), argv + 4);
	if (argc == 3 && !strcmp(argv[1], "stop"))
		return stop(argv[2]);
	return 2;
}
