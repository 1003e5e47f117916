/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Builds a template by its script (templates/README.md has the contract), in a user namespace of its own: what a
 * distribution's package scripts do, they do as nobody of the host, and to the tree only, which is an idmapped mount.
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/packet.h"
#include "base/process.h"
#include "container/confine.h"
#include "container/container.h"
#include "container/id_range.h"
#include "container/stage.h"
#include "container/template.h"
#include "container/userns.h"

/* Where the builder sees the tree: on a tmpfs of its own mount namespace. */
#define WORKSHOP "/mnt"
#define SCRIPT_FD 9

struct build {
	const char *name, *release, *mirror;
	char script[PATH_MAX];
	int socket;		/* the builder's end */
	int script_fd, output;
	bool verbose;
};

/* --- the builder's side ------------------------------------------------------------------------------------------------ */

static int make_workshop(int rootfs_mount, struct berth_error *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", WORKSHOP, "tmpfs", MS_NOSUID, "mode=0755") < 0 || mkdir(WORKSHOP "/rootfs", 0755) < 0 ||
	    mkdir(WORKSHOP "/tmp", 01777) < 0 || chmod(WORKSHOP "/tmp", 01777) < 0)
		return fail_errno(err, "cannot make the builder's workshop on " WORKSHOP);
	if (move_mount(rootfs_mount, "", AT_FDCWD, WORKSHOP "/rootfs", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(err, "cannot mount the new tree");
	/* For the new pid namespace; the host's shows pids that mean nothing here. */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return fail_errno(err, "cannot mount the builder's /proc");
	return 0;
}

static int builder_setup(const struct build *build, struct berth_error *err)
{
	struct stage_message message;
	int fds[PACKET_FDS_MAX], r;

	r = stage_wait(build->socket, STAGE_MAPPED, &message, fds, NO_DEADLINE, "the host side", err);
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail_errno(err, "cannot become root of the builder's user namespace");
	/* After the ids, which clear it. With the builder, process 1 of its namespace, all that it started ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fail_errno(err, "cannot tie the builder to its caller");
	r = make_workshop(fds[0], err);
	if (r == 0)
		r = confine_keyring(err);
	if (r == 0)
		r = confine_capabilities(err);
	if (r < 0)
		return r;
	if (dup2(build->script_fd, SCRIPT_FD) < 0 || dup2(build->output, 1) < 0 || dup2(build->output, 2) < 0 || chdir("/") < 0)
		return fail_errno(err, "cannot prepare the builder");
	return close_range(3, SCRIPT_FD - 1, CLOSE_RANGE_CLOEXEC) < 0 || close_range(SCRIPT_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ?
		       fail_errno(err, "cannot prepare the builder") : 0;
}

static _Noreturn void builder(const struct build *build)
{
	struct berth_error error;
	struct utsname machine;

	confine_signals();
	if (builder_setup(build, &error) == 0) {
		char script[32];

		uname(&machine);
		/* Of the host's environment only what reaches the network: a proxy. */
		const char *const kept[] = { "http_proxy", "https_proxy", "no_proxy" };
		char *values[ARRAY_LENGTH(kept)];
		for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
			values[i] = getenv(kept[i]) ? strdup(getenv(kept[i])) : NULL;
		clearenv();
		for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
			if (values[i])
				setenv(kept[i], values[i], 1);
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
		setenv("HOME", WORKSHOP "/tmp", 1);
		setenv("TMPDIR", WORKSHOP "/tmp", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		setenv("BERTH_TEMPLATE", build->name, 1);
		setenv("BERTH_RELEASE", build->release, 1);
		setenv("BERTH_ROOTFS", WORKSHOP "/rootfs", 1);
		setenv("BERTH_MIRROR", build->mirror ? build->mirror : "", 1);
		setenv("BERTH_ARCHITECTURE", machine.machine, 1);
		/* By descriptor: the script may lie where only root can look. */
		snprintf(script, sizeof(script), "/proc/self/fd/%d", SCRIPT_FD);
		execl("/bin/sh", "sh", "-eu", script, NULL);
		(void)fail_errno(&error, "cannot run /bin/sh");
	}
	stage_fail(build->socket, &error);
	_exit(125);
}

/* --- the host side --------------------------------------------------------------------------------------------------------- */

/* Waits for the script and keeps the end of what it prints: the reason when it fails. */
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

/* The last line that says something went wrong, else the last line. */
static const char *last_words(struct tail *tail)
{
	char *line, *rest = tail->text;
	const char *last = "", *error = NULL;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		last = line;
		if (!strncmp(line, "E: ", 3) || strstr(line, "rror:"))
			error = line;
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

static int run_builder(struct build *build, int rootfs, uid_t host_uid, berth_progress_function progress, void *data,
		       struct berth_error *err)
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
	CLEAN_FD int output = pipes[0], input = pipes[1];
	build->socket = theirs;
	build->output = input;
	arguments.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid_t pid = userns_clone(&arguments, host_uid, err);
	if (pid == 0) {
		close(ours);
		builder(build);
	}
	if (pid < 0)
		return (int)pid;
	CLEAN_FD int held = pidfd;
	close(take_fd(&theirs));
	close(take_fd(&input));
	r = userns_map(pid, host_uid, err);
	CLEAN_FD int mount = r < 0 ? r : userns_idmapped_mount(rootfs, pid, err);
	r = mount < 0 ? mount : stage_send(ours, STAGE_MAPPED, 0, &mount, 1, "the builder", err);
	if (r == 0)
		r = watch(output, held, build->verbose, &tail, progress, data, err);
	/* Process 1 of its pid namespace: with it all that the script started is gone. */
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
	return fail(err, BERTH_FAILED, EIO, "its script failed (status %d): %.300s", info.si_status, last_words(&tail));
}

static int count_tree(int fd, uint64_t *entries, uint64_t *bytes, int depth)
{
	CLEAN_DIR DIR *dir = list_directory(fd);
	struct dirent *entry;

	if (!dir || depth > 200)
		return -1;
	while ((entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(*entries)++;
		*bytes += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode)) {
			CLEAN_FD int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (child >= 0 && count_tree(child, entries, bytes, depth + 1) < 0)
				return -1;
		}
	}
	return 0;
}

/* The script leaves /.berth-template (distribution, release, init: one "key=value" a line) in the tree. */
static void read_facts(int rootfs, struct berth_template *description)
{
	CLEAN_FREE char *text = NULL;
	char *rest, *line;

	if (read_file_at(rootfs, ".berth-template", 4096, &text, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(line, "distribution"))
			snprintf(description->distribution, sizeof(description->distribution), "%s", value);
		if (!strcmp(line, "release"))
			snprintf(description->release, sizeof(description->release), "%s", value);
		if (!strcmp(line, "init"))
			snprintf(description->init, sizeof(description->init), "%s", value);
	}
	(void)unlinkat(rootfs, ".berth-template", 0);
}

static int describe(int directory, int rootfs, const struct build *build, struct berth_error *err)
{
	struct berth_template description = { .built_at = (uint64_t)time(NULL) };
	CLEAN_FREE char *text = NULL;
	struct utsname machine;

	uname(&machine);
	strcpy(description.name, build->name);
	snprintf(description.distribution, sizeof(description.distribution), "%.*s", (int)strcspn(build->name, ":"), build->name);
	snprintf(description.release, sizeof(description.release), "%s", build->release);
	snprintf(description.architecture, sizeof(description.architecture), "%.16s", machine.machine);
	strcpy(description.init, "unknown");
	read_facts(rootfs, &description);
	if (count_tree(rootfs, &description.entries, &description.bytes, 0) < 0)
		return fail(err, BERTH_FAILED, EIO, "cannot count what is in the new tree");
	if (description.entries < 2)
		return fail(err, BERTH_FAILED, EIO, "its script left an empty tree");
	text = template_format(&description);
	return text ? replace_file_at(directory, "template.json", text, strlen(text), 0600, err) :
		      fail(err, BERTH_FAILED, ENOMEM, "out of memory");
}

/* Returns an fd of the script. */
static int find_script(struct build *build, struct berth_error *err)
{
	char relative[128];
	int r;

	snprintf(relative, sizeof(relative), "share/berth/templates/%.*s", (int)strcspn(build->name, ":"), build->name);
	r = installed_path(relative, build->script, err);
	if (r < 0)
		return r;
	r = open(build->script, O_RDONLY | O_CLOEXEC);
	return r < 0 ? fail(err, BERTH_NOT_FOUND, errno, "there is no script for template %s (%s)", build->name, build->script) : r;
}

/* In the hidden directory, which becomes the template by one rename. */
static int build_in(struct berth *berth, struct build *build, int directory, berth_progress_function progress, void *data,
		    struct berth_error *err)
{
	char owner[64];
	struct berth_error ignored;
	uint64_t id;
	int r;

	if (mkdirat(directory, "rootfs", 0755) < 0)
		return fail_errno(err, "cannot make its rootfs");
	CLEAN_FD int rootfs = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfs < 0)
		return fail_errno(err, "cannot open its rootfs");
	snprintf(owner, sizeof(owner), TEMPLATE_OWNER "%.50s", build->name);
	r = id_range_allocate(berth, owner, &id, err);
	if (r < 0)
		return r;
	r = run_builder(build, rootfs, (uid_t)id * ID_RANGE_SIZE, progress, data, err);
	if (r == 0)
		r = describe(directory, rootfs, build, err);
	(void)id_range_release(berth, owner, id, &ignored);
	return r;
}

static int place(int templates, const char *hidden, const char *final, bool replace, struct berth_error *err)
{
	if (renameat2(templates, hidden, templates, final, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST || !replace)
		return fail_errno(err, "cannot put it in its place");
	/* The old one and the new one change places in one step; then the old one has the hidden name. */
	if (renameat2(templates, hidden, templates, final, RENAME_EXCHANGE) < 0)
		return fail_errno(err, "cannot put it in its place");
	return remove_tree_at(templates, hidden, err);
}

int berth_template_build(struct berth *berth, const char *name, const char *mirror, bool replace, bool verbose,
			 berth_progress_function progress, void *data, struct berth_error *err)
{
	char final[TEMPLATE_DIRECTORY_MAX], hidden[TEMPLATE_DIRECTORY_MAX + 16];
	const char *colon = strchr(name, ':');
	struct build build = {
		.name = name, .release = colon ? colon + 1 : "", .mirror = mirror, .script_fd = -EBADF, .verbose = verbose,
	};
	struct berth_error ignored;
	struct stat st;
	int r;

	r = template_directory_name(name, final, err);
	if (r < 0)
		return r;
	if (mirror && strncmp(mirror, "http://", 7) != 0 && strncmp(mirror, "https://", 8) != 0 && strncmp(mirror, "file:/", 6) != 0)
		return fail(err, BERTH_USAGE, EINVAL, "mirror: '%.100s' is not acceptable; accepted are http, https and file URLs", mirror);
	CLEAN_FD int script = find_script(&build, err);
	if (script < 0)
		return script;
	build.script_fd = script;
	CLEAN_FD int templates = instance_directory(berth, DIRECTORY_TEMPLATES, err);
	if (templates < 0)
		return templates;
	if (!replace && fstatat(templates, final, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return fail(err, BERTH_EXISTS, EEXIST, "template %s is built already; --replace builds it anew", name);
	snprintf(hidden, sizeof(hidden), ".%s.building", final);
	if (mkdirat(templates, hidden, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "cannot make the directory of template %s", name);
	CLEAN_FD int directory = openat(templates, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return fail_errno(err, "cannot open the directory of template %s", name);
	if (flock(directory, LOCK_EX | LOCK_NB) < 0)
		return fail(err, BERTH_BUSY, EWOULDBLOCK, "template %s is being built by another command", name);
	/* What a killed build left. */
	r = remove_tree_at(directory, "rootfs", err);
	if (r == 0)
		r = build_in(berth, &build, directory, progress, data, err);
	if (r == 0)
		r = place(templates, hidden, final, replace, err);
	if (r < 0)
		(void)remove_tree_at(templates, hidden, &ignored);
	return r < 0 ? fail_context(err, "template %s", name) : 0;
}
