/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check: what the host lacks for containers and how to get it. Looks only; changes nothing. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/syscalls.h"
#include "container/instance.h"
#include "cgroup/controllers.h"
#include "net/firewall.h"

struct checking {
	struct berth *berth;
	const struct cgroup_host *cgroups;	/* NULL without cgroup v2 */
};

typedef void (*check_function)(const struct checking *checking, struct berth_finding *finding);

__attribute__((format(printf, 3, 4)))
static void found(struct berth_finding *finding, enum berth_verdict verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding->found, sizeof(finding->found), format, arguments);
	va_end(arguments);
	finding->verdict = verdict;
}

static void remedy(struct berth_finding *finding, const char *text)
{
	snprintf(finding->remedy, sizeof(finding->remedy), "%s", text);
}

static void check_kernel(const struct checking *checking, struct berth_finding *finding)
{
	struct utsname machine;
	int major = 0, minor = 0;

	(void)checking;
	uname(&machine);
	(void)sscanf(machine.release, "%d.%d", &major, &minor);
	found(finding, major > 5 || (major == 5 && minor >= 15) ? BERTH_GOOD : BERTH_MISSING, "%.64s", machine.release);
	if (finding->verdict != BERTH_GOOD)
		remedy(finding, "install Linux 5.15 or newer");
}

static void check_root(const struct checking *checking, struct berth_finding *finding)
{
	(void)checking;
	found(finding, geteuid() == 0 ? BERTH_GOOD : BERTH_MISSING, "uid %u", geteuid());
	if (geteuid() != 0)
		remedy(finding, "run berthctl as root");
}

static void check_cgroup(const struct checking *checking, struct berth_finding *finding)
{
	bool v1 = false;

	if (!checking->cgroups) {
		found(finding, BERTH_MISSING, "not mounted");
		remedy(finding, "mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup");
		return;
	}
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		v1 = v1 || checking->cgroups->version[c] == CONTROLLER_V1;
	found(finding, v1 ? BERTH_WEAK : BERTH_GOOD, v1 ? "hybrid: some controllers are held by cgroup v1" : "v2 only");
	if (v1)
		remedy(finding, "boot with cgroup_no_v1=all for memory-high; the other limits are driven through v1");
}

static void check_nsdelegate(const struct checking *checking, struct berth_finding *finding)
{
	bool on = checking->cgroups && checking->cgroups->nsdelegate;

	found(finding, on ? BERTH_GOOD : BERTH_WEAK, on ? "on" : "off");
	if (!on)
		remedy(finding, "mount -o remount,nsdelegate on the cgroup2 mount; without it only file ownership keeps a guest in its cgroup");
}

static void check_controllers(const struct checking *checking, struct berth_finding *finding)
{
	char missing[96] = "";

	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		if (!checking->cgroups || checking->cgroups->version[c] == CONTROLLER_ABSENT)
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", controller_name(c));
	found(finding, missing[0] ? BERTH_WEAK : BERTH_GOOD, missing[0] ? "missing:%s" : "all%s", missing);
	if (missing[0])
		remedy(finding, "their limits are refused; use a kernel with them (for memory: boot with cgroup_enable=memory)");
}

static void check_swap_limit(const struct checking *checking, struct berth_finding *finding)
{
	bool v1 = checking->cgroups && checking->cgroups->version[CONTROLLER_MEMORY] == CONTROLLER_V1;
	bool there = true;

	if (v1) {
		char path[128];

		snprintf(path, sizeof(path), "%s/memory.memsw.limit_in_bytes", checking->cgroups->v1_mount[CONTROLLER_MEMORY]);
		there = access(path, F_OK) == 0;
	} else if (access("/proc/swaps", F_OK) != 0) {
		there = false;
	}
	found(finding, there ? BERTH_GOOD : BERTH_WEAK, there ? "limits can be enforced" : "no swap accounting");
	if (!there)
		remedy(finding, "boot with swapaccount=1; until then the key swap is refused");
}

static bool make_namespaces(int flags)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(unshare(flags) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_namespaces(const struct checking *checking, struct berth_finding *finding)
{
	static const struct { int flag; const char *name; } kinds[] = {
		{ CLONE_NEWUSER, "user" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWNS, "mount" }, { CLONE_NEWNET, "net" },
		{ CLONE_NEWUTS, "uts" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWTIME, "time" },
	};
	char missing[96] = "";

	(void)checking;
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		if (!make_namespaces(kinds[i].flag))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", kinds[i].name);
	found(finding, missing[0] ? BERTH_MISSING : BERTH_GOOD, missing[0] ? "missing:%s" : "all%s", missing);
	if (missing[0])
		remedy(finding, "use a kernel with them and look at sysctl user.max_*_namespaces");
}

static void check_openat2(const struct checking *checking, struct berth_finding *finding)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	CLEAN_FD int fd = sys_openat2(AT_FDCWD, ".", &how);

	(void)checking;
	found(finding, fd >= 0 ? BERTH_GOOD : BERTH_MISSING, fd >= 0 ? "works" : "refused");
	if (fd < 0)
		remedy(finding, "a container or seccomp filter around Berth keeps openat2(2) from it");
}

static void check_bpf(const struct checking *checking, struct berth_finding *finding)
{
	struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1 }, { .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = 2 };

	(void)checking;
	load.insns = (uint64_t)(uintptr_t)program;
	load.license = (uint64_t)(uintptr_t)"LGPL";
	CLEAN_FD int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	found(finding, fd >= 0 ? BERTH_GOOD : BERTH_MISSING, fd >= 0 ? "works" : "%s", strerror(errno));
	if (fd < 0)
		remedy(finding, "use a kernel with CONFIG_CGROUP_BPF");
}

static void check_storage(const struct checking *checking, struct berth_finding *finding)
{
	struct berth_error ignored;
	CLEAN_FD int fd = instance_directory(checking->berth, DIRECTORY_CONTAINERS, &ignored);
	struct statfs fs = { 0 };
	const char *name = "unknown";
	bool good = true;

	if (fd >= 0)
		(void)fstatfs(fd, &fs);
	switch ((unsigned long)fs.f_type) {
	case 0xef53: name = "ext4"; break;
	case 0x58465342: name = "xfs"; break;
	case 0x9123683e: name = "btrfs"; break;
	case 0x01021994: name = "tmpfs"; break;
	case 0x794c7630: name = "overlay"; good = false; break;
	case 0x6969: name = "nfs"; good = false; break;
	default: break;
	}
	found(finding, good ? BERTH_GOOD : BERTH_MISSING, "%s, %llu MiB free", name,
	      (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_bsize / 1048576);
	if (!good)
		remedy(finding, "it cannot be idmapped: put /var/lib/berth on ext4, xfs or btrfs");
}

static void check_nftables(const struct checking *checking, struct berth_finding *finding)
{
	bool there = access("/proc/sys/net/netfilter", F_OK) == 0 || firewall_present();

	(void)checking;
	found(finding, there ? BERTH_GOOD : BERTH_WEAK, there ? "there" : "not loaded");
	if (!there)
		remedy(finding, "modprobe nf_tables; it is loaded at the first start of a container with an address otherwise");
}

struct sysctl_row {
	const char *path, *what;
	long least;		/* value must be at least this */
	const char *remedy;
};

static const struct sysctl_row sysctls[] = {
	{ "/proc/sys/kernel/dmesg_restrict", "kernel.dmesg_restrict", 1, "sysctl kernel.dmesg_restrict=1: the kernel's log is the host's" },
	{ "/proc/sys/kernel/kptr_restrict", "kernel.kptr_restrict", 1, "sysctl kernel.kptr_restrict=1" },
	{ "/proc/sys/kernel/unprivileged_bpf_disabled", "kernel.unprivileged_bpf_disabled", 1, "sysctl kernel.unprivileged_bpf_disabled=2" },
	{ "/proc/sys/kernel/pid_max", "kernel.pid_max", 1048576, "sysctl kernel.pid_max=4194304: pids are shared by all guests" },
	{ "/proc/sys/kernel/keys/maxkeys", "kernel.keys.maxkeys", 2000, "sysctl kernel.keys.maxkeys=2000" },
	{ "/proc/sys/fs/inotify/max_user_instances", "fs.inotify.max_user_instances", 1024,
	  "sysctl fs.inotify.max_user_instances=8192: systemd guests use dozens; each container has a budget of its own" },
	{ "/proc/sys/fs/protected_symlinks", "fs.protected_symlinks", 1, "sysctl fs.protected_symlinks=1" },
	{ "/proc/sys/fs/protected_hardlinks", "fs.protected_hardlinks", 1, "sysctl fs.protected_hardlinks=1" },
	{ "/proc/sys/net/ipv4/neigh/default/gc_thresh3", "net.ipv4.neigh.default.gc_thresh3", 4096,
	  "sysctl net.ipv4.neigh.default.gc_thresh3=8192: the neighbour table is shared by all guests" },
};

static void check_sysctl(const struct sysctl_row *row, struct berth_finding *finding)
{
	char text[64];

	finding->what = row->what;
	if (read_small_at(AT_FDCWD, row->path, text, sizeof(text)) < 0) {
		/* A kernel without the thing has not its danger either. */
		found(finding, BERTH_GOOD, "not in this kernel");
		return;
	}
	found(finding, strtol(text, NULL, 10) >= row->least ? BERTH_GOOD : BERTH_WEAK, "%s", text);
	if (finding->verdict != BERTH_GOOD)
		remedy(finding, row->remedy);
}

static const struct {
	const char *what;
	check_function check;
} checks[] = {
	{ "root", check_root },
	{ "kernel", check_kernel },
	{ "cgroup", check_cgroup },
	{ "cgroup nsdelegate", check_nsdelegate },
	{ "cgroup controllers", check_controllers },
	{ "swap limit", check_swap_limit },
	{ "namespaces", check_namespaces },
	{ "openat2", check_openat2 },
	{ "device filter", check_bpf },
	{ "storage", check_storage },
	{ "nftables", check_nftables },
};

int berth_check(struct berth *berth, berth_finding_function function, void *data, struct berth_error *err)
{
	struct checking checking = { .berth = berth };
	struct berth_error ignored;
	int missing = 0, r = 0;

	(void)err;
	if (cgroup_host_get(&checking.cgroups, &ignored) < 0)
		checking.cgroups = NULL;
	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(checks); i++) {
		struct berth_finding finding = { .what = checks[i].what };

		checks[i].check(&checking, &finding);
		missing += finding.verdict == BERTH_MISSING;
		r = function(&finding, data);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(sysctls); i++) {
		struct berth_finding finding = { 0 };

		check_sysctl(&sysctls[i], &finding);
		r = function(&finding, data);
	}
	return r < 0 ? r : missing;
}
