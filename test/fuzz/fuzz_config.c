/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file: whatever is accepted is written and read back the same. */
#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_config config, again;
	struct berth_error err;
	char *text = fuzz_text(data, size), *written;
	size_t length;

	if (config_parse(text, size, &config, &err) == 0) {
		must(config_format(&config, &written, &length, &err) == 0);
		must(config_parse(written, length, &again, &err) == 0);
		for (size_t i = 0; i < KEY_COUNT; i++)
			must(config_same(&config, &again, &keys[i]));
		/* What Berth wrote and lost the end of is never taken for a whole file. */
		for (size_t i = 0; i < 16; i++)
			must(config_parse(written, length * i / 16, &again, &err) < 0);
		must(config_parse(written, length - 1, &again, &err) < 0);
		free(written);
	} else {
		must(err.text[0] && !strchr(err.text, '\n'));
	}
	free(text);
	return 0;
}
