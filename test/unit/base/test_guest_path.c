/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
