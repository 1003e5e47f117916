/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/login.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guest_path.h"

#define PASSWD_MAX (1 << 20)

void login_parse(char *text, struct login *ret)
{
	char *line;

	strcpy(ret->home, "/root");
	strcpy(ret->shell, "/bin/sh");
	while ((line = strsep(&text, "\n"))) {
		char *fields[7] = { NULL };

		for (size_t i = 0; i < 7 && line; i++)
			fields[i] = strsep(&line, ":");
		if (!fields[6] || strcmp(fields[0], "root") != 0)
			continue;
		if (fields[5][0] == '/' && strlen(fields[5]) < sizeof(ret->home))
			strcpy(ret->home, fields[5]);
		if (fields[6][0] == '/' && strlen(fields[6]) < sizeof(ret->shell))
			strcpy(ret->shell, fields[6]);
		return;
	}
}

void login_read(struct login *ret)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root >= 0)
		(void)guest_read_file(root, "etc/passwd", PASSWD_MAX, &text);
	login_parse(text, ret);
}
