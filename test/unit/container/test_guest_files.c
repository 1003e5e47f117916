/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/guest_path.h"
#include "container/guest_files.h"
#include "tap.h"

#define BEGIN "# berth begin: changed at each start; chmod u-w this file to keep it\n"

static char *hosts_with(const char *old, const char *hostname)
{
	char *lines = guest_files_hosts(hostname), *text = guest_files_block(old, lines);

	free(lines);
	return text;
}

static bool becomes(const char *old, const char *hostname, const char *expected)
{
	char *text = hosts_with(old, hostname);
	bool same = text && !strcmp(text, expected);

	if (!same)
		printf("# got: %s\n", text);
	free(text);
	return same;
}

#define BLOCK(line) BEGIN "127.0.1.1 " line "\n# berth end\n"

/* Each text after its block was written; writing it again must not change it. */
static void test_again(void)
{
	static const char *const olds[] = {
		"", "\n", "\n\n", "127.0.0.1 localhost", "127.0.0.1 localhost\n\n", BLOCK("x"), "a\n\n" BLOCK("x") "\n\nb", BLOCK("x") "no newline", "# berth end\n", "a # comment\r\nb\r\n",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(olds); i++) {
		char *once = hosts_with(olds[i], "web1.example.org"), *twice = hosts_with(once, "web1.example.org");

		check(!strcmp(once, twice), "again it changes nothing (%zu)", i);
		check(strstr(once, BLOCK("web1.example.org web1")) != NULL, "and the block is there");
		free(once);
		free(twice);
	}
	check(becomes(BLOCK("old") "b", "new", BLOCK("new") "b"), "a last line without newline stays one");
	check(becomes(BLOCK("old") BLOCK("older"), "new", BLOCK("new") BLOCK("older")), "of two blocks the first is Berth's");
	check(becomes("# berth end\na\n", "w", "# berth end\na\n" BLOCK("w")), "an end without a begin is the owner's text");
	check(becomes(BEGIN "127.0.1.1 old\n# berth end", "w", BEGIN "127.0.1.1 old\n# berth end\n" BLOCK("w")), "an end without newline is none");
	check(becomes("\xff\xfe %s %n\n", "w", "\xff\xfe %s %n\n" BLOCK("w")), "bytes of any kind are kept");
}

static bool holds(int root, const char *path, const char *expected)
{
	CLEAN_FREE char *text = NULL;

	return guest_read_file(root, path, 10000, &text) == 0 && !strcmp(text, expected);
}

static ino_t inode(int root, const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void set(struct container_config *config, const char *key, const char *value)
{
	struct berth_error err;

	config_assign(config, &(struct berth_setting){ BERTH_ASSIGN, key, value }, 1, &err);
}

static void test_write(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX";
	struct container_config config;
	struct berth_error err;
	struct stat st;
	int top = open(mkdtemp(path), O_RDONLY | O_DIRECTORY), root;
	ino_t before, hosts;

	replace_file_at(top, "outside", "outside", 7, 0600, &err);
	mkdirat(top, "root", 0755);
	root = openat(top, "root", O_RDONLY | O_DIRECTORY);
	config_init(&config);
	check(guest_files_write(root, &config, "web1", &err) == 0 && !inode(root, "etc"), "a tree without /etc is left alone");
	mkdirat(root, "etc", 0755);
	check(guest_files_write(root, &config, "web1", &err) == 0, "the files are written");
	check(!strcmp(guest_hostname(&config, "web1"), "web1") && holds(root, "etc/hostname", "web1\n"), "without a host name the container's own is it");
	check(holds(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" BLOCK("web1")), "/etc/hosts is made");
	check(!inode(root, "etc/resolv.conf"), "without nameserver there is no resolv.conf of Berth's");
	before = inode(root, "etc/hostname");
	hosts = inode(root, "etc/hosts");
	check(guest_files_write(root, &config, "web1", &err) == 0 && inode(root, "etc/hostname") == before && inode(root, "etc/hosts") == hosts, "files that are right are not touched");

	set(&config, "hostname", "www.example.org");
	set(&config, "nameserver", "192.0.2.53");
	set(&config, "search", "example.org example.net");
	guest_files_write(root, &config, "web1", &err);
	check(holds(root, "etc/hostname", "www.example.org\n") && inode(root, "etc/hostname") != before, "a new name is written to a new file");
	check(holds(root, "etc/resolv.conf", "# written by berth from the key nameserver; chmod u-w this file to keep it\nsearch example.org example.net\nnameserver 192.0.2.53\n"), "and resolv.conf");
	fchmodat(root, "etc/hostname", 0444, 0);
	fchmodat(root, "etc/resolv.conf", 0444, 0);
	set(&config, "hostname", "other");
	set(&config, "nameserver", "192.0.2.54");
	check(guest_files_write(root, &config, "web1", &err) == 0 && holds(root, "etc/hostname", "www.example.org\n"), "the owner's chmod u-w keeps a file");
	check(holds(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" BLOCK("other")), "and only that file");

	unlinkat(root, "etc/hostname", 0);
	unlinkat(root, "etc/hosts", 0);
	unlinkat(root, "etc/resolv.conf", 0);
	symlinkat("../../outside", root, "etc/hostname");
	symlinkat("../../outside", root, "etc/hosts");
	symlinkat("../../outside", root, "etc/resolv.conf");
	check(guest_files_write(root, &config, "web1", &err) == 0 && holds(top, "outside", "outside"), "links out of the tree are not written through");
	check(holds(root, "etc/hostname", "other\n") && fstatat(root, "etc/hosts", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode), "a link is replaced, but /etc/hosts as one is the owner's affair");
	remove_tree_at(root, "etc", &err);
	symlinkat("/../..", root, "etc");
	check(guest_files_write(root, &config, "web1", &err) == 0 && !inode(top, "hostname") && holds(root, "hostname", "other\n"), "an /etc that is a link out leads to the root");
	remove_tree_at(AT_FDCWD, path, &err);
}

int main(void)
{
	check(becomes("# berth begin\nmine\n" BEGIN "127.0.1.1 a\n# berth end\n", "b", "# berth begin\nmine\n" BEGIN "127.0.1.1 b\n# berth end\n"),
	      "words like the block's before it stay");
	check(becomes("10.0.0.1 a # berth begin x\n10.0.0.2 b\n# berth end\n", "w", "10.0.0.1 a # berth begin x\n10.0.0.2 b\n# berth end\n" BEGIN "127.0.1.1 w\n# berth end\n"),
	      "and in the middle of a line");
	check(becomes("127.0.0.1 localhost\n", "web1", "127.0.0.1 localhost\n" BEGIN "127.0.1.1 web1\n# berth end\n"), "the block is added");
	check(becomes("127.0.0.1 localhost", "web1", "127.0.0.1 localhost\n" BEGIN "127.0.1.1 web1\n# berth end\n"), "also after a last line without newline");
	check(becomes("a\n" BEGIN "127.0.1.1 old\n# berth end\nb\n", "new", "a\n" BEGIN "127.0.1.1 new\n# berth end\nb\n"), "it is replaced in its place");
	check(becomes("", "www.example.org", BEGIN "127.0.1.1 www.example.org www\n# berth end\n"), "a full name has its short one beside it");
	check(becomes("# berth begin\nx\n", "w", "# berth begin\nx\n" BEGIN "127.0.1.1 w\n# berth end\n"), "a block without an end is the owner's text");
	test_again();
	test_write();
	return tap_done();
}
