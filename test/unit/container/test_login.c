/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "container/login.h"
#include "tap.h"

static int gives(const char *passwd, const char *home, const char *shell)
{
	struct login login;
	char text[2048];

	strcpy(text, passwd);
	return login_parse(text, "root", &login) && !strcmp(login.home, home) && !strcmp(login.shell, shell);
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
	login_parse(text, "root", &login);
	check(!strcmp(login.home, "/root") && !strcmp(login.shell, "/bin/ash"), "nor what is too long");
	login_parse(NULL, "root", &login);
	check(!strcmp(login.shell, "/bin/sh"), "no file is fine");
	strcpy(text, "web:x:1000:1001:Web:/srv/web:/bin/bash\n");
	check(login_parse(text, "web", &login) && login.uid == 1000 && login.gid == 1001 && !strcmp(login.home, "/srv/web"), "a user by name");
	strcpy(text, "web:x:1000:1001:Web:/srv/web:/bin/bash\n");
	check(login_parse(text, "1000", &login) && !strcmp(login.name, "web"), "and by number");
	strcpy(text, "root:x:0:0::/root:/bin/sh\n");
	check(login_parse(text, "1234", &login) && login.uid == 1234 && login.gid == 1234 && !strcmp(login.home, "/"), "a number needs no entry");
	strcpy(text, "evil:x:70000:0::/:/bin/sh\nodd:x:-1:0::/:/bin/sh\nhex:x:0x10:0::/:/bin/sh\n");
	check(!login_parse(text, "evil", &login), "an id that no container has is none");
	strcpy(text, "root:x:1000:1000::/home/fake:/bin/ash\n");
	check(login_parse(text, "root", &login) && login.uid == 0 && login.gid == 0 && !strcmp(login.home, "/home/fake"), "root is root, whatever is written");
	check(!login_parse(NULL, "nobody", &login) && !login_parse(NULL, "", &login) && !login_parse(NULL, "99999999", &login), "who is not there is not there");
	strcpy(text, "web:x:1000:1001::/srv:/bin/bash\n");
	login_parse(text, "web", &login);
	strcpy(text, "web:x:1001:web\nsudo:x:27:a,web,b\nother:x:28:webby\nodd:x:99999999:web\nwheel:x:10:web\n");
	login_parse_groups(text, &login);
	check(login.group_count == 2 && login.groups[0] == 27 && login.groups[1] == 10, "the groups that it is a member of");
	struct { const char *old, *expected; } shadows[] = {
		{ "root:*:19000:0:99999:7:::\nuser:!:1::::::\n", "root:H:20000:0:99999:7:::\nuser:!:1::::::\n" },
		{ "user:x:1::::::\nroot::19000:1:90:7:30::", "user:x:1::::::\nroot:H:20000:1:90:7:30::" },
		{ "", "root:H:20000:0:99999:7:::\n" }, { "user:x:::::::\n", "root:H:20000:0:99999:7:::\nuser:x:::::::\n" },
		{ "rooty:x:1\nroot:y\n", "rooty:x:1\nroot:H:20000:0:99999:7:::\n" },
	};
	for (size_t i = 0; i < sizeof(shadows) / sizeof(shadows[0]); i++) {
		char *result = login_shadow(shadows[i].old, "H", 20000);

		check(result && !strcmp(result, shadows[i].expected), "a shadow file with the new hash (%zu)", i);
		free(result);
	}
	return tap_done();
}
