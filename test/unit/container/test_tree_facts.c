/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "container/tree_facts.h"
#include "tap.h"

static bool reads(const char *text, const char *name, const char *expected)
{
	char value[33];

	return assignment_read(text, name, value, sizeof(value)) ? expected && !strcmp(value, expected) : !expected;
}

int main(void)
{
	static const char *const inits[][2] = {
		{ "../lib/systemd/systemd", "systemd" }, { "/lib/systemd/systemd", "systemd" }, { "openrc-init", "openrc" }, { "/bin/busybox", "busybox" }, { "runit-init", "runit" },
		{ "bash", "unknown" }, { "../../../../../../../../../../bin/sh", "program" },
	};
	char directory[] = "/tmp/berth-unit.XXXXXX";
	struct berth_template description = { .name = "x" };
	struct berth_error err;

	check(reads("ID=debian\nVERSION_ID=\"12\"\n", "ID", "debian") && reads("ID=debian\nVERSION_ID=\"12\"\n", "VERSION_ID", "12"), "plain and quoted");
	check(reads("  ID='a b'c\n", "ID", "a bc") && reads("ID=\"a\\\"b\"\r\n", "ID", "a\"b"), "as a shell would");
	check(reads("XID=1\nIDX=2\n#ID=3\n", "ID", NULL) && reads("", "ID", NULL) && reads("ID=\"x\n", "ID", NULL), "nothing else");
	check(reads("ID=0123456789012345678901234567890123456789\n", "ID", NULL), "nor what is too long");

	if (!mkdtemp(directory))
		return 1;
	CLEAN_FD int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root, "sbin", 0755);
	mkdirat(root, "etc", 0755);
	mkdirat(root, "bin", 0755);
	mkdirat(root, "lib", 0755);
	mkdirat(root, "lib/systemd", 0755);
	for (size_t i = 0; i < 5; i++) {
		static const char *const programs[] = { "lib/systemd/systemd", "sbin/openrc-init", "bin/busybox", "sbin/runit-init", "sbin/bash" };

		close(openat(root, programs[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(inits); i++) {
		unlinkat(root, "sbin/init", 0);
		check(symlinkat(inits[i][0], root, "sbin/init") == 0 && !strcmp(tree_facts_init(root), inits[i][1]), "/sbin/init -> %s is %s", inits[i][0], inits[i][1]);
	}
	unlinkat(root, "sbin/init", 0);
	check(!strcmp(tree_facts_init(root), "program"), "none is a program");
	close(openat(root, "sbin/init", O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
	check(!strcmp(tree_facts_init(root), "sysvinit"), "one that is itself is sysvinit");
	CLEAN_FD int file = openat(root, "etc/os-release", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	check(write(file, "ID=alpine\nVERSION_ID=\"3.22 ;rm\"\n", 32) == 32, "an os-release");
	tree_facts_find(root, &description);
	check(!strcmp(description.distribution, "alpine") && !description.release[0] && !strcmp(description.init, "sysvinit"), "its plain words are taken");
	return remove_tree_at(AT_FDCWD, directory, &err) < 0 ? 1 : tap_done();
}
