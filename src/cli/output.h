/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people and scripts are shown: sizes, JSON, progress. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"

const struct option_row *common_options(void);

/* "1.5M" from bytes, "-" for UINT64_MAX, "unlimited" for a limit of that. */
const char *format_bytes(uint64_t bytes, char text[static 24]);
const char *format_limit(uint64_t bytes, char text[static 24]);

/* Prints the object on a line of its own and frees it; with "schema" first. */
json_object *json_begin(void);
int json_end(json_object *object);
/* A number, or null for UINT64_MAX. */
void json_add_number(json_object *object, const char *key, uint64_t number);
/* A number without the digits that only binary has. */
json_object *json_decimal(double number);
void json_add_text(json_object *object, const char *key, const char *text);

/* All that is true of a container, or why its configuration cannot be read. */
void status_fill_json(json_object *object, const struct berth_status *status, const char *broken_why);

/* A bar on stderr, on a terminal only. Pass to the library as progress function; end with progress_done(). */
void progress_show(const char *what, uint64_t done, uint64_t total, void *data);
void progress_done(void);

/* The state's name, coloured on a terminal unless NO_COLOR is set, padded to width. */
void print_state(enum berth_state state, int width);

/* stdout is written out: a full disk or closed pipe is a failure, not silence. */
int flush_output(void);
