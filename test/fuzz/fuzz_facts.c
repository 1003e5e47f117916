/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree's os-release, and what gpg and gpgv say. */
#include "container/tree_facts.h"
#include "fuzz.h"
#include "image/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char pins[] = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8\n05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0\n";
	char value[33], list[200], *text = fuzz_text(data, size);
	struct berth_error err;

	if (assignment_read(text, "ID", value, sizeof(value)))
		must(memchr(value, 0, sizeof(value)) && !strchr(value, '\n'));
	if (signature_usable_keys(text, pins, list, sizeof(list), &err) == 0)
		must(strlen(list) >= 40 && strspn(list, "0123456789ABCDEF ") == strlen(list));
	if (signature_judge(text, &err) == 0)
		must(strstr(text, "[GNUPG:] GOODSIG ") && strstr(text, "[GNUPG:] VALIDSIG "));
	free(text);
	return 0;
}
