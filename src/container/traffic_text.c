/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The traffic file as text, and its months. Opens nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "container/traffic.h"

#define FIRST_LINE "berth traffic 1"
#define LAST_LINE "end"

/* --- the file ------------------------------------------------------------------------------------------------------------- */

#define COUNTERS_FORMAT " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n"

/* Returns what follows the eight numbers, or NULL. */
static const char *parse_counters(const char *text, struct traffic_counters *ret)
{
	uint64_t *b = &ret->bytes[0][0][0];
	int used = 0;

	return sscanf(text, COUNTERS_FORMAT, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7], &used) == 8 ? text + used : NULL;
}

static bool is_date(const char *text)
{
	static const char shape[] = "0000-00-00";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	return true;
}

static bool parse_month(const char *text, struct traffic *traffic)
{
	struct traffic_month *month = &traffic->months[traffic->count];

	if (traffic->count == TRAFFIC_MONTHS || !is_date(text))
		return false;
	memcpy(month->start, text, sizeof(month->start) - 1);
	if (traffic->count && strcmp(month[-1].start, month->start) >= 0)
		return false;
	text = parse_counters(text + sizeof(month->start) - 1, &month->sum);
	if (!text || (*text && strcmp(text, " told") != 0))
		return false;
	month->told = *text;
	traffic->count++;
	return true;
}

bool traffic_parse(const char *text, size_t length, struct traffic *ret)
{
	CLEAN_FREE char *copy = strndup(text, length);
	char *rest = copy, *line = rest ? strsep(&rest, "\n") : NULL;
	struct traffic traffic = { .count = 0 };

	if (!line || strcmp(line, FIRST_LINE) != 0)
		return false;
	while (rest && (line = strsep(&rest, "\n"))) {
		bool good = false;

		if (!strcmp(line, LAST_LINE)) {
			*ret = traffic;
			return true;
		}
		if (!strncmp(line, "epoch ", 6) && !traffic.epoch[0] && strlen(line + 6) < sizeof(traffic.epoch)) {
			strcpy(traffic.epoch, line + 6);
			good = true;
		} else if (!strncmp(line, "last", 4)) {
			const char *end = parse_counters(line + 4, &traffic.last);

			good = end && !*end;
		} else if (!strncmp(line, "month ", 6)) {
			good = parse_month(line + 6, &traffic);
		}
		if (!good)
			return false;
	}
	return false;
}

static void put_counters(FILE *out, const struct traffic_counters *counters)
{
	const uint64_t *b = &counters->bytes[0][0][0];

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*b); i++)
		fprintf(out, " %" PRIu64, b[i]);
}

int traffic_format(const struct traffic *traffic, char **ret, size_t *ret_length, struct berth_error *err)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	if (!out)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	fprintf(out, FIRST_LINE "\nepoch %s\nlast", traffic->epoch);
	put_counters(out, &traffic->last);
	for (uint32_t i = 0; i < traffic->count; i++) {
		fprintf(out, "\nmonth %s", traffic->months[i].start);
		put_counters(out, &traffic->months[i].sum);
		fputs(traffic->months[i].told ? " told" : "", out);
	}
	fprintf(out, "\n" LAST_LINE "\n");
	if (fclose(out) != 0) {
		free(text);
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	}
	*ret = text;
	return 0;
}

/* --- months ------------------------------------------------------------------------------------------------------------------- */

void traffic_month_start(int64_t now, unsigned int reset_day, char start[static 11])
{
	time_t seconds = (time_t)now;
	struct tm date;
	char text[64];

	gmtime_r(&seconds, &date);
	if ((unsigned int)date.tm_mday < reset_day && date.tm_mon-- == 0) {
		date.tm_mon = 11;
		date.tm_year--;
	}
	snprintf(text, sizeof(text), "%04d-%02d-%02u", date.tm_year + 1900, date.tm_mon + 1, reset_day);
	memcpy(start, text, 10);
	start[10] = '\0';
}

struct traffic_month *traffic_find_month(struct traffic *traffic, const char *start)
{
	uint32_t at = 0;

	while (at < traffic->count && strcmp(traffic->months[at].start, start) < 0)
		at++;
	if (at < traffic->count && !strcmp(traffic->months[at].start, start))
		return &traffic->months[at];
	if (traffic->count == TRAFFIC_MONTHS) {
		memmove(&traffic->months[0], &traffic->months[1], (TRAFFIC_MONTHS - 1) * sizeof(traffic->months[0]));
		traffic->count--;
		at -= at > 0;
	}
	memmove(&traffic->months[at + 1], &traffic->months[at], (traffic->count - at) * sizeof(traffic->months[0]));
	traffic->months[at] = (struct traffic_month){ .told = false };
	snprintf(traffic->months[at].start, sizeof(traffic->months[at].start), "%s", start);
	traffic->count++;
	return &traffic->months[at];
}

void traffic_add(struct traffic *traffic, const char *epoch, const struct traffic_counters *now, const char *start)
{
	struct traffic_month *month = traffic_find_month(traffic, start);
	const uint64_t *new = &now->bytes[0][0][0];
	uint64_t *last = &traffic->last.bytes[0][0][0], *sum = &month->sum.bytes[0][0][0];

	if (strcmp(traffic->epoch, epoch) != 0)
		memset(&traffic->last, 0, sizeof(traffic->last));
	for (size_t i = 0; i < sizeof(*now) / sizeof(*new); i++)
		sum[i] += new[i] >= last[i] ? new[i] - last[i] : new[i];
	traffic->last = *now;
	snprintf(traffic->epoch, sizeof(traffic->epoch), "%s", epoch);
}
