/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's /etc/passwd, /etc/group and /etc/shadow. */
#include "container/login.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct login login;
	char *text = fuzz_text(data, size), *once, *twice;

	(void)login_parse(text, size % 2 ? "root" : "web", &login);
	must(login.home[0] == '/' && login.shell[0] == '/');
	must(memchr(login.home, 0, sizeof(login.home)) && memchr(login.shell, 0, sizeof(login.shell)));
	must(login.uid <= 65535 && login.gid <= 65535 && (size % 2 == 0 || login.uid == 0));
	free(text);
	text = fuzz_text(data, size);
	login_parse_groups(text, &login);
	must(login.group_count >= 0 && login.group_count <= LOGIN_GROUPS_MAX);
	free(text);
	text = fuzz_text(data, size);
	once = login_shadow(text, "$6$hash", 20000);
	must(once && (!strncmp(once, "root:$6$hash:20000", 18) || strstr(once, "\nroot:$6$hash:20000")));
	twice = login_shadow(once, "$6$hash", 20000);
	must(twice && !strcmp(once, twice));
	free(once);
	free(twice);
	free(text);
	return 0;
}
