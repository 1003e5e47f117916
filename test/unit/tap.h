/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The harness of the unit tests: TAP on stdout, the place of a failure in a comment. */
#pragma once

#include <stdio.h>

static int tap_count, tap_failed;

#define check(condition, ...) \
	do { \
		int good_ = !!(condition); \
		printf("%sok %d - ", good_ ? "" : "not ", ++tap_count); \
		printf(__VA_ARGS__); \
		printf("\n"); \
		if (!good_) { \
			tap_failed++; \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
		} \
	} while (0)

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}
