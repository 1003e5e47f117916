/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/cleanup.h"
#include "container/traffic.h"
#include "tap.h"

static const char good[] =
	"berth traffic 1\n"
	"epoch 4e2 12 5\n"
	"last 1 2 3 4 5 6 7 8\n"
	"month 2026-10-01 10 20 30 40 50 60 70 80 told\n"
	"month 2026-11-01 1 0 0 0 0 0 0 9\n"
	"end\n";

static bool starts(int64_t time, unsigned int day, const char *expected)
{
	char start[11];

	traffic_month_start(time, day, start);
	if (strcmp(start, expected) != 0)
		printf("# %s instead of %s\n", start, expected);
	return !strcmp(start, expected);
}

static void test_file(void)
{
	static const char *const bad[] = {
		"", "berth traffic 2\nend\n", "berth traffic 1\n", "berth traffic 1\nfrob\nend\n", "berth traffic 1\nlast 1 2 3 4 5 6 7\nend\n",
		"berth traffic 1\nlast 1 2 3 4 5 6 7 8 9\nend\n", "berth traffic 1\nmonth 2026-1-01 1 2 3 4 5 6 7 8\nend\n",
		"berth traffic 1\nmonth 2026-11-01 1 2 3 4 5 6 7 8 old\nend\n",
		"berth traffic 1\nmonth 2026-11-01 1 2 3 4 5 6 7 8\nmonth 2026-11-01 1 2 3 4 5 6 7 8\nend\n",
		"berth traffic 1\nmonth 2026-11-01 1 2 3 4 5 6 7 8\nmonth 2026-10-01 1 2 3 4 5 6 7 8\nend\n",
	};
	struct traffic traffic, again;
	CLEAN_FREE char *text = NULL;
	struct berth_error err;
	size_t length, accepted = 0;

	check(traffic_parse(good, strlen(good), &traffic) && traffic.count == 2 && traffic.months[0].told && !traffic.months[1].told &&
	      traffic.months[0].sum.bytes[TRAFFIC_OUT][TRAFFIC_INTERNAL][TRAFFIC_IPV6] == 80 && traffic.last.bytes[TRAFFIC_IN][TRAFFIC_PUBLIC][TRAFFIC_IPV6] == 2,
	      "a good file is read");
	check(traffic_format(&traffic, &text, &length, &err) == 0 && !strcmp(text, good), "and written the same");
	check(traffic_parse(text, length, &again) && !memcmp(&traffic, &again, sizeof(again)), "and read again");
	for (size_t i = 0; i + 1 < length; i++)
		accepted += traffic_parse(text, i, &again);
	check(accepted == 0, "cut short at any byte it says nothing");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!traffic_parse(bad[i], strlen(bad[i]), &traffic), "refused: %zu", i);
}

static void test_counting(void)
{
	struct traffic_counters now = { { { { 100, 0 }, { 0, 0 } }, { { 50, 0 }, { 0, 0 } } } };
	struct traffic traffic = { .count = 0 };
	uint64_t *in = &now.bytes[TRAFFIC_IN][TRAFFIC_PUBLIC][TRAFFIC_IPV4];

	traffic_add(&traffic, "boot 1 1", &now, "2026-11-01");
	check(traffic.count == 1 && traffic.months[0].sum.bytes[0][0][0] == 100, "the first look counts from zero");
	traffic_add(&traffic, "boot 1 1", &now, "2026-11-01");
	check(traffic.months[0].sum.bytes[0][0][0] == 100, "a second look that sees the same adds nothing");
	*in = 130;
	traffic_add(&traffic, "boot 1 1", &now, "2026-11-01");
	check(traffic.months[0].sum.bytes[0][0][0] == 130, "one that sees more adds the difference");
	traffic_add(&traffic, "boot 2 1", &now, "2026-11-01");
	check(traffic.months[0].sum.bytes[0][0][0] == 260 && traffic.months[0].sum.bytes[1][0][0] == 100, "counters of another run began at zero");
	*in = 10;
	traffic_add(&traffic, "boot 2 1", &now, "2026-11-01");
	check(traffic.months[0].sum.bytes[0][0][0] == 270, "one that is lower than it was has begun anew");
	*in = 25;
	traffic_add(&traffic, "boot 2 1", &now, "2026-12-01");
	check(traffic.count == 2 && traffic.months[0].sum.bytes[0][0][0] == 270 && traffic.months[1].sum.bytes[0][0][0] == 15, "a new month gets what came since the last look");
	traffic_add(&traffic, "boot 2 1", &now, "2026-11-15");
	check(traffic.count == 3 && !strcmp(traffic.months[1].start, "2026-11-15"), "a month whose day was changed finds its place");
	for (int i = 0; i < 40; i++) {
		char start[16];

		snprintf(start, sizeof(start), "20%02d-01-01", 30 + i);
		traffic_add(&traffic, "boot 2 1", &now, start);
	}
	check(traffic.count == TRAFFIC_MONTHS && !strcmp(traffic.months[TRAFFIC_MONTHS - 1].start, "2069-01-01") &&
	      !strcmp(traffic.months[0].start, "2045-01-01"), "the oldest months go");
}

int main(void)
{
	/* 2026-11-21 06:00 UTC, 2026-01-04, 2024-03-01, all by date -u +%s. */
	check(starts(1795240800, 1, "2026-11-01") && starts(1795240800, 21, "2026-11-21"), "the day itself begins a month");
	check(starts(1795240800, 22, "2026-10-22"), "the day before it is of the last one");
	check(starts(1767484800, 28, "2025-12-28"), "January's last one is December");
	check(starts(1709251200, 28, "2024-02-28"), "after a February of 29 days");
	test_file();
	test_counting();
	return tap_done();
}
