/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The types of settings: text to value and back, one row of functions per type and never per key.
 * Values live inside struct container_config without allocation, so a configuration is copied by assignment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNLIMITED UINT64_MAX
#define CPUSET_AUTO "auto"

/* The longest is a nic. */
#define VALUE_TEXT_MAX 1200

struct value_type {
	const char *syntax;	/* for help: SIZE, N, ADDRESS */
	const char *accepted;	/* for errors: what the type accepts */
	size_t size;
	bool list, number, yes_no;
	/* Parses text into field (for a list: appends). False: why may hold a closer reason than "accepted". */
	bool (*parse)(const char *text, void *field, char *why, size_t why_size);
	/* The value as a user writes it. For a list: the one at index. */
	void (*format)(const void *field, size_t index, char text[static VALUE_TEXT_MAX]);
	/* Raw units for JSON; NULL where format is it. */
	void (*format_raw)(const void *field, size_t index, char text[static VALUE_TEXT_MAX]);
	/* Lists only. */
	size_t (*count)(const void *field);
	bool (*remove)(const char *text, void *field);
};

extern const struct value_type type_SIZE, type_AMOUNT, type_RATE, type_CORES, type_MORE_CORES, type_RATIO, type_WEIGHT, type_CPU_LIST,
	type_COUNT, type_LARGE_COUNT, type_HOST_NAME, type_DOMAINS, type_YES_NO, type_TEXT, type_TEXT64, type_NUMBER;

/* Calls function for every core in a list such as "0-3,6". */
void cpu_list_each(const char *list, void (*function)(unsigned int core, void *data), void *data);

/* A container's name: [a-z0-9][a-z0-9-]{0,31}. */
bool name_is_valid(const char *name);
/* A template's name: [a-z0-9]+ with an optional :release of [a-z0-9.]+. */
bool template_name_is_valid(const char *name);
