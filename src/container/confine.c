/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/confine.h"

#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/syscalls.h"

#include "syscall_filter_program.h"

static const struct {
	cap_value_t value;
	const char *why;
} capabilities_kept[] = {
	{ CAP_CHOWN, "own files" }, { CAP_DAC_OVERRIDE, "root reads its files" }, { CAP_DAC_READ_SEARCH, "backup programs" },
	{ CAP_FOWNER, "own files" }, { CAP_FSETID, "own files" }, { CAP_KILL, "own processes" },
	{ CAP_SETGID, "su, services" }, { CAP_SETUID, "su, services" }, { CAP_SETPCAP, "systemd bounds its services" },
	{ CAP_LINUX_IMMUTABLE, "chattr; void in a user namespace" }, { CAP_NET_BIND_SERVICE, "web servers" },
	{ CAP_NET_BROADCAST, "own network namespace" }, { CAP_NET_ADMIN, "own network namespace" },
	{ CAP_NET_RAW, "ping, tcpdump in the own namespace" }, { CAP_IPC_LOCK, "databases" }, { CAP_IPC_OWNER, "own ipc namespace" },
	{ CAP_SYS_CHROOT, "chroot" }, { CAP_SYS_PTRACE, "gdb, strace" }, { CAP_SYS_PACCT, "void: acct is filtered" },
	{ CAP_SYS_ADMIN, "mounts in the own namespace; systemd" }, { CAP_SYS_BOOT, "reboot of the own pid namespace" },
	{ CAP_SYS_NICE, "own processes" }, { CAP_SYS_RESOURCE, "void over the host's limits in a user namespace" },
	{ CAP_SYS_TTY_CONFIG, "vhangup by getty" }, { CAP_MKNOD, "void in a user namespace; dropping it breaks systemd units" },
	{ CAP_LEASE, "file servers" }, { CAP_AUDIT_WRITE, "pam, sshd" }, { CAP_SETFCAP, "package managers" },
};

static bool is_kept(cap_value_t value)
{
	for (size_t i = 0; i < ARRAY_LENGTH(capabilities_kept); i++)
		if (capabilities_kept[i].value == value)
			return true;
	return false;
}

int confine_capabilities(struct berth_error *err)
{
	cap_t capabilities;
	int r = 0;

	if (cap_reset_ambient() < 0)
		return fail_errno(err, "cannot empty the ambient capabilities");
	for (cap_value_t value = 0; value < cap_max_bits(); value++)
		if (!is_kept(value) && cap_drop_bound(value) < 0)
			return fail_errno(err, "cannot drop capability %d", value);
	/* root's exec gives it the bounding set; the inheritable set must not add to it (CVE-2022-29162's class). */
	capabilities = cap_get_proc();
	if (!capabilities || cap_clear_flag(capabilities, CAP_INHERITABLE) < 0 || cap_set_proc(capabilities) < 0)
		r = fail_errno(err, "cannot empty the inheritable capabilities");
	cap_free(capabilities);
	return r;
}

int confine_syscalls(bool nesting, struct berth_error *err)
{
	struct sock_fprog program = {
		.len = nesting ? ARRAY_LENGTH(nesting_filter_program) : ARRAY_LENGTH(filter_program),
		.filter = (struct sock_filter *)(uintptr_t)(nesting ? nesting_filter_program : filter_program),
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return fail_errno(err, "cannot load the system call filter");
	return 0;
}

int confine_keyring(struct berth_error *err)
{
	if (sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return fail_errno(err, "cannot make a session keyring");
	return 0;
}

void confine_limits(void)
{
	/* Every one of getrlimit(2) that something is counted by. */
	static const struct { int resource; rlim_t soft, hard; } limits[] = {
		{ RLIMIT_NOFILE, 1024, 1048576 }, { RLIMIT_CORE, 0, RLIM_INFINITY }, { RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_MEMLOCK, 8 << 20, 8 << 20 }, { RLIMIT_STACK, 8 << 20, RLIM_INFINITY }, { RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY }, { RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY }, { RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY }, { RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY }, { RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_SIGPENDING, 16384, 16384 }, { RLIMIT_MSGQUEUE, 819200, 819200 }, { RLIMIT_NICE, 0, 0 }, { RLIMIT_RTPRIO, 0, 0 },
	};
	struct sched_param none = { .sched_priority = 0 };

	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
		struct rlimit wanted = { limits[i].soft, limits[i].hard }, now;

		if (setrlimit((__rlimit_resource_t)limits[i].resource, &wanted) == 0)
			continue;
		/* A host root without CAP_SYS_RESOURCE cannot raise: the guest gets what there is. */
		if (getrlimit((__rlimit_resource_t)limits[i].resource, &now) == 0) {
			wanted.rlim_max = now.rlim_max;
			if (wanted.rlim_cur > now.rlim_max)
				wanted.rlim_cur = now.rlim_max;
			(void)setrlimit((__rlimit_resource_t)limits[i].resource, &wanted);
		}
	}
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0);
	(void)personality(PER_LINUX);
}

void confine_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
}

int confine_descriptors(const int *kept, size_t count, struct berth_error *err)
{
	unsigned int first = 3;

	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < count; i++)
			if (kept[i] >= (int)first && (unsigned int)kept[i] < next)
				next = (unsigned int)kept[i];
		if (next > first && close_range(first, next == ~0U ? ~0U : next - 1, 0) < 0)
			return fail_errno(err, "cannot close descriptors");
		if (next == ~0U)
			break;
		first = next + 1;
	}
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? fail_errno(err, "cannot mark descriptors close-on-exec") : 0;
}
