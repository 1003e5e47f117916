/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest does to a process that comes in from the host (joining.bats), and a process that comes in without care: the control.
 *
 *   joining fds                        descriptors above 2 that this process was given
 *   joining outside                    0 when the working directory is not below the root directory
 *   joining ids                        supplementary groups and capabilities
 *   joining exe                        takes the program of a process that is not the guest's, ends that process and writes to it (CVE-2019-5736)
 *   joining watch MILLISECONDS         tries every way into every new process; one line for each way: refused, guest, host
 *   joining target                     what the watched process becomes: it lives for a moment
 *   joining type TEXT                  puts TEXT into the input of every terminal that it has (TIOCSTI)
 *   joining signals PID                stops and kills its parent, its session, and PID
 *   joining enter PID DIRECTORY COMMAND...    joins the namespaces of PID as a runtime without care does: dumpable, all descriptors open, "-" for no directory
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OWN_PROGRAM "/bin/joining"
#define MARK "BERTH_MARK="

/* At the same address in every process of this program: who reads it there knows what it has got hold of. */
static volatile char role[16] = "joining";

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- what a process was given -------------------------------------------------------------------------------------------------- */

static int list_descriptors(void)
{
	char link[64], target[256];

	for (int fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		printf("%d %s\n", fd, target);
	}
	return 0;
}

/* ".." of the root is the root; from elsewhere another top is reached. */
static int is_outside(void)
{
	struct stat root, at, up;

	if (stat("/", &root) < 0 || stat(".", &at) < 0)
		return 1;
	for (int i = 0; i < 64; i++) {
		if (at.st_dev == root.st_dev && at.st_ino == root.st_ino)
			return 1;
		if (chdir("..") < 0 || stat(".", &up) < 0 || (up.st_dev == at.st_dev && up.st_ino == at.st_ino))
			break;
		at = up;
	}
	printf("outside\n");
	return 0;
}

static int show_ids(void)
{
	char line[256];
	gid_t groups[256];
	int count = getgroups(256, groups);
	FILE *status = fopen("/proc/self/status", "r");

	printf("groups");
	for (int i = 0; i < count; i++)
		printf(" %d", (int)groups[i]);
	printf("\n");
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "CapInh:", 7) || !strncmp(line, "CapAmb:", 7))
			printf("%s", line);
	return 0;
}

/* --- the program of a process ---------------------------------------------------------------------------------------------------- */

static bool next_pid(DIR *proc, int *ret)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		*ret = atoi(entry->d_name);
		if (*ret > 0)
			return true;
	}
	return false;
}

static bool link_of(int pid, const char *name, char target[static 512])
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	length = readlink(path, target, 511);
	target[length < 0 ? 0 : length] = '\0';
	return length >= 0;
}

static int take_program(void)
{
	char target[512], path[64];
	long end = now_ms() + 5000;
	int pid = 0, fd = -1;

	while (fd < 0 && now_ms() < end) {
		DIR *proc = opendir("/proc");

		while (proc && fd < 0 && next_pid(proc, &pid)) {
			if (pid == getpid() || !link_of(pid, "exe", target) || !strcmp(target, OWN_PROGRAM) || strstr(target, "busybox") || strstr(target, "/ld-"))
				continue;
			snprintf(path, sizeof(path), "/proc/%d/exe", pid);
			fd = open(path, O_RDONLY);
		}
		closedir(proc);
	}
	if (fd < 0) {
		printf("got nothing\n");
		return 1;
	}
	printf("got %s\n", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	/* While it runs it is busy, whoever asks. */
	kill(pid, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (end = now_ms() + 3000; now_ms() < end; usleep(10000)) {
		int writer = open(path, O_WRONLY);

		if (writer < 0 && errno == ETXTBSY)
			continue;
		if (writer < 0 || pwrite(writer, "EVIL", 4, 0) != 4)
			break;
		printf("written\n");
		return 0;
	}
	printf("%s\n", strerror(errno));
	return 1;
}

/* --- ways into a process ---------------------------------------------------------------------------------------------------------- */

enum way { WAY_ENVIRON, WAY_MEM, WAY_VM, WAY_PTRACE, WAY_FD, WAY_GETFD, WAY_CWD, WAY_ROOT, WAY_EXE, WAY_MAPS, WAY_MAP_FILES, WAYS };
static const char *const way_names[WAYS] = { "environ", "mem", "vm", "ptrace", "fd", "getfd", "cwd", "root", "exe", "maps", "map_files" };
enum found { NONE, REFUSED, GUEST, HOST };

static enum found refused_or_none(void)
{
	return errno == EACCES || errno == EPERM ? REFUSED : NONE;
}

/* Of a process that let itself be looked at a moment ago: it goes from closed to open once, at its exec. What is closed or another program now was the host's
 * then. */
static enum found whose(int pid)
{
	char target[512];

	if (!link_of(pid, "exe", target))
		return errno == EACCES || errno == EPERM ? HOST : NONE;
	return strcmp(target, OWN_PROGRAM) ? HOST : GUEST;
}

static int open_of(int pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

static bool has_mark(const char *data, ssize_t length)
{
	return length > 0 && memmem(data, (size_t)length, MARK, strlen(MARK));
}

static enum found try_environ(int pid)
{
	static char data[65536];
	int fd = open_of(pid, "environ", O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return refused_or_none();
	length = read(fd, data, sizeof(data));
	close(fd);
	return has_mark(data, length) ? HOST : length >= 0 ? GUEST : NONE;
}

static enum found try_maps(int pid)
{
	static char data[65536];
	int fd = open_of(pid, "maps", O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return refused_or_none();
	length = read(fd, data, sizeof(data) - 1);
	close(fd);
	if (length <= 0)
		return NONE;
	data[length] = '\0';
	return strstr(data, OWN_PROGRAM "\n") ? GUEST : HOST;
}

/* The stack, with the environment at its end. */
static enum found try_mem(int pid)
{
	static char maps[65536], data[262144];
	int fd = open_of(pid, "mem", O_RDONLY), list;
	unsigned long from, to;
	ssize_t length;
	char *line;

	if (fd < 0)
		return refused_or_none();
	list = open_of(pid, "maps", O_RDONLY);
	length = list < 0 ? -1 : read(list, maps, sizeof(maps) - 1);
	close(list);
	maps[length < 0 ? 0 : length] = '\0';
	line = strstr(maps, "[stack]");
	while (line && line > maps && line[-1] != '\n')
		line--;
	if (!line || sscanf(line, "%lx-%lx", &from, &to) != 2) {
		close(fd);
		return NONE;
	}
	if (to - from > sizeof(data))
		from = to - sizeof(data);
	length = pread(fd, data, to - from, (off_t)from);
	close(fd);
	return has_mark(data, length) ? HOST : length > 0 ? GUEST : NONE;
}

static enum found try_vm(int pid)
{
	char data[16] = "";
	struct iovec own = { data, sizeof(data) }, other = { (void *)(unsigned long)role, sizeof(data) };
	ssize_t length = process_vm_readv(pid, &own, 1, &other, 1, 0);

	if (length < 0 && errno == EFAULT)
		return whose(pid);
	if (length < 0)
		return refused_or_none();
	/* A moment after its exec it has not said yet what it is. */
	return !strcmp(data, "target") ? GUEST : !strcmp(data, "enter") ? HOST : NONE;
}

static enum found try_ptrace(int pid)
{
	enum found found;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return refused_or_none();
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return NONE;
	found = whose(pid);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return found;
}

static enum found try_fd(int pid)
{
	enum found found = NONE;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *directory = opendir(path);
	if (!directory)
		return refused_or_none();
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			found = atoi(entry->d_name) > 2 ? HOST : found == NONE ? GUEST : found;
	closedir(directory);
	return found;
}

static enum found try_getfd(int pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), fd = -1, code = ESRCH;

	if (process < 0)
		return NONE;
	for (int number = 3; fd < 0 && number < 12; number++) {
		fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
		code = errno;
	}
	if (fd >= 0)
		close(fd);
	close(process);
	errno = code;
	return fd >= 0 ? HOST : code == EBADF ? GUEST : refused_or_none();
}

static enum found try_link(int pid, const char *name)
{
	char target[512];

	return link_of(pid, name, target) ? whose(pid) : refused_or_none();
}

static enum found try_map_files(int pid)
{
	struct dirent *entry;
	char path[64];
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/map_files", pid);
	DIR *directory = opendir(path);
	errno = 0;
	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return count ? whose(pid) : refused_or_none();
}

static enum found try_way(enum way way, int pid)
{
	switch (way) {
	case WAY_ENVIRON: return try_environ(pid);
	case WAY_MEM: return try_mem(pid);
	case WAY_VM: return try_vm(pid);
	case WAY_PTRACE: return try_ptrace(pid);
	case WAY_FD: return try_fd(pid);
	case WAY_GETFD: return try_getfd(pid);
	case WAY_CWD: return try_link(pid, "cwd");
	case WAY_ROOT: return try_link(pid, "root");
	case WAY_EXE: return try_link(pid, "exe");
	case WAY_MAPS: return try_maps(pid);
	case WAY_MAP_FILES: return try_map_files(pid);
	default: return NONE;
	}
}

/* Processes that were there before are the guest's own. */
static int watch(long milliseconds)
{
	static bool done[1 << 22];
	static long counts[WAYS][4];
	long end = now_ms() + milliseconds;
	DIR *proc = opendir("/proc");
	int pid;

	while (proc && next_pid(proc, &pid))
		done[pid] = true;
	printf("watching\n");
	fflush(stdout);
	while (proc && now_ms() < end) {
		rewinddir(proc);
		while (next_pid(proc, &pid)) {
			enum found found = NONE;

			if (done[pid])
				continue;
			for (enum way way = 0; way < WAYS; way++) {
				found = try_way(way, pid);
				counts[way][found]++;
			}
			done[pid] = found == GUEST;
		}
	}
	for (enum way way = 0; way < WAYS; way++)
		printf("%s refused %ld guest %ld host %ld\n", way_names[way], counts[way][REFUSED], counts[way][GUEST], counts[way][HOST]);
	return 0;
}

/* --- terminals, signals ---------------------------------------------------------------------------------------------------------- */

static int type(const char *text)
{
	int fds[] = { 0, 1, 2, open("/dev/tty", O_RDWR) }, worked = 0;
	char paste = 3;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		for (const char *p = text; *p; p++)
			worked |= ioctl(fds[i], TIOCSTI, p) == 0;
		ioctl(fds[i], TIOCLINUX, &paste);
	}
	return !worked;
}

static int send_signals(int pid)
{
	int victims[] = { getppid(), getsid(0), pid };

	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++)
		if (victims[i] > 0 && victims[i] != getpid()) {
			ptrace(PTRACE_SEIZE, victims[i], NULL, NULL);
			kill(victims[i], SIGSTOP);
			kill(victims[i], SIGKILL);
		}
	usleep(100000);
	return 0;
}

/* --- the control ---------------------------------------------------------------------------------------------------------------------- */

static int enter(int init, const char *directory, char **command)
{
	int fd = (int)syscall(SYS_pidfd_open, init, 0), status;
	char *environment[] = { NULL };
	pid_t pid;

	if (fd < 0 || setns(fd, CLONE_NEWPID) < 0 || (pid = fork()) < 0)
		return 125;
	if (pid > 0)
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 125;
	strcpy((char *)(unsigned long)role, "enter");
	if (setns(fd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0 || (strcmp(directory, "-") && chdir(directory) < 0))
		_exit(125);
	usleep(50000);
	execve(command[0], command, environment);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "fds"))
		return list_descriptors();
	if (!strcmp(verb, "outside"))
		return is_outside();
	if (!strcmp(verb, "ids"))
		return show_ids();
	if (!strcmp(verb, "exe"))
		return take_program();
	if (!strcmp(verb, "watch") && argc == 3)
		return watch(atol(argv[2]));
	if (!strcmp(verb, "target")) {
		strcpy((char *)(unsigned long)role, "target");
		usleep(20000);
		return 0;
	}
	if (!strcmp(verb, "type") && argc == 3)
		return type(argv[2]);
	if (!strcmp(verb, "signals") && argc == 3)
		return send_signals(atoi(argv[2]));
	if (!strcmp(verb, "enter") && argc > 4)
		return enter(atoi(argv[2]), argv[3], argv + 4);
	return 2;
}
