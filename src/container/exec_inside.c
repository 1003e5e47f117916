/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the clone to the exec of a command in a running container. Unlike a start, hostile processes are in the same
 * namespaces already: until its exec this process must not be traced, read or fooled by their files.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "container/confine.h"
#include "container/exec.h"
#include "container/login.h"
#include "container/stage.h"

#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int join_namespaces(struct joining *joining, struct berth_error *err)
{
	/* 0 until exec: no process of the guest, whatever its capabilities there, can ptrace this one or read its memory
	 * and descriptors by /proc (ptrace(2), __ptrace_may_access()). */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(err, "cannot become undumpable");
	for (int i = 0; i < joining->v1_count; i++)
		if (write(joining->v1_tasks[i], "0", 1) < 0)
			return fail_errno(err, "cannot enter a cgroup v1 of the container");
	if (setsid() < 0)
		return fail_errno(err, "cannot make a session");
	/* All at once; the kernel takes the user namespace first, so that the others are allowed by it (Linux 5.8). The
	 * root and working directory become the container's. */
	if (setns(joining->init, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |
		  CLONE_NEWTIME) < 0)
		return fail_errno(err, "cannot join the container's namespaces");
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail_errno(err, "cannot become the container's root");
	/* After the ids, which clear it: a command does not outlive the berthctl that waits for it. Nor may sysctl fs.suid_dumpable have its way. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(err, "cannot tie the command to its caller");
	return 0;
}

/* A terminal of the guest's own devpts: the guest never holds the operator's (TIOCSTI, CVE-2017-5226's class). */
static int make_terminal(struct joining *joining, struct berth_error *err)
{
	CLEAN_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD int master = root < 0 ? -errno : guest_open_nolinks(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	struct statfs fs;
	int unlock = 0;

	if (master < 0)
		return fail(err, BERTH_FAILED, -master, "cannot open /dev/pts/ptmx in the container: %s", strerror(-master));
	/* The guest can have put anything there. */
	if (fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return fail(err, BERTH_FAILED, ENODEV, "/dev/pts/ptmx in the container is no terminal");
	(void)fcntl(master, F_SETFL, O_RDWR);
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fail_errno(err, "cannot unlock a terminal in the container");
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return fail_errno(err, "cannot open a terminal in the container");
	for (int i = 0; i < 3; i++)
		joining->stdio[i] = slave;
	return stage_send(joining->socket, STAGE_READY, 0, &master, 1, "the host side", err);
}

static int place_stdio(const struct joining *joining, struct berth_error *err)
{
	int copies[3];

	/* By way of copies: stdout's source may be descriptor 0. */
	for (int i = 0; i < 3; i++) {
		copies[i] = fcntl(joining->stdio[i], F_DUPFD_CLOEXEC, 3);
		if (copies[i] < 0)
			return fail_errno(err, "cannot place stdin, stdout and stderr");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(copies[i], i) < 0)
			return fail_errno(err, "cannot place stdin, stdout and stderr");
	return 0;
}

/* From here on nothing of the host's is open but the three streams and the socket. */
static int drop_descriptors(const struct joining *joining, struct berth_error *err)
{
	const int kept[] = { joining->socket, joining->stdio[0], joining->stdio[1], joining->stdio[2] };

	return confine_descriptors(kept, ARRAY_LENGTH(kept), err);
}

/* As the guest sees it, but never by a link of /proc. */
static int enter_directory(const char *path)
{
	CLEAN_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD int fd = root < 0 ? -errno : guest_open(root, path, O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? fd : fchdir(fd) < 0 ? -errno : 0;
}

static int choose_directory(const struct berth_exec *what, const struct login *login, struct berth_error *err)
{
	int r = enter_directory(what->directory ? what->directory : login->home);

	if (r < 0 && !what->directory)
		r = enter_directory("/");
	return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot enter the directory %s in the container: %s", what->directory ? what->directory : "/", strerror(-r)) : 0;
}

static int confine(const struct joining *joining, struct berth_error *err)
{
	int r = confine_keyring(err);

	if (r == 0)
		r = confine_syscalls(joining->nesting, err);
	if (r == 0)
		r = confine_capabilities(err);
	/* Once more: a terminal and copies of the streams have come. */
	return r == 0 ? confine_descriptors(&joining->socket, 1, err) : r;
}

/* Another user than root, last: all before it needs root's capabilities. Its shell may open its terminal again. */
static int become_user(const struct joining *joining, const struct login *login, struct berth_error *err)
{
	if (login->uid == 0)
		return 0;
	if (joining->what->terminal && fchown(0, login->uid, (gid_t)-1) < 0)
		return fail_errno(err, "cannot give the terminal to %s", login->name);
	if (setgroups((size_t)login->group_count, login->groups) < 0 || setresgid(login->gid, login->gid, login->gid) < 0 ||
	    setresuid(login->uid, login->uid, login->uid) < 0)
		return fail_errno(err, "cannot become %s", login->name);
	/* The change of ids has cleared the one and may have set the other (sysctl fs.suid_dumpable). */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ? fail_errno(err, "cannot tie the command to its caller") : 0;
}

/* Only what is the guest's own goes in; of the host's environment nothing but the terminal's type. */
static _Noreturn void run(const struct joining *joining, const struct login *login, struct berth_error *err)
{
	const struct berth_exec *what = joining->what;
	const char *terminal = getenv("TERM"), *slash = strrchr(login->shell, '/');
	char home[300], shell[300], type[64], name[260], user[80], logname[80];
	const char *environment[] = { "container=berth", user, logname, ("PATH=" GUEST_PATH), home, shell, joining->what->terminal ? type : NULL, NULL };
	const char *login_argv[] = { name, NULL };

	snprintf(user, sizeof(user), "USER=%s", login->name);
	snprintf(logname, sizeof(logname), "LOGNAME=%s", login->name);
	snprintf(home, sizeof(home), "HOME=%s", login->home);
	snprintf(shell, sizeof(shell), "SHELL=%s", login->shell);
	snprintf(type, sizeof(type), "TERM=%.50s", terminal ? terminal : "linux");
	snprintf(name, sizeof(name), "-%s", slash ? slash + 1 : login->shell);
	if (!what->argv)
		execve(login->shell, (char *const *)login_argv, (char *const *)environment);
	/* execvpe searches the PATH of our own environment: make it the guest's. */
	if (what->argv && setenv("PATH", GUEST_PATH, 1) == 0)
		execvpe(what->argv[0], what->argv, (char *const *)environment);
	int code = errno;
	(void)fail(err, BERTH_FAILED, code, "cannot run %s: %s", what->argv ? what->argv[0] : login->shell, strerror(code));
	stage_fail(joining->socket, err);
	_exit(code == ENOENT ? 127 : 126);
}

_Noreturn void exec_inside(struct joining *joining)
{
	const struct berth_exec *what = joining->what;
	const char *user = what->user ? what->user : "root";
	struct berth_error error;
	struct login login;
	int r;

	confine_signals();
	confine_limits();
	/* sshd's children and services can have -1000, which no guest may have. */
	(void)write_small_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");
	r = join_namespaces(joining, &error);
	if (r == 0)
		r = drop_descriptors(joining, &error);
	if (r == 0 && !login_read(user, &login))
		r = fail(&error, BERTH_USAGE, ENOENT, "user: there is no '%.64s' in the container's /etc/passwd", user);
	if (r == 0 && what->terminal)
		r = make_terminal(joining, &error);
	if (r == 0)
		r = choose_directory(what, &login, &error);
	if (r == 0)
		r = place_stdio(joining, &error);
	if (r == 0)
		r = confine(joining, &error);
	if (r == 0)
		r = become_user(joining, &login, &error);
	if (r == 0)
		run(joining, &login, &error);
	stage_fail(joining->socket, &error);
	_exit(125);
}
