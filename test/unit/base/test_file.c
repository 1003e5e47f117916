/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
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

static bool text_is(int dir, const char *path, const char *expected)
{
	CLEAN_FREE char *text = NULL;

	return read_file_at(dir, path, 1000, &text, NULL) == 0 && !strcmp(text, expected);
}

static mode_t mode_of(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 07777 : 0;
}

static bool is_missing(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void test_bounds(int dir)
{
	CLEAN_FREE char *exact = NULL, *empty = NULL;
	char *text = NULL, small[8];
	struct berth_error err;
	size_t length = 99;

	replace_file_at(dir, "five", "12345", 5, 0600, &err);
	replace_file_at(dir, "empty", "", 0, 0600, &err);
	check(read_file_at(dir, "five", 5, &exact, &length) == 0 && length == 5 && !strcmp(exact, "12345"), "a file of just the bound is read");
	check(read_file_at(dir, "five", 4, &text, &length) == -EFBIG && !text && length == 5, "one byte more is refused and nothing is returned");
	check(read_file_at(dir, "empty", 0, &empty, &length) == 0 && length == 0 && !*empty, "an empty file fits in nothing");
	check(read_file_at(dir, ".", 100, &text, &length) == -EISDIR && !text, "a directory is no file");
	mkfifoat(dir, "fifo", 0600);
	check(read_file_at(dir, "fifo", 100, &text, &length) <= 0, "a fifo is not waited for");
	free(text);
	check(read_small_at(dir, "five", small, sizeof(small)) == 0 && !strcmp(small, "12345"), "a small file is read");
	check(read_small_at(dir, "five", small, 4) == 0 && !strcmp(small, "123"), "as far as there is room");
	check(read_small_at(dir, "empty", small, sizeof(small)) == 0 && !*small, "also an empty one");
	replace_file_at(dir, "lines", "a\n\n", 3, 0600, &err);
	check(read_small_at(dir, "lines", small, sizeof(small)) == 0 && !strcmp(small, "a\n"), "without one newline at its end");
	check(write_small_at(dir, "five", "abc") == 0 && text_is(dir, "five", "abc45"), "a kernel's file is written, not cut");
	check(write_small_at(dir, "nosuch", "abc") == -ENOENT && is_missing(dir, "nosuch"), "and never made");
}

static void test_replace(int dir)
{
	struct berth_error err;
	struct stat before, after;

	umask(0);
	check(replace_file_at(dir, "r", "1", 1, 0640, &err) == 0 && mode_of(dir, "r") == 0640, "a new file has its mode");
	check(replace_file_at(dir, "r", "2", 1, 0600, &err) == 0 && mode_of(dir, "r") == 0600, "a replaced one the new mode");
	linkat(dir, "r", dir, "other-name", 0);
	check(replace_file_at(dir, "r", "3", 1, 0600, &err) == 0 && text_is(dir, "other-name", "2"), "the old file itself is not written to");

	replace_file_at(dir, "victim", "safe", 4, 0600, &err);
	symlinkat("victim", dir, ".r.new");
	check(replace_file_at(dir, "r", "4", 1, 0600, &err) == 0 && text_is(dir, "victim", "safe") && text_is(dir, "r", "4"), "a link under the temp name is not written through");
	check(is_missing(dir, ".r.new"), "and is gone");
	symlinkat("victim", dir, "alias-of-victim");
	check(replace_file_at(dir, "alias-of-victim", "5", 1, 0600, &err) == 0 && text_is(dir, "victim", "safe"), "nor is one under the final name");

	mkdirat(dir, "is-directory", 0700);
	check(replace_file_at(dir, "is-directory", "x", 1, 0600, &err) < 0 && err.kind == BERTH_FAILED, "a directory is not replaced");
	check(is_missing(dir, ".is-directory.new"), "and no temp file is left of the try");
	fstatat(dir, "r", &before, 0);
	mkdirat(dir, ".r.new", 0700);
	check(replace_file_at(dir, "r", "6", 1, 0600, &err) < 0 && text_is(dir, "r", "4"), "when the temp file cannot be made the old bytes are there");
	fstatat(dir, "r", &after, 0);
	check(before.st_ino == after.st_ino, "in the old file");
}

static void test_make_directory(const char *path)
{
	struct berth_error err;
	char deep[128];
	int fd;

	snprintf(deep, sizeof(deep), "%s/m/a/k", path);
	fd = make_directory(deep, 0700, &err);
	check(fd >= 0 && mode_of(AT_FDCWD, deep) == 0700, "a directory is made with those above it");
	close(fd);
	fd = make_directory(deep, 0700, &err);
	check(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "one that is there is opened");
	close(fd);
	snprintf(deep, sizeof(deep), "%s/five/x", path);
	check(make_directory(deep, 0700, &err) == -ENOTDIR && err.text[0], "below a file it cannot be");
}

static void test_remove(int dir)
{
	/* Around the depth from which directories are moved up, and far below it. */
	static const int depths[] = { 1, 47, 48, 49, 50, 51, 97, 98, 300 };
	struct rlimit before, few;
	struct berth_error err;
	int out;

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &few);
	for (size_t i = 0; i < ARRAY_LENGTH(depths); i++) {
		int fd;

		mkdirat(dir, "tree", 0700);
		fd = openat(dir, "tree", O_RDONLY | O_DIRECTORY);
		make_deep(fd, depths[i]);
		/* A guest may have made the very names that directories are moved up to. */
		mkdirat(fd, ".removing.0", 0700);
		close(openat(fd, ".removing.1", O_CREAT | O_WRONLY, 0600));
		symlinkat("../victim", fd, ".removing.2");
		close(fd);
		check(remove_tree_at(dir, "tree", &err) == 0 && is_missing(dir, "tree"), "a tree %d deep is removed with 128 descriptors", depths[i]);
	}
	setrlimit(RLIMIT_NOFILE, &before);
	check(text_is(dir, "victim", "safe"), "what a link in it pointed to is as it was");

	mkdirat(dir, "outside", 0700);
	out = openat(dir, "outside", O_RDONLY | O_DIRECTORY);
	replace_file_at(out, "precious", "p", 1, 0600, &err);
	close(out);
	mkdirat(dir, "tree", 0700);
	symlinkat("../outside", dir, "tree/relative");
	symlinkat("/", dir, "tree/absolute");
	symlinkat("nosuch", dir, "tree/dangling");
	mkfifoat(dir, "tree/fifo", 0600);
	mkdirat(dir, "tree/closed", 0000);
	check(remove_tree_at(dir, "tree", &err) == 0 && text_is(dir, "outside/precious", "p"), "links, fifos and closed directories go, targets stay");
	symlinkat("outside", dir, "tree");
	check(remove_tree_at(dir, "tree", &err) == 0 && is_missing(dir, "tree") && text_is(dir, "outside/precious", "p"), "a tree that is a link elsewhere is only a link");
	check(remove_tree_at(dir, "victim", &err) == 0 && is_missing(dir, "victim"), "a file is removed too");
	check(remove_tree_at(dir, "five/x", &err) <= 0, "below a file there is nothing");
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
	test_bounds(dir);
	test_replace(dir);
	test_make_directory(path);
	test_remove(dir);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
