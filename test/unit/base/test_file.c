/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tap.h"

static void make_deep(int dir, int levels)
{
	int fd = dup(dir);

	for (int i = 0; i < levels; i++) {
		int next;

		mkdirat(fd, "d", 0700);
		close(openat(fd, "file", O_CREAT | O_WRONLY, 0600));
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
}

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX", *text = NULL;
	struct berth_error err;
	size_t length;
	int dir = open(mkdtemp(path), O_RDONLY | O_DIRECTORY), outside;

	check(replace_file_at(dir, "a", "one\n", 4, 0600, &err) == 0, "a file is made");
	check(replace_file_at(dir, "a", "two\n", 4, 0640, &err) == 0, "and replaced");
	check(read_file_at(dir, "a", 100, &text, &length) == 0 && length == 4 && !strcmp(text, "two\n"), "it has the new text");
	free(text);
	check(faccessat(dir, ".a.new", F_OK, 0) < 0, "no temp file is left");
	close(openat(dir, ".a.new", O_CREAT | O_WRONLY, 0600));
	check(replace_file_at(dir, "a", "three\n", 6, 0600, &err) == 0, "a temp file that a killed command left is no obstacle");
	check(replace_file_at(dir, "nodir/a", "x", 1, 0600, &err) < 0 && err.kind == BERTH_FAILED && err.text[0], "a missing directory is an error with a text");
	check(read_file_at(dir, "a", 5, &text, &length) == -EFBIG, "a file larger than the bound is refused");
	check(read_file_at(dir, "nosuch", 5, &text, &length) == -ENOENT, "a missing file is ENOENT");
	symlinkat("a", dir, "link");
	check(read_file_at(dir, "link", 100, &text, &length) == -ELOOP, "a link is not followed");

	mkdirat(dir, "deep", 0700);
	outside = openat(dir, "deep", O_RDONLY | O_DIRECTORY);
	make_deep(outside, 2000);
	close(outside);
	mkdirat(dir, "kept", 0700);
	close(openat(dir, "kept/precious", O_CREAT | O_WRONLY, 0600));
	symlinkat("../kept", dir, "deep/link");
	check(remove_tree_at(dir, "deep", &err) == 0, "a tree 2,000 directories deep is removed");
	check(faccessat(dir, "deep", F_OK, AT_SYMLINK_NOFOLLOW) < 0, "it is gone");
	check(faccessat(dir, "kept/precious", F_OK, 0) == 0, "what a link in it pointed to is not");
	symlinkat("kept", dir, "alias");
	check(remove_tree_at(dir, "alias", &err) == 0 && faccessat(dir, "kept/precious", F_OK, 0) == 0, "a link itself is removed, not its target");
	check(remove_tree_at(dir, "nosuch", &err) == 0, "nothing there is fine");
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
