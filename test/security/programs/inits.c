/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An init that does one thing to whoever has to deal with it:
 *
 *   inits NAME
 *
 * says "NAME: up" on its console when it has done it, and stays, except where its end is the point.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP "/sys/fs/cgroup/"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void stay(const char *name)
{
	printf("%s: up\n", name);
	fflush(stdout);
	for (;;)
		pause();
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		for (;;)
			pause();
	}
	return pid;
}

/* --- the way down ------------------------------------------------------------------------------------------------------------------------ */

/* Every signal is blocked: it looks as if each were awaited, and none is. */
static void deaf(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static void ignoring(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_IGN);
}

/* "/sbin/init 0" is how some are told to go down; it never comes back. */
static void rebooting(void)
{
	printf("rebooting\n");
	fflush(stdout);
	reboot(RB_AUTOBOOT);
}

/* What reaps nothing and lets go of nothing: sleepers of all kinds. */
static void holding(void)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = sleeper();

		if (i % 3 == 1)
			kill(pid, SIGSTOP);
		if (i % 3 == 2) {
			ptrace(PTRACE_SEIZE, pid, 0, 0);
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		}
	}
	/* An init of its own below, with a child. */
	if (unshare(CLONE_NEWPID) == 0 && fork() == 0) {
		deaf();
		sleeper();
		for (;;)
			pause();
	}
}

static void bomb(void)
{
	printf("bomb: up\n");
	fflush(stdout);
	for (;;)
		/* Not faster: what the kernel has not freed yet of forks that failed is memory as well. */
		if (fork() < 0)
			usleep(50000);
}

/* The kernel holds the parent of a vfork until its child is done: no signal but the last reaches it. */
static void in_vfork(void)
{
	printf("in-vfork: up\n");
	fflush(stdout);
	if (syscall(SYS_vfork) == 0)
		for (;;)
			pause();
}

/* A filesystem that nobody answers for, and a look at it. */
static void in_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR);
	char options[128];
	struct stat st;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	mkdir("/tmp/fuse", 0755);
	if (fd < 0 || mount("none", "/tmp/fuse", "fuse", 0, options) < 0)
		printf("fuse: %s\n", strerror(errno));
	else
		printf("in-fuse: up\n");
	fflush(stdout);
	stat("/tmp/fuse/file", &st);
	printf("fuse has answered\n");
	fflush(stdout);
}

/* Its parent outside becomes its tracer, which knows nothing of it: a signal stops it for good. */
static void traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
		printf("traced: %s\n", strerror(errno));
}

/* --- cgroups ------------------------------------------------------------------------------------------------------------------------------ */

static void moved(void)
{
	mkdir(CGROUP "a", 0755);
	mkdir(CGROUP "a/b", 0755);
	put(CGROUP "a/b/cgroup.procs", "1");
}

static void frozen(void)
{
	mkdir(CGROUP "ice", 0755);
	printf("frozen: up\n");
	fflush(stdout);
	/* A child does it: init would not come to say so. */
	if (fork() == 0) {
		put(CGROUP "ice/cgroup.procs", "1");
		put(CGROUP "ice/cgroup.freeze", "1");
		for (;;)
			pause();
	}
}

/* Where Berth puts commands: made before there was one. */
static void leaf(void)
{
	mkdir(CGROUP "berth.exec", 0755);
	put(CGROUP "berth.exec/cgroup.freeze", "1");
}

/* As deep as it goes, a process on each level, every third level frozen. */
static void deep(void)
{
	char path[4096] = CGROUP "d", file[4200], number[16];
	int depth = 0;

	for (; depth < 100 && strlen(path) < sizeof(path) - 16 && mkdir(path, 0755) == 0; depth++) {
		pid_t pid = depth % 2 ? sleeper() : 0;

		if (pid > 0) {
			snprintf(number, sizeof(number), "%d", pid);
			snprintf(file, sizeof(file), "%s/cgroup.procs", path);
			put(file, number);
		}
		strcat(path, "/d");
	}
	printf("%d deep\n", depth);
	put(CGROUP "d/d/d/cgroup.freeze", "1");
}

/* A threaded child: no other can take whole processes after that. */
static void threaded(void)
{
	mkdir(CGROUP "threads", 0755);
	put(CGROUP "threads/cgroup.type", "threaded");
}

/* --- what it has ------------------------------------------------------------------------------------------------------------------------- */

static void bare(void)
{
	static const char *const places[] = { "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev", "/run", "/sys/fs/cgroup", "/sys", "/proc" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (umount2(places[i], MNT_DETACH) < 0)
			printf("%s: %s\n", places[i], strerror(errno));
}

static void read_only(void)
{
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		printf("/: %s\n", strerror(errno));
}

static void closed(void)
{
	printf("closed: up\n");
	fflush(stdout);
	close(0);
	close(1);
	close(2);
	umount2("/dev/console", MNT_DETACH);
	for (;;)
		pause();
}

static void named(void)
{
	prctl(PR_SET_NAME, ") Z 0 \n\033]2;x\a");
}

static void immune(void)
{
	put("/proc/self/oom_score_adj", "-1000");
	put("/proc/self/oom_score_adj", "1000");
}

/* --- what it says --------------------------------------------------------------------------------------------------------------------------- */

static void shout(void)
{
	static char text[65536];

	memset(text, 'x', sizeof(text) - 1);
	printf("shout: up\n");
	fflush(stdout);
	/* Soon it is no longer in the log. */
	sleep(1);
	for (;;)
		if (write(1, text, sizeof(text)) < 0)
			usleep(1000);
}

static int notify_socket(struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strncpy(address->sun_path, getenv("NOTIFY_SOCKET") ? getenv("NOTIFY_SOCKET") : "", sizeof(address->sun_path) - 1);
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

/* Not a word of it is READY=1 at the beginning of a line; descriptors come along. */
static void babble(void)
{
	static char noise[100000];
	struct sockaddr_un address;
	int fd = notify_socket(&address);

	printf("babble: up\n");
	fflush(stdout);
	for (unsigned int round = 0;; round++) {
		union { char bytes[CMSG_SPACE(sizeof(int) * 50)]; struct cmsghdr align; } control = { 0 };
		struct iovec part = { .iov_base = noise, .iov_len = 1 + round * 977 % sizeof(noise) };
		struct msghdr header = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1 };
		struct cmsghdr *given = &control.align;

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)(round * 31 + i * i * 7);
		memcpy(noise, round % 3 == 0 ? "XREADY=1" : round % 3 == 1 ? "READY=0\0\nREADY=1" : "ready=1\n", round % 3 == 1 ? 16 : 8);
		if (round % 2) {
			header.msg_control = control.bytes;
			header.msg_controllen = sizeof(control.bytes);
			*given = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * 50) };
			for (int i = 0; i < 50; i++)
				memcpy(CMSG_DATA(given) + (size_t)i * sizeof(int), &fd, sizeof(int));
		}
		if (sendmsg(fd, &header, MSG_DONTWAIT) < 0)
			usleep(200);
	}
}

static void nothing(void) { }

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); } inits[] = {
		{ "deaf", deaf }, { "ignoring", ignoring }, { "rebooting", rebooting }, { "holding", holding }, { "bomb", bomb }, { "in-vfork", in_vfork },
		{ "in-fuse", in_fuse }, { "traced", traced }, { "moved", moved }, { "frozen", frozen }, { "leaf", leaf }, { "deep", deep }, { "threaded", threaded },
		{ "bare", bare }, { "read-only", read_only }, { "closed", closed }, { "named", named }, { "immune", immune }, { "shout", shout },
		{ "babble", babble }, { "mute", nothing },
	};

	if (argc < 2)
		return 2;
	/* Its own command to go down, where it is one of those that have one. */
	if (!strcmp(argv[1], "0"))
		ignoring();
	if (!strcmp(argv[1], "exit"))
		return 3;
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++)
		if (!strcmp(argv[1], inits[i].name))
			inits[i].run();
	stay(argv[1]);
}
