/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's /etc/hosts and /etc/network/interfaces: the block is in it once afterwards, and doing it again changes nothing. */
#include "container/guest_files.h"
#include "container/guest_network.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_config *config = malloc(sizeof(*config));
	char *text = fuzz_text(data, size), *lines = guest_files_hosts("web1.example.org"), *once, *twice;

	once = guest_files_block(text, lines);
	must(lines && once);
	twice = guest_files_block(once, lines);
	must(twice && strstr(twice, "127.0.1.1 web1.example.org web1\n"));
	/* What the owner wrote around an ordinary block, or without one, stays. */
	if (!strstr(text, "# berth begin")) {
		must(!strncmp(once, text, strlen(text)));
		must(!strcmp(once, twice));
	}
	free(once);
	free(twice);
	config_init(config);
	once = guest_network_drop_stanzas(text, config);
	must(once && strlen(once) <= strlen(text));
	twice = guest_network_drop_stanzas(once, config);
	must(twice && !strcmp(once, twice));
	free(once);
	free(twice);
	free(lines);
	free(config);
	free(text);
	return 0;
}
