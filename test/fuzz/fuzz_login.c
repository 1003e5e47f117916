/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's /etc/passwd. */
#include "container/login.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct login login;
	char *text = fuzz_text(data, size);

	login_parse(text, &login);
	must(login.home[0] == '/' && login.shell[0] == '/');
	must(memchr(login.home, 0, sizeof(login.home)) && memchr(login.shell, 0, sizeof(login.shell)));
	free(text);
	return 0;
}
