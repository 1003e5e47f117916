/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of events, and records of the kernel's log, which have names in them that guests chose. */
#include "container/events.h"
#include "fuzz.h"

static void check(const struct berth_event *event)
{
	must(memchr(event->process, 0, sizeof(event->process)));
	for (const char *p = event->process; *p; p++)
		must((unsigned char)*p >= ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct berth_event event;
	uint64_t sequence;
	char *text = fuzz_text(data, size);

	if (event_parse(text, &event, &sequence))
		check(&event);
	if (event_parse_kernel_record(text, 65536 * 20, &event, &sequence))
		check(&event);
	free(text);
	return 0;
}
