/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "container/login.h"
#include "tap.h"

static int gives(const char *passwd, const char *home, const char *shell)
{
	struct login login;
	char text[2048];

	strcpy(text, passwd);
	login_parse(text, &login);
	return !strcmp(login.home, home) && !strcmp(login.shell, shell);
}

int main(void)
{
	struct login login;
	char text[2048];

	check(gives("daemon:x:1:1::/:/bin/false\nroot:x:0:0:root:/home/r:/bin/ash\n", "/home/r", "/bin/ash"), "root's home and shell");
	check(gives("root:x:0:0:root:/root:/bin/bash", "/root", "/bin/bash"), "also without a last newline");
	check(gives("", "/root", "/bin/sh") && gives("root", "/root", "/bin/sh") && gives("root:x:0:0\n", "/root", "/bin/sh"), "nonsense gives the usual ones");
	check(gives("root:x:0:0:root:home:bash\n", "/root", "/bin/sh"), "what is no absolute path is not taken");
	memset(text, 'a', sizeof(text));
	memcpy(text, "root:x:0:0::/", 13);
	strcpy(text + 1000, ":/bin/ash");
	login_parse(text, &login);
	check(!strcmp(login.home, "/root") && !strcmp(login.shell, "/bin/ash"), "nor what is too long");
	login_parse(NULL, &login);
	check(!strcmp(login.shell, "/bin/sh"), "no file is fine");
	return tap_done();
}
