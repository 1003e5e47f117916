/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Archives: whatever is in them, nothing appears outside the tree, and in it only what a tree may have.
 *
 * The first byte says what the rest is: 'r' the bytes of an archive, whose header checksums are made right so that the parser gets further;
 * 't' a description of a tar archive, a line for each entry, that is written out as one; 'l' the same for two layers, with a line "--" between
 * them. A line is "TYPE NAME LINK UID DATA" with tabs: the type is tar's letter, and an 'x' has one pax record, "key=value", as data.
 *
 * Run by root, in a mount namespace of its own: the tree is on a tmpfs and everything else but the working directory, where libFuzzer writes, is
 * read-only. What gets out all the same is seen and harms nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "fuzz.h"
#include "image/unpack.h"

#define PLACE "/mnt"
#define BYTES_MAX 20000
#define BLOCK 512

int LLVMFuzzerInitialize(int *argc, char ***argv);

static int place, before, archive_fd;

static void quit(const char *what)
{
	perror(what);
	exit(1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY }, writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	char *here = getcwd(NULL, 0);

	(void)argc;
	(void)argv;
	if (!here || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(here, here, NULL, MS_BIND, NULL) < 0 ||
	    chdir(here) < 0)
		quit("a mount namespace (run it as root)");
	/* Not those that hold what libFuzzer writes to. */
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &readonly, sizeof(readonly)) < 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, here, 0, &writable, sizeof(writable)) < 0)
		quit("mount_setattr");
	if (mount("fuzz", PLACE, "tmpfs", MS_NODEV, "size=64M,mode=755") < 0)
		quit("mount " PLACE);
	place = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	archive_fd = memfd_create("archive", MFD_CLOEXEC);
	free(here);
	umask(0);
	return 0;
}

/* --- archives ------------------------------------------------------------------------------------------------------------------- */

static void put_checksum(unsigned char *header)
{
	unsigned int sum = 8 * ' ';

	for (int i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? 0 : header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
	header[155] = ' ';
}

static void put_entry(char type, const char *name, const char *link, const char *uid, const char *data, size_t length)
{
	static const char zero[BLOCK];
	unsigned char header[BLOCK] = { 0 };

	snprintf((char *)header, 100, "%s", name);
	snprintf((char *)header + 100, 8, "%07o", type == '5' ? 0755 : 04644);
	snprintf((char *)header + 108, 8, "%07o", (unsigned int)atoi(uid) & 07777777);
	snprintf((char *)header + 116, 8, "%07o", (unsigned int)atoi(uid) & 07777777);
	snprintf((char *)header + 124, 12, "%011zo", length);
	snprintf((char *)header + 136, 12, "%011o", 1700000000);
	header[156] = (unsigned char)type;
	snprintf((char *)header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\00000", 8);
	put_checksum(header);
	must(write_all(archive_fd, header, BLOCK) == 0 && write_all(archive_fd, data, length) == 0);
	if (length % BLOCK)
		must(write_all(archive_fd, zero, BLOCK - length % BLOCK) == 0);
}

static void put_line(char *line)
{
	const char *fields[5] = { "", "", "", "", "" };
	char record[5000];

	for (size_t i = 0; i < 5 && line; i++)
		fields[i] = strsep(&line, "\t");
	if (fields[0][0] == 'x' || fields[0][0] == 'g') {
		/* Its length has itself in it. */
		size_t length = strlen(fields[4]) + 2, digits = 1;

		while (digits < 5 && (size_t)snprintf(NULL, 0, "%zu", length + digits) > digits)
			digits++;
		length = (size_t)snprintf(record, sizeof(record), "%zu %s\n", length + digits, fields[4]);
		put_entry(fields[0][0], "pax", "", "0", record, length);
	} else {
		put_entry(fields[0][0], fields[1], fields[2], fields[3], fields[4], strlen(fields[4]) + (fields[0][0] == 'L' || fields[0][0] == 'K'));
	}
}

static void begin_archive(void)
{
	must(ftruncate(archive_fd, 0) == 0);
	lseek(archive_fd, 0, SEEK_SET);
}

/* Up to a line "--", which is taken. */
static void put_lines(char **rest)
{
	static const char end[2 * BLOCK];
	char *line;

	begin_archive();
	while ((line = strsep(rest, "\n")) && strcmp(line, "--") != 0)
		if (*line)
			put_line(line);
	must(write_all(archive_fd, end, sizeof(end)) == 0);
}

static void put_raw(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size + 1);
	size_t at = 0;

	must(copy);
	memcpy(copy, data, size);
	while (at + BLOCK <= size && copy[at + 257] == 'u') {
		char length[13] = "";

		put_checksum(copy + at);
		memcpy(length, copy + at + 124, 12);
		at += BLOCK + ((strtoull(length, NULL, 8) & 0xffff) + BLOCK - 1) / BLOCK * BLOCK;
	}
	begin_archive();
	must(write_all(archive_fd, copy, size) == 0);
	free(copy);
}

/* --- what came of it --------------------------------------------------------------------------------------------------------- */

static void check_tree(int fd, int depth)
{
	CLEAN_DIR DIR *dir = list_directory(fd);
	struct dirent *entry;

	must(dir && depth < 200);
	while ((entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		must(fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		must(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
		must(st.st_uid < 65536 && st.st_gid < 65536);
		if (S_ISDIR(st.st_mode)) {
			CLEAN_FD int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			must(child >= 0);
			check_tree(child, depth + 1);
		}
	}
}

static void check_outside(void)
{
	CLEAN_DIR DIR *dir = list_directory(place);
	struct dirent *entry;
	struct stat st;
	char text[8] = "";

	must(dir);
	while ((entry = readdir(dir)))
		must(entry->d_name[0] == '.' || !strcmp(entry->d_name, "tree") || !strcmp(entry->d_name, "outside"));
	must(fstatat(place, "outside", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_uid == 0 &&
	     st.st_nlink == 1);
	must(read_small_at(place, "outside", text, sizeof(text)) == 0 && !strcmp(text, "same"));
}

static int unpack_one(struct unpack *unpack)
{
	struct berth_error err = { 0 };
	struct input *input = input_new(archive_fd, &err);
	int r;

	must(input);
	lseek(archive_fd, 0, SEEK_SET);
	r = unpack_archive(unpack, input, &err);
	must(r == 0 || (r < 0 && err.text[0] && err.kind && memchr(err.text, 0, sizeof(err.text))));
	must(unpack->left.bytes <= BYTES_MAX && !unpack->seen);
	input_free(input);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack unpack = { .left = { BYTES_MAX, 200 } };
	struct berth_error err;
	char *text, *rest, *clean, *again;
	int r;

	if (size < 1)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	clean = malloc(4096);
	again = malloc(4096);
	must(clean && again);
	if (unpack_clean_path(text, clean)) {
		must(clean[0] != '/' && unpack_clean_path(clean, again) && !strcmp(clean, again));
		must(strcmp(clean, "..") != 0 && !strstr(clean, "//") && strncmp(clean, "../", 3) != 0 && !strstr(clean, "/../"));
	}
	must(mkdirat(place, "tree", 0755) == 0);
	CLEAN_FD int outside = openat(place, "outside", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(outside >= 0 && write_all(outside, "same", 4) == 0);
	unpack.root = openat(place, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(unpack.root >= 0 && fchdir(unpack.root) == 0);
	unpack.layer = data[0] == 'l';
	rest = text;
	if (data[0] == 'r')
		put_raw(data + 1, size - 1);
	else
		put_lines(&rest);
	r = unpack_one(&unpack);
	if (r == 0 && data[0] == 'l' && rest) {
		put_lines(&rest);
		r = unpack_one(&unpack);
	}
	if (r == 0)
		(void)unpack_lift_rootfs(unpack.root, &err);
	must(fchdir(before) == 0);
	check_tree(unpack.root, 0);
	check_outside();
	close(unpack.root);
	must(remove_tree_at(place, "tree", &err) == 0);
	free(again);
	free(clean);
	free(text);
	return 0;
}
