/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes one resource of the kernel's until it says no: how many it got and why there were no more ("1024 ENOSPC", "100 ok").
 *
 *   exhaust NAME MOST          takes at most MOST, tells, gives all back by its end
 *   exhaust NAME MOST hold     tells and keeps them until it is killed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/keyctl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A name of its own for each, below a directory. */
static const char *name_in(const char *directory, int i)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/exhaust.%d.%d", directory, getpid(), i);
	return path;
}

/* --- processes ------------------------------------------------------------------------------------------------------------------- */

static int take_process(int i)
{
	pid_t parent = getpid(), pid = fork();

	(void)i;
	if (pid == 0) {
		/* With its parent it goes too, also with one that has just gone: nothing stays when the test ends that. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	return pid;
}

static int take_zombie(int i)
{
	pid_t pid = fork();

	(void)i;
	if (pid == 0)
		_exit(0);
	return pid;
}

static void *idle(void *nothing)
{
	pause();
	return nothing;
}

static int take_thread(int i)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	(void)i;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	r = pthread_create(&thread, &attributes, idle, NULL);
	errno = r;
	return r ? -1 : 0;
}

static int take_signal(int i)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i });
}

static int take_timer(int i)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	timer_t timer;

	(void)i;
	return timer_create(CLOCK_MONOTONIC, &event, &timer);
}

/* --- descriptors ------------------------------------------------------------------------------------------------------------------- */

static int take_file(int i) { (void)i; return open("/dev/null", O_RDONLY); }
static int take_epoll(int i) { (void)i; return epoll_create1(0); }
static int take_eventfd(int i) { (void)i; return eventfd(0, 0); }
static int take_timerfd(int i) { (void)i; return timerfd_create(CLOCK_MONOTONIC, 0); }
static int take_inotify(int i) { (void)i; return inotify_init1(0); }

static int take_watch(int i)
{
	static int fd = -1;

	if (fd < 0)
		fd = inotify_init1(0);
	/* A watch is an inode's, so each needs a file of its own. */
	close(open(name_in("/dev/shm", i), O_WRONLY | O_CREAT, 0600));
	return inotify_add_watch(fd, name_in("/dev/shm", i), IN_MODIFY);
}

static int take_memfd(int i)
{
	static char page[16384] = { 1 };
	int fd = memfd_create("exhaust", 0);

	(void)i;
	return fd < 0 || write(fd, page, sizeof(page)) < 0 ? -1 : fd;
}

static int take_pipe(int i)
{
	static char page[65536] = { 1 };
	int ends[2];

	(void)i;
	if (pipe2(ends, O_NONBLOCK) < 0)
		return -1;
	/* A user with too many has smaller ones. */
	return write(ends[1], page, sizeof(page)) < 0 ? -1 : 0;
}

static int take_socket(int i)
{
	static char page[32768] = { 1 };
	int ends[2], size = 1 << 20;

	(void)i;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (int sent = 0; sent < 4 && send(ends[0], page, sizeof(page), 0) > 0; sent++)
		;
	return 0;
}

static int take_pty(int i)
{
	(void)i;
	return open("/dev/pts/ptmx", O_RDWR | O_NOCTTY);
}

/* Of an instance that the guest has made itself, with the options of its choice. */
static int take_own_pty(int i)
{
	if (i == 0) {
		mkdir("/tmp/exhaust-pts", 0700);
		if (mount("none", "/tmp/exhaust-pts", "devpts", 0, "ptmxmode=0666") < 0)
			return -1;
	}
	return open("/tmp/exhaust-pts/ptmx", O_RDWR | O_NOCTTY);
}

static int take_lock(int i)
{
	static int fd = -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * (off_t)i, .l_len = 1 };

	/* The kernel looks through all locks of a file for each new one. */
	if (i % 500 == 0)
		fd = open(name_in("/tmp", i), O_RDWR | O_CREAT, 0600);
	return fd < 0 ? -1 : fcntl(fd, F_OFD_SETLK, &lock);
}

static int take_aio(int i)
{
	aio_context_t context = 0;

	(void)i;
	return (int)syscall(SYS_io_setup, 512, &context);
}

/* --- files ------------------------------------------------------------------------------------------------------------------------ */

static int make_file(const char *directory, int i)
{
	int fd = open(name_in(directory, i), O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int take_disk_file(int i) { return make_file("/tmp", i); }
static int take_shm_file(int i) { return make_file("/dev/shm", i); }
static int take_run_file(int i) { return make_file("/run", i); }
static int take_dev_file(int i) { return make_file("/dev", i); }

static int take_name(int i)
{
	struct stat st;

	/* That there is no such file is remembered by the kernel. */
	return stat(name_in("/usr", i), &st) < 0 && errno == ENOENT ? 0 : -1;
}

static int take_cgroup(int i) { return mkdir(name_in("/sys/fs/cgroup", i), 0755); }

/* --- mounts and namespaces ------------------------------------------------------------------------------------------------------- */

static int take_bind(int i)
{
	if (i == 0)
		mkdir("/tmp/exhaust-bind", 0700);
	return mount("/tmp/exhaust-bind", "/tmp/exhaust-bind", NULL, MS_BIND, NULL);
}

static int take_superblock(int i)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);

	(void)i;
	if (fs < 0)
		return -1;
	return syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0 ? -1 : fs;
}

/* Kept by a descriptor; the next is made from within the last, which costs nothing more. */
static int take_namespace(int flag, const char *path)
{
	return unshare(flag) < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static int take_network_namespace(int i) { (void)i; return take_namespace(CLONE_NEWNET, "/proc/self/ns/net"); }
static int take_mount_namespace(int i) { (void)i; return take_namespace(CLONE_NEWNS, "/proc/self/ns/mnt"); }
static int take_ipc_namespace(int i) { (void)i; return take_namespace(CLONE_NEWIPC, "/proc/self/ns/ipc"); }

/* --- keys, queues, System V ------------------------------------------------------------------------------------------------------ */

static int take_key(int i)
{
	return (int)syscall(SYS_add_key, "user", name_in("k", i), "x", 1, KEY_SPEC_PROCESS_KEYRING);
}

static int take_queue(int i)
{
	/* The kernel's own call takes the name without a slash. */
	return (int)syscall(SYS_mq_open, name_in("q", i) + 2, O_RDWR | O_CREAT, 0600, NULL);
}

static int take_shared_memory(int i)
{
	int id = shmget(IPC_PRIVATE, 65536, IPC_CREAT | 0600);
	char *memory = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	(void)i;
	if (memory == (char *)-1)
		return -1;
	memset(memory, 1, 65536);
	return shmdt(memory);
}

static int take_semaphores(int i) { (void)i; return semget(IPC_PRIVATE, 1000, IPC_CREAT | 0600); }

static int take_messages(int i)
{
	static struct { long type; char text[8192]; } message = { .type = 1 };
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

	(void)i;
	return id < 0 || msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) < 0 ? -1 : 0;
}

/* --- the network ------------------------------------------------------------------------------------------------------------------- */

static size_t attribute(char *message, size_t at, int type, const void *data, size_t length)
{
	struct nlattr head = { .nla_len = (unsigned short)(NLA_HDRLEN + length), .nla_type = (unsigned short)type };

	memcpy(message + at, &head, sizeof(head));
	if (length)
		memcpy(message + at + NLA_HDRLEN, data, length);
	return at + NLA_ALIGN(head.nla_len);
}

static size_t tuple(char *message, size_t at, int type, unsigned int from, unsigned int to, unsigned short port, unsigned short to_port)
{
	size_t begin = at, inner;

	at = attribute(message, at, type | NLA_F_NESTED, NULL, 0);
	inner = at;
	at = attribute(message, at, CTA_TUPLE_IP | NLA_F_NESTED, NULL, 0);
	at = attribute(message, at, CTA_IP_V4_SRC, &from, 4);
	at = attribute(message, at, CTA_IP_V4_DST, &to, 4);
	((struct nlattr *)(void *)(message + inner))->nla_len = (unsigned short)(at - inner);
	inner = at;
	at = attribute(message, at, CTA_TUPLE_PROTO | NLA_F_NESTED, NULL, 0);
	at = attribute(message, at, CTA_PROTO_NUM, &(unsigned char){ 17 }, 1);
	at = attribute(message, at, CTA_PROTO_SRC_PORT, &port, 2);
	at = attribute(message, at, CTA_PROTO_DST_PORT, &to_port, 2);
	((struct nlattr *)(void *)(message + inner))->nla_len = (unsigned short)(at - inner);
	((struct nlattr *)(void *)(message + begin))->nla_len = (unsigned short)(at - begin);
	return at;
}

/* An entry of connection tracking, made by hand: no packet is needed. */
static int take_connection(int i)
{
	static int fd = -1;
	char message[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)message;
	struct nfgenmsg *family = NLMSG_DATA(head);
	unsigned int from = 0x0a000000u | (unsigned int)i, to = 0x0a7f0000u | ((unsigned int)getpid() & 0xffff), timeout = __builtin_bswap32(600), status = __builtin_bswap32(1u << 3);
	size_t at = NLMSG_SPACE(sizeof(*family));
	ssize_t got;

	if (fd < 0)
		fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	if (fd < 0)
		return -1;
	family->nfgen_family = AF_INET;
	at = tuple(message, at, CTA_TUPLE_ORIG, __builtin_bswap32(from), __builtin_bswap32(to), 0x1111, 0x2222);
	at = tuple(message, at, CTA_TUPLE_REPLY, __builtin_bswap32(to), __builtin_bswap32(from), 0x2222, 0x1111);
	at = attribute(message, at, CTA_TIMEOUT, &timeout, 4);
	at = attribute(message, at, CTA_STATUS, &status, 4);
	*head = (struct nlmsghdr){ .nlmsg_len = (unsigned int)at, .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
				   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK };
	if (send(fd, message, at, 0) < 0)
		return -1;
	got = recv(fd, message, sizeof(message), 0);
	if (got < (ssize_t)NLMSG_SPACE(sizeof(struct nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR)
		return -1;
	errno = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
	return errno ? -1 : 0;
}

/* --- the table -------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*take)(int i);
} resources[] = {
	{ "process", take_process }, { "zombie", take_zombie }, { "thread", take_thread }, { "signal", take_signal }, { "timer", take_timer },
	{ "file", take_file }, { "epoll", take_epoll }, { "eventfd", take_eventfd }, { "timerfd", take_timerfd }, { "inotify", take_inotify },
	{ "watch", take_watch }, { "memfd", take_memfd }, { "pipe", take_pipe }, { "socket", take_socket }, { "pty", take_pty },
	{ "own-pty", take_own_pty }, { "lock", take_lock }, { "aio", take_aio }, { "disk-file", take_disk_file }, { "shm-file", take_shm_file },
	{ "run-file", take_run_file }, { "dev-file", take_dev_file }, { "name", take_name }, { "cgroup", take_cgroup }, { "bind", take_bind },
	{ "superblock", take_superblock }, { "netns", take_network_namespace }, { "mntns", take_mount_namespace }, { "ipcns", take_ipc_namespace },
	{ "key", take_key }, { "queue", take_queue }, { "shm", take_shared_memory }, { "sem", take_semaphores }, { "msg", take_messages },
	{ "connection", take_connection },
};

/* A process has no descriptors left: the next goes on where it stopped. */
static int go_on(void)
{
	int fd, code = errno;
	pid_t pid;

	if (code != EMFILE)
		return -1;
	fd = open("/dev/null", O_RDONLY);
	if (fd >= 0) {
		/* The limit was another. */
		close(fd);
		errno = code;
		return -1;
	}
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0)
		for (int status;;)
			if (waitpid(pid, &status, 0) == pid)
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return (int)syscall(SYS_close_range, 3, ~0U, 0);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int most, i = 0;

	if (argc < 3)
		return 2;
	most = atoi(argv[2]);
	/* As far as root of a guest can. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGCHLD, SIG_DFL);
	for (size_t r = 0; r < sizeof(resources) / sizeof(resources[0]); r++) {
		if (strcmp(argv[1], resources[r].name))
			continue;
		errno = 0;
		while (i < most) {
			if (resources[r].take(i) >= 0)
				i++;
			else if (go_on() < 0)
				break;
		}
		printf("%d %s\n", i, i == most ? "ok" : strerrorname_np(errno));
		fflush(stdout);
		if (argc > 3)
			for (;;)
				pause();
		return 0;
	}
	return 2;
}
