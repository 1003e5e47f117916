/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One end of something that two containers must not share, or a try at what is another's: prints what it got, or the name of the error.
 * What is to be kept for the other end is kept until it is killed ("hold").
 *
 *   leaks abstract-hold NAME | abstract-reach NAME      a socket without a file
 *   leaks shm-put KEY TEXT | shm-get KEY | shm-id ID    System V shared memory, by key and by number
 *   leaks queue-put NAME TEXT | queue-get NAME          POSIX message queues
 *   leaks key-put NAME TEXT | key-get SERIAL            keys of the user's keyring
 *   leaks reopen                                        the file behind descriptor 0, by /proc
 *   leaks enter                                         the namespace behind descriptor 0
 *   leaks pidfd-steal | pidfd-enter | pidfd-signal      by the pidfd that descriptor 0 is
 *   leaks pid-steal PID                                 by a pidfd of that process
 *   leaks next-mount-namespaces                         how many the kernel lets be seen from here
 *   leaks netlink | families | filesystem TYPE          what could load a module
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct mnt_ns_info {
	unsigned int size, count;
	unsigned long long id;
};
#define NEXT_MOUNT_NAMESPACE _IOR(0xb7, 11, struct mnt_ns_info)	/* NS_MNT_GET_NEXT, Linux 6.12 */
#define PREVIOUS_MOUNT_NAMESPACE _IOR(0xb7, 12, struct mnt_ns_info)

static int tell(long result)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("ok\n");
	fflush(stdout);
	return result < 0 ? 1 : 0;
}

static int tell_text(long result, const char *text)
{
	if (result < 0)
		return tell(result);
	printf("%s\n", text);
	fflush(stdout);
	return 0;
}

static void hold(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

static socklen_t abstract(struct sockaddr_un *address, const char *name)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strncpy(address->sun_path + 1, name, sizeof(address->sun_path) - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static int abstract_hold(const char *name)
{
	struct sockaddr_un address;
	socklen_t length = abstract(&address, name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 5) < 0)
		return tell(-1);
	printf("held\n");
	hold();
	return 0;
}

static int abstract_reach(const char *name)
{
	struct sockaddr_un address;
	socklen_t length = abstract(&address, name);

	return tell(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, length));
}

static int shm_put(const char *key, const char *text)
{
	int id = shmget((key_t)strtol(key, NULL, 0), 4096, IPC_CREAT | 0666);
	char *memory = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	if (memory == (char *)-1)
		return tell(-1);
	snprintf(memory, 4096, "%s", text);
	printf("%d\n", id);
	return 0;
}

static int shm_read(int id)
{
	char *memory = id < 0 ? (char *)-1 : shmat(id, NULL, SHM_RDONLY);

	return memory == (char *)-1 ? tell(-1) : tell_text(0, memory);
}

static int queue_open(const char *name, int flags)
{
	return (int)syscall(SYS_mq_open, name, flags | O_NONBLOCK, 0666, NULL);
}

static int queue_put(const char *name, const char *text)
{
	int queue = queue_open(name, O_RDWR | O_CREAT);

	return tell(queue < 0 ? -1 : syscall(SYS_mq_timedsend, queue, text, strlen(text) + 1, 1, NULL));
}

static int queue_get(const char *name)
{
	static char text[65536];
	int queue = queue_open(name, O_RDONLY);

	return tell_text(queue < 0 ? -1 : syscall(SYS_mq_timedreceive, queue, text, sizeof(text), NULL, NULL), text);
}

static int key_put(const char *name, const char *text)
{
	long serial;
	char number[32];

	/* For whoever has the same user: only the user namespace is to stop the others. What is in the session's keyring is ours to say so. */
	(void)syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
	serial = syscall(SYS_add_key, "user", name, text, strlen(text), KEY_SPEC_USER_KEYRING);
	if (serial >= 0)
		(void)syscall(SYS_keyctl, KEYCTL_SETPERM, serial, 0x3f3f0000);
	/* The host's is not to stay on the host. */
	if (serial >= 0)
		(void)syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, serial, 60);
	snprintf(number, sizeof(number), "%ld", serial);
	return tell_text(serial, number);
}

static int key_get(const char *serial)
{
	char text[256] = "";

	return tell_text(syscall(SYS_keyctl, KEYCTL_READ, strtol(serial, NULL, 10), text, sizeof(text) - 1), text);
}

static int pid_steal(int pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return tell(pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int next_mount_namespaces(void)
{
	int count = 0;

	for (int direction = 0; direction < 2; direction++) {
		struct mnt_ns_info info = { .size = sizeof(info) };
		int fd = open("/proc/self/ns/mnt", O_RDONLY), next;

		for (; count < 1000 && (next = ioctl(fd, direction ? PREVIOUS_MOUNT_NAMESPACE : NEXT_MOUNT_NAMESPACE, &info)) >= 0; count++) {
			close(fd);
			fd = next;
		}
		if (errno == ENOTTY || errno == EINVAL) {
			printf("none of this kernel's\n");
			return 77;
		}
	}
	printf("%d\n", count);
	return 0;
}

/* Every protocol of netlink, by which drivers are found that nobody has loaded yet. */
static int netlink(void)
{
	int opened = 0;

	for (int protocol = 0; protocol < 32; protocol++)
		opened += socket(AF_NETLINK, SOCK_RAW, protocol) >= 0;
	printf("%d\n", opened);
	return 0;
}

static int families(void)
{
	static const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	int opened = 0;

	for (int family = 3; family < 46; family++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (family != AF_INET6 && family != AF_NETLINK && family != AF_PACKET)
				opened += socket(family, kinds[i], 0) >= 0;
	/* Protocols of IP: SCTP, DCCP, UDP-Lite, L2TP, MPTCP. */
	(void)socket(AF_INET, SOCK_STREAM, 132);
	(void)socket(AF_INET, SOCK_DCCP, 33);
	(void)socket(AF_INET, SOCK_DGRAM, 115);
	printf("%d\n", opened);
	return 0;
}

static int filesystem(const char *type)
{
	mkdir("/tmp/leak", 0700);
	int r = mount("none", "/tmp/leak", type, 0, NULL), code = errno;

	umount2("/tmp/leak", MNT_DETACH);
	rmdir("/tmp/leak");
	errno = code;
	return tell(r);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *one = argc > 2 ? argv[2] : "", *two = argc > 3 ? argv[3] : "";
	const struct { const char *name; int (*run)(const char *one); } by_one[] = {
		{ "abstract-hold", abstract_hold }, { "abstract-reach", abstract_reach }, { "queue-get", queue_get }, { "key-get", key_get },
		{ "filesystem", filesystem },
	};

	for (size_t i = 0; i < sizeof(by_one) / sizeof(by_one[0]); i++)
		if (!strcmp(what, by_one[i].name))
			return by_one[i].run(one);
	if (!strcmp(what, "shm-put"))
		return shm_put(one, two);
	if (!strcmp(what, "shm-get"))
		return shm_read(shmget((key_t)strtol(one, NULL, 0), 0, 0));
	if (!strcmp(what, "shm-id"))
		return shm_read(atoi(one));
	if (!strcmp(what, "queue-put"))
		return queue_put(one, two);
	if (!strcmp(what, "key-put"))
		return key_put(one, two);
	if (!strcmp(what, "reopen"))
		return tell(open("/proc/self/fd/0", O_RDWR));
	if (!strcmp(what, "enter"))
		return tell(setns(0, 0));
	if (!strcmp(what, "pidfd-steal"))
		return tell(syscall(SYS_pidfd_getfd, 0, 0, 0));
	if (!strcmp(what, "pidfd-enter"))
		return tell(setns(0, CLONE_NEWNET));
	if (!strcmp(what, "pidfd-signal"))
		return tell(syscall(SYS_pidfd_send_signal, 0, SIGCONT, NULL, 0));
	if (!strcmp(what, "pid-steal"))
		return pid_steal(atoi(one));
	if (!strcmp(what, "next-mount-namespaces"))
		return next_mount_namespaces();
	if (!strcmp(what, "netlink"))
		return netlink();
	if (!strcmp(what, "families"))
		return families();
	return 2;
}
