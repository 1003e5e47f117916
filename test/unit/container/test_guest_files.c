/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "container/guest_files.h"
#include "tap.h"

#define BEGIN "# berth begin: changed at each start; chmod u-w this file to keep it\n"

static bool becomes(const char *old, const char *hostname, const char *expected)
{
	char *text = guest_files_hosts(old, hostname);
	bool same = text && !strcmp(text, expected);

	if (!same)
		printf("# got: %s\n", text);
	free(text);
	return same;
}

int main(void)
{
	check(becomes("127.0.0.1 localhost\n", "web1", "127.0.0.1 localhost\n" BEGIN "127.0.1.1 web1\n# berth end\n"), "the block is added");
	check(becomes("127.0.0.1 localhost", "web1", "127.0.0.1 localhost\n" BEGIN "127.0.1.1 web1\n# berth end\n"), "also after a last line without newline");
	check(becomes("a\n" BEGIN "127.0.1.1 old\n# berth end\nb\n", "new", "a\n" BEGIN "127.0.1.1 new\n# berth end\nb\n"), "it is replaced in its place");
	check(becomes("", "www.example.org", BEGIN "127.0.1.1 www.example.org www\n# berth end\n"), "a full name has its short one beside it");
	check(becomes("# berth begin\nx\n", "w", "# berth begin\nx\n" BEGIN "127.0.1.1 w\n# berth end\n"), "a block without an end is the owner's text");
	return tap_done();
}
