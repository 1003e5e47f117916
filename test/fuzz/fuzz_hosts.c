/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's /etc/hosts: the block is in it once afterwards, and doing it again changes nothing. */
#include "container/guest_files.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *once, *twice;

	once = guest_files_hosts(text, "web1.example.org");
	must(once);
	twice = guest_files_hosts(once, "web1.example.org");
	must(twice && strstr(twice, "127.0.1.1 web1.example.org web1\n"));
	/* What the owner wrote around an ordinary block, or without one, stays. */
	if (!strstr(text, "# berth begin")) {
		must(!strncmp(once, text, strlen(text)));
		must(!strcmp(once, twice));
	}
	free(text);
	free(once);
	free(twice);
	return 0;
}
