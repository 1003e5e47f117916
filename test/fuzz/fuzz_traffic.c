/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The traffic file. */
#include "container/traffic.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct traffic_counters now = { { { { 5, 6 }, { 7, 8 } }, { { 1, 2 }, { 3, UINT64_MAX } } } };
	char *text = fuzz_text(data, size), *again = NULL;
	struct traffic traffic, same;
	struct berth_error err;
	size_t length;

	if (traffic_parse(text, size, &traffic)) {
		must(traffic.count <= TRAFFIC_MONTHS);
		/* Written and read again it is the same; it can be added to whatever it says. */
		must(traffic_format(&traffic, &again, &length, &err) == 0);
		must(traffic_parse(again, length, &same) && !memcmp(&traffic, &same, sizeof(same)));
		traffic_add(&traffic, "1 2 3", &now, "2026-11-01");
		must(traffic.count <= TRAFFIC_MONTHS && traffic.count > 0);
		must(!memcmp(&traffic.last, &now, sizeof(now)));
	}
	free(again);
	free(text);
	return 0;
}
