/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a function says what failed: one line written where it is known, handed up unchanged, printed once by the CLI.
 * Does not print, does not log, does not allocate.
 */
#pragma once

#include <errno.h>

#include "berth.h"

/* Fills *err and returns -code. code is a positive errno. */
__attribute__((format(printf, 4, 5), cold))
int fail(struct berth_error *err, enum berth_failure kind, int code, const char *format, ...);

/* The same for "the work failed" with errno, whose words are added after a colon. */
__attribute__((format(printf, 2, 3), cold))
int fail_errno(struct berth_error *err, const char *format, ...);

/* Puts "prefix: " before the text of a failure that only the caller can place. Returns -err->code. */
__attribute__((format(printf, 2, 3), cold))
int fail_context(struct berth_error *err, const char *format, ...);

#ifdef __clang_analyzer__
/* It sees one file at a time, and would follow a failure as if it were none. */
#define fail(...) (fail(__VA_ARGS__), -EIO)
#define fail_errno(...) (fail_errno(__VA_ARGS__), -EIO)
#define fail_context(...) (fail_context(__VA_ARGS__), -EIO)
#endif
