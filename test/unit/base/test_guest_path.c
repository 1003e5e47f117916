/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "tap.h"

static bool text_is(int dir, const char *path, const char *expected)
{
	CLEAN_FREE char *text = NULL;

	return guest_read_file(dir, path, 100, &text) == 0 && !strcmp(text, expected);
}

/* Every way out of the tree that a link can take, also as a directory in the middle of a path. */
static void test_links(int top, int root)
{
	static const char *const targets[] = {
		"..", "../..", "/..", "/../..", "./../../", "../root/../..", "/proc/self/root/..", "dir/../../../../../..",
	};
	int fd;

	/* Outside only: every way that ends at the root finds nothing of that name. */
	replace_file_at(top, "outside", "outside", 7, 0600, &(struct berth_error){ 0 });
	mkdirat(root, "dir", 0755);
	for (size_t i = 0; i < ARRAY_LENGTH(targets); i++) {
		symlinkat(targets[i], root, "out");
		check(guest_open(root, "out/outside", O_RDONLY, 0) < 0, "a directory that is a link to %s does not lead out", targets[i]);
		check(guest_open(root, "dir/../out/outside", O_RDONLY, 0) < 0, "nor by way of ..");
		check(guest_open(root, "out/made", O_CREAT | O_WRONLY, 0600) < 0 || faccessat(top, "made", F_OK, 0) < 0, "nor is anything made outside");
		unlinkat(root, "made", 0);
		check(guest_open_nolinks(root, "out/outside", O_RDONLY, 0) == -ELOOP, "where links are not allowed it is no directory");
		unlinkat(root, "out", 0);
	}
	symlinkat("/dir", root, "good");
	guest_replace_file(root, "dir", "file", "file", 0, 0, 0644, &(struct berth_error){ 0 });
	check(text_is(root, "good/file", "file"), "a link inside the tree is followed");
	fd = guest_open_nolinks(root, "dir/file", O_RDONLY, 0);
	check(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "a path without links is opened where they are not allowed");
	close(fd);
	check(guest_open(root, "/dir/../../outside", O_RDONLY, 0) == -ENOENT, "an absolute path begins at the root");
	fd = guest_open(root, "/dir/file", O_RDONLY, 0);
	check(fd >= 0, "and ends inside");
	close(fd);
	fd = guest_open(root, "dir/new", O_CREAT | O_EXCL | O_WRONLY, 0640);
	check(fd >= 0 && faccessat(root, "dir/new", F_OK, 0) == 0, "a file can be made");
	close(fd);
	check(guest_open(root, "", O_RDONLY, 0) == -ENOENT && guest_open(-EBADF, "dir", O_RDONLY, 0) < 0, "nothing is no path");
}

/* procfs has the links that jump without a path. */
static void test_magic(void)
{
	static const char *const links[] = { "self/root", "self/root/etc/passwd", "self/cwd/..", "self/exe", "self/fd/0", "thread-self/root" };
	CLEAN_FD int proc = open("/proc", O_RDONLY | O_DIRECTORY);

	for (size_t i = 0; i < ARRAY_LENGTH(links); i++) {
		check(guest_open(proc, links[i], O_RDONLY, 0) == -ELOOP, "magic link %s is not followed", links[i]);
		check(guest_open_nolinks(proc, links[i], O_RDONLY, 0) == -ELOOP, "nor without links");
	}
}

static void test_read(int root)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEAN_FREE char *text = NULL;
	struct berth_error err;

	replace_file_at(root, "five", "12345", 5, 0600, &err);
	replace_file_at(root, "empty", "", 0, 0600, &err);
	check(guest_read_file(root, "five", 4, &text) == -EFBIG && !text, "a file one byte over the bound is refused");
	check(guest_read_file(root, "nosuch", 4, &text) == -ENOENT && !text, "one that is not there is ENOENT");
	check(text_is(root, "empty", ""), "an empty file is read");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", root);
	bind(fd, (struct sockaddr *)&address, sizeof(address));
	check(guest_read_file(root, "socket", 4, &text) == -ENXIO && !text, "a socket is not read");
	close(fd);
	check(guest_read_file(root, "five", 5, &text) == 0 && !strcmp(text, "12345"), "a file of just the bound is read");
}

static void test_replace(int top, int root)
{
	struct berth_error err = { 0 };
	struct stat st;

	mkdirat(root, "d", 0755);
	check(guest_replace_file(root, "d", "owned", "x", 12, 34, 0640, &err) == 0 && fstatat(root, "d/owned", &st, 0) == 0 && st.st_uid == 12 && st.st_gid == 34 &&
	      (st.st_mode & 07777) == 0640, "a file has its owner and mode, whatever the umask");
	fchmodat(root, "d/owned", 0466, 0);
	check(guest_replace_file(root, "d", "owned", "y", 0, 0, 0644, &err) == 0 && text_is(root, "d/owned", "x"), "only the owner's write permission counts for the opt-out");
	fchmodat(root, "d/owned", 0200, 0);
	check(guest_replace_file(root, "d", "owned", "y", 0, 0, 0644, &err) == 0 && text_is(root, "d/owned", "y"), "with it the file is replaced");

	symlinkat("../../secret", root, "d/.linked.berth-new");
	check(guest_replace_file(root, "d", "linked", "z", 0, 0, 0644, &err) == 0 && text_is(top, "secret", "secret") && text_is(root, "d/linked", "z"), "a link under the temp name is not written through");
	check(faccessat(root, "d/.linked.berth-new", F_OK, AT_SYMLINK_NOFOLLOW) < 0, "and no temp file is left");
	symlinkat("nosuch", root, "d/dangling");
	check(guest_replace_file(root, "d", "dangling", "z", 0, 0, 0644, &err) == 0 && faccessat(root, "d/nosuch", F_OK, 0) < 0 && text_is(root, "d/dangling", "z"), "a dangling link is replaced, its target not made");
	mkfifoat(root, "d/pipe", 0600);
	check(guest_replace_file(root, "d", "pipe", "z", 0, 0, 0644, &err) == 0 && text_is(root, "d/pipe", "z"), "a fifo is replaced and not waited for");
	/* A hard link to a file that the guest must not write: the other name keeps its bytes. */
	linkat(top, "secret", root, "d/hard", 0);
	check(guest_replace_file(root, "d", "hard", "z", 0, 0, 0644, &err) == 0 && text_is(top, "secret", "secret") && text_is(root, "d/hard", "z"), "a hard link is replaced, its file not written");
	check(guest_replace_file(root, "nosuch", "a", "z", 0, 0, 0644, &err) == -ENOENT && err.kind == BERTH_FAILED && err.text[0], "a missing directory is an error with a text");
	check(guest_replace_file(root, "d/owned", "a", "z", 0, 0, 0644, &err) == -ENOTDIR, "a file is no directory");
	guest_replace_file(root, "d", "busy", "old", 0, 0, 0644, &err);
	mkdirat(root, "d/.busy.berth-new", 0755);
	(void)guest_replace_file(root, "d", "busy", "z", 0, 0, 0644, &err);
	check(text_is(root, "d/busy", "old") || text_is(root, "d/busy", "z"), "a directory under the temp name leaves the old bytes or the new ones");
}

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX";
	CLEAN_FREE char *text = NULL;
	struct berth_error err;
	struct stat st;
	int top = open(mkdtemp(path), O_RDONLY | O_DIRECTORY), root, fd;

	/* "top/secret" is outside, "top/root" is the guest's tree. */
	replace_file_at(top, "secret", "secret", 6, 0600, &err);
	mkdirat(top, "root", 0755);
	root = openat(top, "root", O_RDONLY | O_DIRECTORY);
	mkdirat(root, "etc", 0755);
	replace_file_at(root, "inside", "inside", 6, 0600, &err);
	symlinkat("../secret", root, "up");
	symlinkat("../../../../../../../../../../../../etc/shadow", root, "chain");
	symlinkat("/inside", root, "absolute");
	symlinkat("/proc/self/root/etc/shadow", root, "magic");
	symlinkat("loop", root, "loop");
	mkfifoat(root, "fifo", 0600);

	check(guest_open(root, "up", O_RDONLY, 0) == -ENOENT, "a link upwards ends at the root");
	check(guest_open(root, "chain", O_RDONLY, 0) == -ENOENT, "so does a long chain of ..");
	check(guest_open(root, "../secret", O_RDONLY, 0) == -ENOENT, "and .. in the path itself");
	check(guest_open(root, "magic", O_RDONLY, 0) < 0, "a way through /proc does not lead out");
	check(guest_open(root, "loop", O_RDONLY, 0) == -ELOOP, "a loop of links is refused");
	fd = guest_open(root, "absolute", O_RDONLY, 0);
	check(fd >= 0, "an absolute link is taken from the guest's root");
	close(fd);
	check(guest_open_nolinks(root, "absolute", O_RDONLY, 0) == -ELOOP, "where links are not allowed it is refused");
	fd = guest_open(root, "inside", O_RDONLY, 0);
	check(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "descriptors are close-on-exec");
	close(fd);

	check(guest_read_file(root, "fifo", 100, &text) == -ENXIO, "a fifo is neither waited for nor read");
	check(guest_read_file(root, "etc", 100, &text) == -ENXIO, "a directory is not read");
	check(guest_read_file(root, "absolute", 100, &text) == -ELOOP, "a link is not read");
	check(guest_read_file(root, "inside", 5, &text) == -EFBIG, "a file over the bound is refused");
	check(text_is(root, "inside", "inside"), "a plain file is read");

	check(guest_replace_file(root, "etc", "hostname", "one\n", 0, 0, 0644, &err) == 0 && text_is(root, "etc/hostname", "one\n"), "a file is made");
	check(fstatat(root, "etc/hostname", &st, 0) == 0 && (st.st_mode & 07777) == 0644, "with its mode");
	fchmodat(root, "etc/hostname", 0444, 0);
	check(guest_replace_file(root, "etc", "hostname", "two\n", 0, 0, 0644, &err) == 0 && text_is(root, "etc/hostname", "one\n"), "chmod u-w is the owner's opt-out");
	symlinkat("../../secret", root, "etc/resolv.conf");
	check(guest_replace_file(root, "etc", "resolv.conf", "dns\n", 0, 0, 0644, &err) == 0, "a link under the name is replaced");
	check(text_is(top, "secret", "secret") && text_is(root, "etc/resolv.conf", "dns\n"), "and what it pointed to is as it was");
	mkdirat(root, "etc/hosts", 0755);
	check(guest_replace_file(root, "etc", "hosts", "x", 0, 0, 0644, &err) == -EISDIR, "a directory under the name is refused");
	symlinkat("..", root, "elsewhere");
	check(guest_replace_file(root, "elsewhere", "secret", "x", 0, 0, 0644, &err) == 0 && text_is(top, "secret", "secret"), "a directory that is a link out leads to the root");
	test_links(top, root);
	test_magic();
	test_read(root);
	test_replace(top, root);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
