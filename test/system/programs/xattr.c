/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xattr NAME PATH: sets an extended attribute and says what the kernel said. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int main(int argc, char **argv)
{
	int r = argc == 3 ? lsetxattr(argv[2], argv[1], "y", 1, 0) : 2;

	puts(r < 0 ? strerror(errno) : "set");
	return r != 0;
}
