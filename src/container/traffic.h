/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container's traffic, month by month, in the file "traffic" of its directory. The kernel's counters begin at zero with each start and each
 * making of the tables; what they have counted since the last look is added to the month, and the look is kept in the same file: a look that
 * dies between reading and writing has not happened.
 */
#pragma once

#include "container/container.h"
#include "net/firewall.h"

#define TRAFFIC_MONTHS 25
struct traffic_month {
	char start[11];			/* 2026-11-01: the first day, UTC */
	bool told;			/* that the quota is used up */
	struct traffic_counters sum;
};
struct traffic {
	char epoch[128];		/* which counters were looked at last: boot, run, tables */
	struct traffic_counters last;
	uint32_t count;
	struct traffic_month months[TRAFFIC_MONTHS];	/* oldest first */
};

/* Parses the file's text. False if it is none of this version. */
bool traffic_parse(const char *text, size_t length, struct traffic *ret);

/* The text of the file, newly allocated. */
int traffic_format(const struct traffic *traffic, char **ret, size_t *ret_length, struct berth_error *err);

/* The month that began on start, made if it is not there; the oldest goes for it. */
struct traffic_month *traffic_find_month(struct traffic *traffic, const char *start);

/* Adds what counters say now to the month that began on start, and remembers them. A counter that is lower than it was has begun anew. */
void traffic_add(struct traffic *traffic, const char *epoch, const struct traffic_counters *now, const char *start);

/* First day of the month that a time is in, for months that begin on reset_day. */
void traffic_month_start(int64_t now, unsigned int reset_day, char start[static 11]);

/* Looks at the kernel's counters of a running container whose network is as in applied, and writes the file. */
int traffic_collect(const struct container *container, const struct container_config *applied, struct berth_error *err);

/* Turns what is configured into what the month's traffic leaves of it: traffic-action. Tells it by an event, once a month. */
void traffic_enforce(const struct container *container, struct container_config *config);
