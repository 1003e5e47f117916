/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every type of value, chosen by the first byte: what is accepted is shown so that it parses to the same again. */
#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[128] = "", shown[VALUE_TEXT_MAX];
	const struct value_type *type;
	void *field, *again;
	char *text;

	if (size < 1)
		return 0;
	type = keys[data[0] % KEY_COUNT].type;
	text = fuzz_text(data + 1, size - 1);
	field = calloc(1, type->size);
	again = calloc(1, type->size);
	if (type->parse(text, field, why, sizeof(why))) {
		type->format(field, 0, shown);
		must(strlen(shown) < VALUE_TEXT_MAX && !strpbrk(shown, "\n\r\t\033"));
		must(type->parse(shown, again, why, sizeof(why)));
		must(!memcmp(field, again, type->size));
		if (type->list)
			must(type->count(field) == 1 && type->remove(shown, field) && type->count(field) == 0);
	}
	(void)name_is_valid(text);
	(void)template_name_is_valid(text);
	free(field);
	free(again);
	free(text);
	return 0;
}
