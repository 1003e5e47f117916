/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/builder.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/packet.h"
#include "base/process.h"
#include "container/confine.h"
#include "container/stage.h"
#include "container/userns.h"

#define GIVEN_MAX (64 << 20)

/* One run: the builder and its ends of what connects it. */
struct run {
	const struct builder *builder;
	const char *const *argv, *const *environment;
	int socket, messages;
};

void builder_init(struct builder *builder)
{
	*builder = (struct builder){ .rootfs = -EBADF, .scratch = -EBADF, .source = -EBADF, .input = -EBADF, .output = -EBADF };
}

void builder_release(struct builder *builder)
{
	while (builder->file_count > 0)
		free(builder->files[--builder->file_count].data);
}

int builder_give(struct builder *builder, const char *name, const char *path, mode_t mode, struct berth_error *err)
{
	struct builder_file *file = &builder->files[builder->file_count];
	int r = read_file_at(AT_FDCWD, path, GIVEN_MAX, &file->data, &file->length);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read %s: %s", path, strerror(-r));
	file->name = name;
	file->mode = mode;
	builder->file_count++;
	return 0;
}

int builder_give_text(struct builder *builder, const char *name, char *text, struct berth_error *err)
{
	if (!text)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	builder->files[builder->file_count++] = (struct builder_file){ .name = name, .data = text, .length = strlen(text), .mode = 0644 };
	return 0;
}

/* --- the builder's side ------------------------------------------------------------------------------------------------ */

static int place_mount(int mount, const char *target, struct berth_error *err)
{
	if (mkdir(target, 0755) < 0 || move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount the builder's %s", target);
	return 0;
}

static int make_workshop(const struct builder *builder, const int *mounts, struct berth_error *err)
{
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", BUILDER_WORKSHOP, "tmpfs", MS_NOSUID, "mode=0755") < 0 ||
	    mkdir(BUILDER_GIVEN, 0755) < 0)
		return fail_errno(err, "cannot make the builder's workshop on " BUILDER_WORKSHOP);
	r = place_mount(*mounts++, BUILDER_ROOTFS, err);
	if (r == 0 && builder->scratch >= 0)
		r = place_mount(*mounts++, BUILDER_WORKSHOP "/tmp", err);
	else if (r == 0 && mkdir(BUILDER_WORKSHOP "/tmp", 01777) < 0)
		r = fail_errno(err, "cannot make the builder's scratch space");
	if (r == 0 && builder->source >= 0)
		r = place_mount(*mounts++, BUILDER_SOURCE, err);
	if (r < 0)
		return r;
	(void)chmod(BUILDER_WORKSHOP "/tmp", 01777);
	/* For the new pid namespace; the host's shows pids that mean nothing here. */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return fail_errno(err, "cannot mount the builder's /proc");
	return 0;
}

static int write_given(const struct builder *builder, struct berth_error *err)
{
	for (size_t i = 0; i < builder->file_count; i++) {
		const struct builder_file *file = &builder->files[i];
		char path[128];
		int r;

		snprintf(path, sizeof(path), BUILDER_GIVEN "/%s", file->name);
		CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : write_all(fd, file->data, file->length);
		if (r < 0 || fchmod(fd, file->mode) < 0)
			return fail(err, BERTH_FAILED, r < 0 ? -r : errno, "cannot write the builder's %s", path);
	}
	return 0;
}

/* fsync(2) and its kin do nothing: package managers sync after each file, and the whole tree is synced once before it is put in its place. */
static int ignore_sync(struct berth_error *err)
{
	static const unsigned int calls[] = { SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs, SYS_sync_file_range, SYS_msync };
	struct sock_filter filter[3 + 2 * ARRAY_LENGTH(calls)];
	unsigned short n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = n, .filter = filter };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? fail_errno(err, "cannot make fsync do nothing") : 0;
}

static int place_stdio(const struct run *run, struct berth_error *err)
{
	const struct builder *builder = run->builder;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), from[3];

	from[0] = builder->input >= 0 ? builder->input : null;
	from[1] = builder->output >= 0 ? builder->output : run->messages;
	from[2] = run->messages;
	/* By way of copies: the input may be descriptor 0, and the output 1. */
	for (int i = 0; i < 3; i++)
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return fail_errno(err, "cannot prepare the builder");
	return chdir("/") < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? fail_errno(err, "cannot prepare the builder") : 0;
}

static int setup(const struct run *run, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX], r;

	r = stage_wait(run->socket, STAGE_MAPPED, &message, fds, NO_DEADLINE, "the host side", err);
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail_errno(err, "cannot become root of the builder's user namespace");
	/* After the ids, which clear it. With the builder, process 1 of its namespace, all that it started ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fail_errno(err, "cannot tie the builder to its caller");
	r = make_workshop(run->builder, fds, err);
	if (r == 0)
		r = write_given(run->builder, err);
	if (r == 0)
		r = confine_keyring(err);
	if (r == 0)
		r = ignore_sync(err);
	if (r == 0)
		r = confine_capabilities(err);
	return r == 0 ? place_stdio(run, err) : r;
}

static void set_environment(const char *const *environment)
{
	/* Of the host's environment only what reaches the network: a proxy. */
	static const char *const kept[] = { "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY" };
	char *values[ARRAY_LENGTH(kept)];

	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++) {
		const char *value = getenv(kept[i]);

		values[i] = value ? strdup(value) : NULL;
	}
	clearenv();
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		if (values[i])
			setenv(kept[i], values[i], 1);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", BUILDER_WORKSHOP "/tmp", 1);
	setenv("TMPDIR", BUILDER_WORKSHOP "/tmp", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	for (size_t i = 0; environment && environment[i]; i++)
		putenv((char *)(uintptr_t)environment[i]);
}

static _Noreturn void inside(const struct run *run)
{
	struct berth_error error;

	confine_signals();
	if (setup(run, &error) == 0) {
		set_environment(run->environment);
		execv(run->argv[0], (char *const *)run->argv);
		(void)fail_errno(&error, "cannot run %s", run->argv[0]);
	}
	stage_fail(run->socket, &error);
	_exit(125);
}

/* --- the host side --------------------------------------------------------------------------------------------------------- */

/* The end of what the program prints: the reason when it fails. */
struct tail {
	char text[4096];
	size_t length;
};

static void tail_add(struct tail *tail, const char *data, size_t length)
{
	if (length > sizeof(tail->text) - 1) {
		data += length - (sizeof(tail->text) - 1);
		length = sizeof(tail->text) - 1;
	}
	if (tail->length + length > sizeof(tail->text) - 1) {
		size_t drop = tail->length + length - (sizeof(tail->text) - 1);

		memmove(tail->text, tail->text + drop, tail->length - drop);
		tail->length -= drop;
	}
	memcpy(tail->text + tail->length, data, length);
	tail->length += length;
	tail->text[tail->length] = '\0';
}

/* The first line that begins with "E: ", for what follows are programs that complain of programs; else the last that speaks of an error; else the last. */
static const char *last_words(struct tail *tail)
{
	char *line, *rest = tail->text;
	const char *last = "", *error = NULL;

	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "E: ", 3))
			return line + 3;
		if (strstr(line, "rror:"))
			error = line;
		if (*line)
			last = line;
	}
	return error ? error : last;
}

static int watch(int output, int pidfd, bool verbose, struct tail *tail, berth_progress_function progress, void *data,
		 struct berth_error *err)
{
	uint64_t lines = 0;
	bool open = true;

	for (;;) {
		struct pollfd entries[] = { { .fd = open ? output : -1, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
		char buffer[4096];
		ssize_t got;

		if (poll(entries, 2, 500) < 0 && errno != EINTR)
			return fail_errno(err, "cannot wait for the build");
		if (was_interrupted())
			return fail(err, BERTH_FAILED, EINTR, "interrupted");
		if (entries[0].revents) {
			got = read(output, buffer, sizeof(buffer));
			open = got > 0;
			if (got > 0) {
				tail_add(tail, buffer, (size_t)got);
				for (ssize_t i = 0; i < got; i++)
					lines += buffer[i] == '\n';
				if (verbose)
					(void)!write(2, buffer, (size_t)got);
				else if (progress)
					progress("building", lines, 0, data);
			}
			continue;
		}
		if (entries[1].revents)
			return 0;
	}
}

/* In the order in which the other side takes them. */
static int send_mounts(const struct builder *builder, pid_t pid, int socket, struct berth_error *err)
{
	const int directories[] = { builder->rootfs, builder->scratch, builder->source };
	const bool readonly[] = { builder->readonly, false, true };
	int mounts[ARRAY_LENGTH(directories)], r = 0;
	size_t count = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(directories); i++) {
		struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

		if (directories[i] < 0)
			continue;
		r = userns_idmapped_mount(directories[i], pid, err);
		if (r < 0)
			break;
		mounts[count++] = r;
		r = readonly[i] && mount_setattr(mounts[count - 1], "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ?
			    fail_errno(err, "cannot make a mount of the builder's read-only") : 0;
	}
	if (r == 0)
		r = stage_send(socket, STAGE_MAPPED, 0, mounts, count, "the builder", err);
	while (count > 0)
		close(mounts[--count]);
	return r;
}

int builder_run(const struct builder *builder, const char *const *argv, const char *const *environment, uid_t host_uid,
		berth_progress_function progress, void *data, struct berth_error *err)
{
	struct clone_args arguments = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD, .exit_signal = SIGCHLD,
	};
	struct tail tail = { .length = 0 };
	int pair[2], pipes[2], pidfd = -EBADF, r;
	siginfo_t info = { 0 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "cannot make a socket");
	CLEAN_FD int ours = pair[0], theirs = pair[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return fail_errno(err, "cannot make a pipe");
	CLEAN_FD int output = pipes[0], messages = pipes[1];
	arguments.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid_t pid = userns_clone(&arguments, host_uid, err);
	if (pid == 0) {
		close(ours);
		inside(&(struct run){ builder, argv, environment, theirs, messages });
	}
	if (pid < 0)
		return (int)pid;
	CLEAN_FD int held = pidfd;
	close(take_fd(&theirs));
	close(take_fd(&messages));
	r = userns_map(pid, host_uid, err);
	if (r == 0)
		r = send_mounts(builder, pid, ours, err);
	if (r == 0)
		r = watch(output, held, builder->verbose, &tail, progress, data, err);
	/* Process 1 of its pid namespace: with it all that the program started is gone. */
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitid(P_PIDFD, (id_t)held, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	if (info.si_code == CLD_EXITED && info.si_status == 125) {
		struct stage_message message;
		int fds[PACKET_FDS_MAX];

		r = stage_wait(ours, STAGE_READY, &message, fds, now_ms() + 100, "the builder", err);
		if (r < 0)
			return r;
	}
	enum berth_failure kind = builder->tells_kind && info.si_code == CLD_EXITED && info.si_status <= BERTH_TIMED_OUT ? (enum berth_failure)info.si_status : BERTH_FAILED;
	const char *words = last_words(&tail);
	return fail(err, kind, EIO, "%.400s", words[0] ? words : "it ended without a word");
}
