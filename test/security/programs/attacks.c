/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What root of a guest tries to get at the host, its neighbours or the kernel: one attack by its name. Each ends with 0 when it worked and 1, with the reason, when something stopped it;
 * 77 when this kernel has nothing to attack. Run on the host by its root the same attacks work: that is the control.
 *
 *   attacks list       names, one a line
 *   attacks table      the rows of docs/security.md
 *   attacks NAME
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NOTHING_THERE 77

/* 0 when a call gave what it should not. */
static int worked(long result)
{
	if (result >= 0)
		return 0;
	return -errno;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Opened for writing is enough: nothing of the host's is changed by the control. */
static int open_to_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_APPEND);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int read_file(const char *path, size_t least)
{
	char buffer[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));

	return got < 0 ? -errno : got >= (ssize_t)least ? 0 : -ENODATA;
}

/* --- system calls -------------------------------------------------------------------------------------------------------------- */

static int af_alg(void) { return worked(socket(38, SOCK_SEQPACKET, 0)); }
static int af_vsock(void) { return worked(socket(40, SOCK_STREAM, 0)); }
static int af_key(void) { return worked(socket(15, SOCK_RAW, 2)); }
static int netlink_audit(void) { return worked(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)); }
static int keyring_session(void) { return worked(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "attack")); }
static int keyring_add(void) { return worked(syscall(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING)); }
static int keyring_helper(void) { return syscall(SYS_request_key, "user", "attack-none", "", 0) < 0 && errno == ENOKEY ? 0 : -errno; }
static int userfaultfd_open(void) { return worked(syscall(SYS_userfaultfd, O_CLOEXEC)); }
static int memfd_secret_open(void)
{
	long fd = syscall(SYS_memfd_secret, 0);

	return fd < 0 && errno == ENOSYS ? NOTHING_THERE : worked(fd);
}

static int bpf_map(void)
{
	union bpf_attr attributes = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return worked(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static int perf_watch(void)
{
	struct perf_event_attr attributes = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attributes), .config = PERF_COUNT_SW_CONTEXT_SWITCHES };

	return worked(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int io_uring(void)
{
	char parameters[256] = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, parameters);

	return worked(fd);
}

static int handle_open(void)
{
	struct { struct file_handle handle; unsigned char bytes[128]; } file = { .handle = { .handle_bytes = 128 } };
	int id, fd = open("/", O_RDONLY | O_DIRECTORY);

	if (name_to_handle_at(fd, ".", &file.handle, &id, 0) < 0)
		return -errno;
	return worked(open_by_handle_at(fd, &file.handle, O_RDONLY));
}

static int clock_set(void)
{
	struct timex none = { .modes = ADJ_OFFSET_SINGLESHOT, .offset = 0 };

	return worked(adjtimex(&none));
}

static int clock_step(void)
{
	struct timespec now;

	/* A nanosecond is a step as well. */
	clock_gettime(CLOCK_REALTIME, &now);
	return worked(clock_settime(CLOCK_REALTIME, &now));
}

static int port_access(void)
{
#ifdef __x86_64__
	return worked(ioperm(0x80, 1, 1));
#else
	return NOTHING_THERE;
#endif
}

static int module_load(void)
{
	/* An empty image is refused as such by a kernel that would have loaded a good one. */
	return syscall(SYS_init_module, "", 0, "") < 0 && errno == ENOEXEC ? 0 : errno == ENOSYS ? NOTHING_THERE : -errno;
}

static int kernel_replace(void)
{
	return syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0 ? 0 : errno == ENOSYS ? NOTHING_THERE : -errno;
}

static int swap_add(void)
{
	return swapon("/nonexistent-swap", 0) < 0 && errno == ENOENT ? 0 : errno == ENOSYS ? NOTHING_THERE : -errno;
}

static int quota_read(void)
{
	return quotactl(QCMD(Q_SYNC, 0), NULL, 0, NULL) == 0 ? 0 : errno == ENOSYS ? NOTHING_THERE : -errno;
}

static int process_accounting(void)
{
	return acct("/nonexistent-acct") < 0 && errno == ENOENT ? 0 : errno == ENOSYS ? NOTHING_THERE : -errno;
}

static int nested_userns(void) { return worked(unshare(CLONE_NEWUSER)); }

static int clone3_call(void)
{
	struct { uint64_t fields[11]; } arguments = { .fields = { 0 } };

	arguments.fields[4] = SIGCHLD;
	long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0)
		_exit(0);
	return worked(pid);
}

static int kernel_log(void) { return worked(syscall(SYS_syslog, 3, (char[4096]){ 0 }, 4096)); }
static int fanotify_mount(void)
{
	int fd = (int)syscall(SYS_fanotify_init, 0, O_RDONLY);

	if (fd < 0)
		return errno == ENOSYS ? NOTHING_THERE : -errno;
	return worked(syscall(SYS_fanotify_mark, fd, 0x00000011, 0x00000020, AT_FDCWD, "/"));
}

static int nice_up(void) { return worked(setpriority(PRIO_PROCESS, 0, -20)); }
static int realtime(void) { return worked(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 50 })); }
static int oom_immune(void) { return write_file("/proc/self/oom_score_adj", "-1000"); }
static int limit_raise(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
	return worked(setrlimit(RLIMIT_MEMLOCK, &limit));
}

/* --- terminals ----------------------------------------------------------------------------------------------------------------------- */

static int terminal_input(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, unlock = 0;
	char byte = 'x';
	pid_t pid;
	int status;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	pid = fork();
	if (pid == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		_exit(ioctl(slave, TIOCSTI, &byte) < 0 ? (errno == EIO ? 77 : 1) : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == 77 ? NOTHING_THERE : WEXITSTATUS(status) ? -EPERM : 0;
}

/* --- /proc and /sys ---------------------------------------------------------------------------------------------------------------------- */

static int core_pattern(void) { return open_to_write("/proc/sys/kernel/core_pattern"); }
static int modprobe_path(void) { return open_to_write("/proc/sys/kernel/modprobe"); }
static int sysrq(void) { return open_to_write("/proc/sysrq-trigger"); }
static int binfmt(void)
{
	int r = open_to_write("/proc/sys/fs/binfmt_misc/register");

	return r == -ENOENT ? NOTHING_THERE : r;
}
static int kcore(void) { return access("/proc/kcore", F_OK) < 0 ? NOTHING_THERE : read_file("/proc/kcore", 1); }
static int sysctl_vm(void) { return open_to_write("/proc/sys/vm/overcommit_memory"); }
static int sysctl_net(void) { return access("/proc/sys/net/core/bpf_jit_enable", F_OK) < 0 ? NOTHING_THERE : open_to_write("/proc/sys/net/core/bpf_jit_enable"); }
static int slabinfo(void) { return access("/proc/slabinfo", F_OK) < 0 ? NOTHING_THERE : read_file("/proc/slabinfo", 1); }
static int vmallocinfo(void) { return access("/proc/vmallocinfo", F_OK) < 0 ? NOTHING_THERE : read_file("/proc/vmallocinfo", 1); }
static int timer_list(void) { return access("/proc/timer_list", F_OK) < 0 ? NOTHING_THERE : read_file("/proc/timer_list", 1); }
static int drop_caches(void) { return open_to_write("/proc/sys/vm/drop_caches"); }
static int page_flags(void) { return access("/proc/kpageflags", F_OK) < 0 ? NOTHING_THERE : read_file("/proc/kpageflags", 8); }
static int irq_affinity(void) { return access("/proc/irq/default_smp_affinity", F_OK) < 0 ? NOTHING_THERE : open_to_write("/proc/irq/default_smp_affinity"); }
static int kernel_addresses(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long address = 0;

	if (!file)
		return NOTHING_THERE;
	if (fscanf(file, "%lx", &address) != 1)
		address = 0;
	fclose(file);
	return address ? 0 : -EPERM;
}

static int uevent_helper(void) { return access("/sys/kernel/uevent_helper", F_OK) < 0 ? NOTHING_THERE : open_to_write("/sys/kernel/uevent_helper"); }
static int sys_power(void) { return access("/sys/power/state", F_OK) < 0 ? NOTHING_THERE : open_to_write("/sys/power/state"); }
static int sys_remount(void)
{
	if (mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return -errno;
	return open_to_write("/sys/kernel/mm/transparent_hugepage/enabled");
}

/* --- mounts and devices ----------------------------------------------------------------------------------------------------------------- */

/* At /tmp/attack until leave(). */
static int mount_at(const char *type, const char *options)
{
	mkdir("/tmp/attack", 0700);
	return mount("none", "/tmp/attack", type, 0, options) < 0 ? -errno : 0;
}

/* The control is run on the host, where nothing is to stay. */
static int leave(int result)
{
	umount2("/tmp/attack", MNT_DETACH);
	rmdir("/tmp/attack");
	return result == -ENODEV ? NOTHING_THERE : result;
}

static int mount_type(const char *type) { return leave(mount_at(type, NULL)); }
static int debugfs(void) { return mount_type("debugfs"); }
static int tracefs(void) { return mount_type("tracefs"); }
static int securityfs(void) { return mount_type("securityfs"); }
static int devtmpfs(void) { return mount_type("devtmpfs"); }
static int device_node(mode_t type, unsigned int major, unsigned int minor)
{
	int fd;

	unlink("/tmp/attack-node");
	if (mknod("/tmp/attack-node", type | 0600, makedev(major, minor)) < 0)
		return -errno;
	fd = open("/tmp/attack-node", O_RDONLY | O_NONBLOCK);
	unlink("/tmp/attack-node");
	return fd < 0 ? (errno == ENXIO || errno == ENODEV ? NOTHING_THERE : -errno) : 0;
}
static int device_memory(void) { return device_node(S_IFCHR, 1, 1); }
static int device_kmsg(void) { return device_node(S_IFCHR, 1, 11); }
static int device_loop(void) { return device_node(S_IFBLK, 7, 0); }
static int device_fuse(void) { return device_node(S_IFCHR, 10, 229); }
static int device_tun(void) { return device_node(S_IFCHR, 10, 200); }
static int device_disk(void)
{
	struct stat st;

	/* The disk that the root filesystem is on. */
	return stat("/", &st) < 0 ? -errno : major(st.st_dev) == 0 ? NOTHING_THERE : device_node(S_IFBLK, major(st.st_dev), minor(st.st_dev));
}

/* Up from the root directory, the old way: chroot into a directory and walk out of it. */
static int chroot_walk(void)
{
	struct stat before, after;
	char ours[256] = "";
	int fd = open("/", O_RDONLY | O_DIRECTORY), r;

	(void)!readlink("/proc/self/root", ours, sizeof(ours) - 1);
	if (stat("/", &before) < 0 || fd < 0 || mkdir("/tmp/attack-root", 0700) < 0 ? errno != EEXIST : 0)
		return -errno;
	if (chroot("/tmp/attack-root") < 0 || fchdir(fd) < 0)
		return -errno;
	for (int i = 0; i < 100; i++)
		(void)!chdir("..");
	/* Where it has come out: at its own root, or above it? */
	r = chroot(".");
	rmdir("/tmp/attack-root");
	if (r < 0 || stat("/", &after) < 0)
		return -errno;
	return before.st_dev == after.st_dev && before.st_ino == after.st_ino ? -EXDEV : 0;
}

static int cgroup_release_agent(void)
{
	int r = mount_at("cgroup", "memory");

	if (r < 0)
		r = mount_at("cgroup", "none,name=attack");
	return leave(r < 0 ? r : open_to_write("/tmp/attack/release_agent"));
}

static int cgroup_limit(void)
{
	static const char *const files[] = { "/sys/fs/cgroup/../memory.max", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/cgroup.max.descendants", "/sys/fs/cgroup/cgroup.freeze" };
	int last = NOTHING_THERE;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_WRONLY);

		if (fd >= 0)
			return 0;
		if (errno != ENOENT)
			last = -errno;
	}
	return last;
}

/* --- other processes ------------------------------------------------------------------------------------------------------------------------ */

static int host_processes(void)
{
	/* The kernel's own threads are children of 2, which is the host's. */
	return access("/proc/2/comm", F_OK) == 0 && readlink("/proc/2/exe", (char[8]){ 0 }, 8) < 0 && errno == ENOENT ? 0 : -ESRCH;
}

static int capability_new(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	/* Loading modules is nobody's but the host's. */
	return data[0].permitted & 1u << CAP_SYS_MODULE ? 0 : -EPERM;
}

static int group_zero(void)
{
	/* An id of the host's outside the range. */
	return worked(setresuid(70000, 70000, 70000));
}

static int host_namespace(void)
{
	int fd = open("/proc/1/ns/user", O_RDONLY), own = open("/proc/self/ns/user", O_RDONLY), parent = fd < 0 ? -1 : ioctl(own, 0xb702);

	/* NS_GET_PARENT of the user namespace: a descriptor of the host's would be half the way. */
	if (parent < 0)
		return errno == EPERM ? -EPERM : -errno;
	return 0;
}

/* --- the table -------------------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(void);
	const char *tried, *stopped_by;
	bool no_control;	/* the host's root has it stopped too, or has nowhere to go */
} attacks[] = {
	{ "af-alg", af_alg, "open the kernel's crypto interface (page cache written through it, CVE-2026-31431)", "seccomp: socket family", false },
	{ "af-vsock", af_vsock, "talk to the hypervisor", "seccomp: socket family", false },
	{ "af-key", af_key, "IPsec's old socket family", "seccomp: socket family", false },
	{ "netlink-audit", netlink_audit, "the host's audit", "seccomp: netlink protocol", false },
	{ "keyring-session", keyring_session, "join a session keyring", "seccomp: keyctl", false },
	{ "keyring-add", keyring_add, "add keys, quota by host uid", "seccomp: add_key", false },
	{ "keyring-helper", keyring_helper, "have the host run /sbin/request-key", "seccomp: request_key", false },
	{ "userfaultfd", userfaultfd_open, "hold kernel code at a chosen place", "seccomp", false },
	{ "memfd-secret", memfd_secret_open, "memory that cannot be reclaimed", "seccomp", false },
	{ "bpf", bpf_map, "load programs into the kernel", "seccomp, capabilities", false },
	{ "perf", perf_watch, "watch the host and its other guests", "seccomp, capabilities", false },
	{ "io-uring", io_uring, "system calls that no filter sees", "seccomp: ENOSYS", false },
	{ "handle", handle_open, "open any inode past every directory (shocker)", "seccomp, capabilities", false },
	{ "clock-adjust", clock_set, "slew the host's clock", "seccomp, capabilities", false },
	{ "clock-step", clock_step, "set the host's clock", "seccomp, capabilities", true },
	{ "port-io", port_access, "raw hardware ports", "seccomp, capabilities", false },
	{ "module-load", module_load, "load a kernel module", "seccomp, capabilities", false },
	{ "kexec", kernel_replace, "replace the kernel", "seccomp, capabilities", false },
	{ "swapon", swap_add, "add swap to the host", "seccomp, capabilities", false },
	{ "quota", quota_read, "the host's disk quotas", "seccomp, capabilities", false },
	{ "acct", process_accounting, "the host's process accounting", "seccomp, capabilities", false },
	{ "nested-userns", nested_userns, "a user namespace of one's own: most of the kernel's root-only code", "seccomp (open with nesting)", false },
	{ "clone3", clone3_call, "namespaces by a call whose flags no filter sees", "seccomp: ENOSYS (open with nesting)", false },
	{ "syslog", kernel_log, "read the host's kernel log", "capabilities: not SYSLOG", false },
	{ "fanotify", fanotify_mount, "watch all files of a mount", "capabilities of the user namespace", false },
	{ "nice", nice_up, "run before everybody else", "user namespace: RLIMIT_NICE", false },
	{ "realtime", realtime, "a realtime priority", "user namespace: RLIMIT_RTPRIO", false },
	{ "oom-immune", oom_immune, "never be chosen by the OOM killer", "user namespace", false },
	{ "limit-raise", limit_raise, "raise a hard resource limit", "user namespace: CAP_SYS_RESOURCE is the host's", false },
	{ "tiocsti", terminal_input, "type into a terminal on behalf of its user", "seccomp: ioctl", false },
	{ "core-pattern", core_pattern, "have the host run a program at a crash", "ownership: the host's root", false },
	{ "modprobe-path", modprobe_path, "have the host run a program as modprobe", "ownership: the host's root", false },
	{ "sysrq", sysrq, "reboot, crash, kill everything", "ownership: the host's root", false },
	{ "binfmt", binfmt, "register an interpreter for all", "ownership: the host's root", false },
	{ "kcore", kcore, "read the kernel's memory", "ownership, capabilities", false },
	{ "sysctl-vm", sysctl_vm, "change how the host overcommits", "ownership: the host's root", false },
	{ "sysctl-net", sysctl_net, "change global network settings", "ownership: the host's network namespace", false },
	{ "slabinfo", slabinfo, "the kernel's caches: what others do", "ownership: the host's root", false },
	{ "vmallocinfo", vmallocinfo, "kernel addresses", "ownership: the host's root", false },
	{ "timer-list", timer_list, "timers of all processes", "ownership: the host's root", false },
	{ "drop-caches", drop_caches, "empty everybody's page cache", "ownership: the host's root", false },
	{ "page-flags", page_flags, "physical memory of all", "ownership: the host's root", false },
	{ "irq-affinity", irq_affinity, "move interrupts", "ownership: the host's root", false },
	{ "kernel-addresses", kernel_addresses, "kallsyms with addresses", "capabilities: not SYSLOG", false },
	{ "uevent-helper", uevent_helper, "have the host run a program at a device event", "/sys is read-only, ownership", false },
	{ "sys-power", sys_power, "suspend the host", "/sys is read-only, ownership", false },
	{ "sys-remount", sys_remount, "make /sys writable and use it", "ownership: the host's root", true },
	{ "debugfs", debugfs, "mount debugfs", "user namespace: not mountable", false },
	{ "tracefs", tracefs, "mount tracefs", "user namespace: not mountable", false },
	{ "securityfs", securityfs, "mount securityfs", "user namespace: not mountable", false },
	{ "devtmpfs", devtmpfs, "mount the host's /dev", "user namespace: not mountable", false },
	{ "device-memory", device_memory, "make and open /dev/mem", "user namespace: mknod; device filter", false },
	{ "device-kmsg", device_kmsg, "make and open /dev/kmsg", "user namespace: mknod; device filter", false },
	{ "device-loop", device_loop, "make and open a loop device", "user namespace: mknod; device filter", false },
	{ "device-fuse", device_fuse, "make and open /dev/fuse", "user namespace: mknod; device filter", false },
	{ "device-tun", device_tun, "make and open /dev/net/tun", "user namespace: mknod; device filter", false },
	{ "device-disk", device_disk, "make and open the host's disk", "user namespace: mknod; device filter", false },
	{ "chroot-walk", chroot_walk, "walk out of a chroot to the host's root", "pivot_root: there is nothing above", true },
	{ "release-agent", cgroup_release_agent, "a release_agent of cgroup v1 (CVE-2022-0492)", "user namespace: cgroup v1 is not mountable", false },
	{ "cgroup-limit", cgroup_limit, "lift its own limits", "cgroup namespace, ownership: the limits are one level up", true },
	{ "host-processes", host_processes, "see the host's processes", "pid namespace", true },
	{ "capability", capability_new, "have a capability over the host", "bounding set", false },
	{ "foreign-id", group_zero, "become an id that is not its own", "user namespace: ids are not mapped", false },
	{ "host-namespace", host_namespace, "a descriptor of the host's user namespace", "user namespace: no parent above the host's", true },
};

int main(int argc, char **argv)
{
	int r;

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (!strcmp(argv[1], "list"))
			printf("%s%s\n", attacks[i].name, attacks[i].no_control ? " no-control" : "");
		else if (!strcmp(argv[1], "table"))
			printf("| %s | %s | %s |\n", attacks[i].name, attacks[i].tried, attacks[i].stopped_by);
		else if (!strcmp(argv[1], attacks[i].name)) {
			errno = 0;
			r = attacks[i].run();
			if (r == NOTHING_THERE)
				return 77;
			printf("%s: %s\n", attacks[i].name, r == 0 ? "it worked" : strerror(-r));
			return r == 0 ? 0 : 1;
		}
	}
	return !strcmp(argv[1], "list") || !strcmp(argv[1], "table") ? 0 : 2;
}
