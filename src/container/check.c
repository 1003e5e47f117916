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

#include "base/block_device.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/syscalls.h"
#include "container/connection.h"
#include "container/host.h"
#include "container/instance.h"
#include "cgroup/controllers.h"
#include "net/ruleset.h"

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

static void check_guarantees(const struct checking *checking, struct berth_finding *finding)
{
	bool v2 = checking->cgroups && checking->cgroups->version[CONTROLLER_MEMORY] == CONTROLLER_V2;
	bool on = v2 && checking->cgroups->recursiveprot;

	found(finding, on ? BERTH_GOOD : BERTH_WEAK, on ? "can be kept" : v2 ? "cgroup2 is mounted without memory_recursiveprot" :
									     "the memory controller is not cgroup v2's");
	if (!on)
		remedy(finding, v2 ? "mount -o remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup; until then memory-guarantee is refused" :
				     "boot with cgroup_no_v1=all; until then memory-guarantee is refused");
}

static void check_controllers(const struct checking *checking, struct berth_finding *finding)
{
	char missing[400] = "";

	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		if (!checking->cgroups || checking->cgroups->version[c] == CONTROLLER_ABSENT)
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s %s (%s)", missing[0] ? "," : "", controller_name(c), controller_absence(c));
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

/* Not much is needed: what has not been touched for long makes room for what is at work. */
static void check_swap(const struct checking *checking, struct berth_finding *finding)
{
	struct host_resources resources = { .swap = 0 };
	struct berth_error ignored;

	(void)host_resources_read(checking->berth, &resources, &ignored);
	found(finding, resources.swap ? BERTH_GOOD : BERTH_WEAK, resources.swap ? "%llu MiB" : "none", (unsigned long long)resources.swap >> 20);
	if (!resources.swap)
		remedy(finding, "add some, best compressed memory: modprobe zram; echo 4G > /sys/block/zram0/disksize; mkswap /dev/zram0; swapon /dev/zram0. "
				"Without, the key swap gives nothing");
}

static void check_pressure(const struct checking *checking, struct berth_finding *finding)
{
	bool there = access("/proc/pressure/memory", F_OK) == 0;

	(void)checking;
	found(finding, there ? BERTH_GOOD : BERTH_WEAK, there ? "counted" : "not counted");
	if (!there)
		remedy(finding, "boot with psi=1: until then a container that thrashes is not noticed, and host shows no pressure");
}

static void check_quota(const struct checking *checking, struct berth_finding *finding)
{
	struct berth_storage storage;
	struct berth_error ignored;

	if (berth_storage_show(checking->berth, &storage, &ignored) < 0) {
		found(finding, BERTH_WEAK, "cannot be told");
		remedy(finding, "see the finding storage");
		return;
	}
	found(finding, strcmp(storage.quota, "none") ? BERTH_GOOD : BERTH_WEAK, "%s", storage.quota);
	if (finding->verdict != BERTH_GOOD)
		remedy(finding, storage.remedy);
}

static void check_disk(const struct checking *checking, struct berth_finding *finding)
{
	struct berth_error ignored;
	CLEAN_FD int containers = instance_directory(checking->berth, DIRECTORY_CONTAINERS, &ignored);
	CLEAN_FD int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool v1 = checking->cgroups && checking->cgroups->version[CONTROLLER_IO] == CONTROLLER_V1;
	struct block_device disk = { .found = false };

	if (containers >= 0 && checking->cgroups)
		block_device_find(containers, sys, checking->cgroups->v2_root, &disk);
	if (!disk.found) {
		found(finding, BERTH_WEAK, "none: the storage %.90s", disk.why_not);
		remedy(finding, "io-read-rate and the other io keys are refused; put /var/lib/berth on a disk");
		return;
	}
	found(finding, disk.weights == DISK_WEIGHTS_NONE || v1 ? BERTH_WEAK : BERTH_GOOD, "%u:%u, %s%s", disk.major, disk.minor,
	      disk.weights == DISK_WEIGHTS_NONE ? "obeys no weights" : disk.weights == DISK_WEIGHTS_BFQ ? "weights by bfq" : "weights by io.cost",
	      v1 ? ", writes cannot be limited" : "");
	if (finding->verdict != BERTH_GOOD)
		remedy(finding, v1 ? "boot with cgroup_no_v1=all for io-write-rate and io-write-iops" :
				     "for io-weight: choose the scheduler bfq, or enable io.cost; rates need neither");
}

static void check_policy(const struct checking *checking, struct berth_finding *finding)
{
	CLEAN_POLICY struct policy policy;
	struct berth_error err;

	if (host_policy_read(checking->berth, &policy, &err) < 0) {
		found(finding, BERTH_WEAK, "%.120s", err.text);
		remedy(finding, "mend it: until then create, set and start are refused");
		return;
	}
	found(finding, BERTH_GOOD, "%zu plans", policy.plan_count);
}

static bool make_namespaces(int flags)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(unshare(flags) < 0 ? 1 : 0);
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
	bool there = access("/proc/sys/net/netfilter", F_OK) == 0;
	struct ruleset_found rules;

	(void)checking;
	ruleset_look(&rules);
	there = there || rules.present;
	found(finding, there ? BERTH_GOOD : BERTH_WEAK, there ? "there" : "not loaded");
	if (!there)
		remedy(finding, "modprobe nf_tables; it is loaded at the first start of a container with an address otherwise");
}

/* A firewall that was loaded anew ("flush ruleset") takes Berth's tables along, and with them what keeps guests honest. */
static void check_filters(const struct checking *checking, struct berth_finding *finding)
{
	struct berth_error ignored;
	CLEAN_FD int run = instance_directory(checking->berth, DIRECTORY_RUN, &ignored);
	CLEAN_DIR DIR *dir = list_directory(run);
	unsigned int running = 0, bare = 0;
	struct ruleset_found rules;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		CLEAN_CONTAINER struct container container = { .directory = -EBADF };
		enum berth_state state;

		if (!name_is_valid(entry->d_name) || container_open(checking->berth, entry->d_name, &container, &ignored) < 0)
			continue;
		state = container_state_now(&container);
		if (state != BERTH_RUNNING && state != BERTH_PAUSED)
			continue;
		running++;
		bare += !connection_is_filtered(&container);
	}
	ruleset_look(&rules);
	if (bare)
		found(finding, BERTH_WEAK, "%u of %u running containers are not in nftables", bare, running);
	else if (rules.present && !rules.current)
		found(finding, BERTH_WEAK, "the tables have another Berth's rules");
	else
		found(finding, BERTH_GOOD, "in place for %u running containers", running);
	if (finding->verdict != BERTH_GOOD)
		remedy(finding, "berthctl recover --network; a firewall that flushes the whole ruleset should flush its own tables instead");
}

/* NetworkManager takes every interface that it is not told to leave. */
static void check_managers(const struct checking *checking, struct berth_finding *finding)
{
	static const char *const places[] = { "/etc", "/run", "/usr/lib", "/usr/local/lib" };
	bool there = access("/usr/sbin/NetworkManager", X_OK) == 0 || access("/usr/bin/NetworkManager", X_OK) == 0, told = false;
	char path[128];

	(void)checking;
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		snprintf(path, sizeof(path), "%s/NetworkManager/conf.d/80-berth.conf", places[i]);
		told = told || access(path, F_OK) == 0;
	}
	found(finding, there && !told ? BERTH_WEAK : BERTH_GOOD, there ? told ? "leaves containers' interfaces alone" : "is not told to leave ve-* alone" :
									 "not installed");
	if (there && !told)
		remedy(finding, "copy share/berth/80-berth.conf of the installation to /etc/NetworkManager/conf.d and reload it");
}

struct sysctl_row {
	const char *what;	/* its name, and with slashes its path below /proc/sys */
	bool at_most;		/* the value must not be more than bound; else not less */
	long long bound;
	const char *remedy;	/* after "sysctl NAME=" */
};

/* What all guests share and one can use up, and what the host should not tell them. */
static const struct sysctl_row sysctls[] = {
	{ "kernel.dmesg_restrict", false, 1, "1: the kernel's log is the host's" },
	{ "kernel.kptr_restrict", false, 1, "1: addresses of the kernel help an exploit" },
	{ "kernel.modules_disabled", false, 1, "1 when all that is needed is loaded: else what guests mount, and interfaces that they make, load modules" },
	{ "kernel.unprivileged_bpf_disabled", false, 1, "2" },
	{ "kernel.perf_event_paranoid", false, 2, "3: what the CPU tells of one guest tells of its neighbours" },
	{ "kernel.pid_max", false, 1048576, "4194304: pids are shared by all guests" },
	{ "kernel.threads-max", false, 65536, "1000000: threads are shared by all guests" },
	{ "kernel.keys.maxkeys", false, 2000, "2000: keys are counted for each container's ids" },
	{ "kernel.keys.maxbytes", false, 200000, "2000000" },
	{ "kernel.pty.max", false, 16384, "65536: terminals are shared by all guests; one that mounts a devpts of its own can have all but the reserve" },
	{ "kernel.pty.reserve", false, 1024, "1024: kept for the host's own" },
	{ "fs.inotify.max_user_instances", false, 1024, "8192: systemd guests use dozens; each container has a budget of its own" },
	{ "fs.inotify.max_user_watches", false, 65536, "1048576: a budget for each container" },
	{ "fs.inotify.max_queued_events", false, 16384, "1048576" },
	{ "fs.aio-max-nr", false, 524288, "1048576: one database can use up a small one, which is all guests'" },
	{ "fs.nr_open", false, 1048576, "1048576" },
	{ "fs.file-max", false, 1048576, "9223372036854775807: open files are shared by all guests" },
	{ "fs.protected_symlinks", false, 1, "1" },
	{ "fs.protected_hardlinks", false, 1, "1" },
	{ "vm.max_map_count", false, 65530, "262144: databases inside want as many" },
	{ "vm.overcommit_memory", true, 1, "0: with 2 the host's sum of promises makes fork fail in guests that are within their limit" },
	{ "net.ipv4.neigh.default.gc_thresh3", false, 4096, "8192: the neighbour table is shared by all guests" },
	{ "net.ipv6.neigh.default.gc_thresh3", false, 4096, "8192: the neighbour table is shared by all guests" },
	{ "net.netfilter.nf_conntrack_max", false, 262144, "1048576: the table of connections is shared by all guests; net-connections is a share of it" },
	{ "net.netfilter.nf_log_all_netns", true, 0, "0: else guests fill the host's log" },
	{ "net.core.bpf_jit_harden", false, 1, "2" },
};

static void check_sysctl(const struct sysctl_row *row, struct berth_finding *finding)
{
	char path[128], text[64];
	long long value;
	bool good;

	finding->what = row->what;
	snprintf(path, sizeof(path), "/proc/sys/%s", row->what);
	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	if (read_small_at(AT_FDCWD, path, text, sizeof(text)) < 0) {
		/* A kernel without the thing has not its danger either. */
		found(finding, BERTH_GOOD, "not in this kernel");
		return;
	}
	value = strtoll(text, NULL, 10);
	good = row->at_most ? value <= row->bound : value >= row->bound;
	found(finding, good ? BERTH_GOOD : BERTH_WEAK, "%s", text);
	if (!good)
		snprintf(finding->remedy, sizeof(finding->remedy), "sysctl %s=%s", row->what, row->remedy);
}

/* A program of the host's that is fed what a guest's process chooses to die with. */
static void check_core_pattern(const struct checking *checking, struct berth_finding *finding)
{
	char text[256] = "";

	(void)checking;
	(void)read_small_at(AT_FDCWD, "/proc/sys/kernel/core_pattern", text, sizeof(text));
	found(finding, text[0] == '|' ? BERTH_WEAK : BERTH_GOOD, "%.100s", text);
	if (text[0] == '|')
		remedy(finding, "sysctl kernel.core_pattern=core: a pipe runs a program as the host's root on what guests dump");
}

static void check_suid_dumpable(const struct checking *checking, struct berth_finding *finding)
{
	char text[16] = "";

	(void)checking;
	(void)read_small_at(AT_FDCWD, "/proc/sys/fs/suid_dumpable", text, sizeof(text));
	found(finding, text[0] == '1' ? BERTH_WEAK : BERTH_GOOD, "%s", text);
	if (text[0] == '1')
		remedy(finding, "sysctl fs.suid_dumpable=0: with 1 a process that changes its ids can be traced, for a moment that of berthctl exec too");
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
	{ "memory guarantees", check_guarantees },
	{ "swap limit", check_swap_limit },
	{ "swap", check_swap },
	{ "pressure (PSI)", check_pressure },
	{ "namespaces", check_namespaces },
	{ "openat2", check_openat2 },
	{ "device filter", check_bpf },
	{ "storage", check_storage },
	{ "disk quota", check_quota },
	{ "disk", check_disk },
	{ "berth.conf", check_policy },
	{ "nftables", check_nftables },
	{ "network filters", check_filters },
	{ "NetworkManager", check_managers },
	{ "kernel.core_pattern", check_core_pattern },
	{ "fs.suid_dumpable", check_suid_dumpable },
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
