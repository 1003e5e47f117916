/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The description of a template. */
#include "container/template.h"
#include "config/value.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct berth_template found, again;
	struct berth_error err;
	char *text = fuzz_text(data, size), *written;

	if (template_parse(text, &found, &err) == 0) {
		must(template_name_is_valid(found.name));
		written = template_format(&found);
		must(template_parse(written, &again, &err) == 0 && !memcmp(&found, &again, sizeof(found)));
		free(written);
	}
	free(text);
	return 0;
}
