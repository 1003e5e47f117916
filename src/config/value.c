/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value_parts.h"

bool parse_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	*text = p;
	*ret = value;
	return true;
}

bool parse_decimal(const char **text, uint64_t *whole, uint64_t *thousandths)
{
	*thousandths = 0;
	if (!parse_digits(text, whole))
		return false;
	if (**text == '.') {
		const char *start = ++*text;

		if (!parse_digits(text, thousandths) || *text - start > 3)
			return false;
		for (long digits = *text - start; digits < 3; digits++)
			*thousandths *= 10;
	}
	return true;
}

/* --- SIZE ------------------------------------------------------------------------------------------------ */

/* What the kernel's page counters can hold and a signed file offset too. */
#define SIZE_LIMIT ((uint64_t)INT64_MAX >> 1)
__extension__ typedef unsigned __int128 wide;

static bool parse_size(const char *text, void *field, char *why, size_t why_size)
{
	static const char units[] = "KMGT";
	uint64_t whole, thousandths, unit = 1;
	const char *p = text;
	wide bytes;

	if (!strcmp(text, "unlimited")) {
		*(uint64_t *)field = UNLIMITED;
		return true;
	}
	if (!parse_decimal(&p, &whole, &thousandths)) {
		if (isdigit((unsigned char)*text) && strlen(text) > 19)
			snprintf(why, why_size, "it is larger than any machine");
		return false;
	}
	if (*p) {
		const char *found = strchr(units, toupper((unsigned char)*p));

		if (!found || p[1])
			return false;
		unit = UINT64_C(1) << (10 * (found - units + 1));
	} else if (thousandths) {
		return false;
	}
	bytes = (wide)whole * unit + (wide)thousandths * unit / 1000;
	if (bytes > SIZE_LIMIT) {
		snprintf(why, why_size, "it is larger than any machine");
		return false;
	}
	*(uint64_t *)field = (uint64_t)bytes;
	return true;
}

static void format_size(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	uint64_t value = *(const uint64_t *)field;
	int unit = 0;

	(void)index;
	if (value == UNLIMITED) {
		strcpy(text, "unlimited");
		return;
	}
	while (unit < 4 && value && value % 1024 == 0) {
		value /= 1024;
		unit++;
	}
	sprintf(text, "%" PRIu64 "%.*s", value, unit > 0, &"KMGT"[unit > 0 ? unit - 1 : 0]);
}

void format_raw_number(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	uint64_t value = *(const uint64_t *)field;

	(void)index;
	if (value == UNLIMITED)
		strcpy(text, "null");
	else
		sprintf(text, "%" PRIu64, value);
}

const struct value_type type_SIZE = {
	.syntax = "SIZE", .accepted = "a size such as 512M, 1.5G (K, M, G, T are powers of 1024) or unlimited",
	.size = sizeof(uint64_t), .number = true, .parse = parse_size, .format = format_size, .format_raw = format_raw_number,
};

static bool parse_amount(const char *text, void *field, char *why, size_t why_size)
{
	return strcmp(text, "unlimited") != 0 && parse_size(text, field, why, why_size);
}

/* A process that waits for the disk at a few bytes a second cannot even be killed. */
#define RATE_LEAST 65536

static bool parse_rate(const char *text, void *field, char *why, size_t why_size)
{
	return parse_size(text, field, why, why_size) && *(uint64_t *)field >= RATE_LEAST;
}

const struct value_type type_AMOUNT = {
	.syntax = "SIZE", .accepted = "a size such as 512M, 1.5G (K, M, G, T are powers of 1024)",
	.size = sizeof(uint64_t), .number = true, .parse = parse_amount, .format = format_size, .format_raw = format_raw_number,
};
const struct value_type type_RATE = {
	.syntax = "SIZE", .accepted = "a number of bytes such as 20M (K, M, G, T are powers of 1024), at least 64K, or unlimited",
	.size = sizeof(uint64_t), .number = true, .parse = parse_rate, .format = format_size, .format_raw = format_raw_number,
};

/* --- CORES: thousandths of a core --------------------------------------------------------------------------- */

static bool parse_cores(const char *text, void *field, char *why, size_t why_size)
{
	const char *p = text;
	uint64_t whole, thousandths;

	(void)why;
	(void)why_size;
	if (!strcmp(text, "unlimited")) {
		*(uint64_t *)field = UNLIMITED;
		return true;
	}
	if (!parse_decimal(&p, &whole, &thousandths) || *p || whole > 8192 || (whole == 8192 && thousandths))
		return false;
	/* The kernel's smallest quota is 1 ms in a period of 100 ms. */
	if (whole == 0 && thousandths < 10)
		return false;
	*(uint64_t *)field = whole * 1000 + thousandths;
	return true;
}

static void format_cores(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	uint64_t value = *(const uint64_t *)field;
	char *end;

	(void)index;
	if (value == UNLIMITED) {
		strcpy(text, "unlimited");
		return;
	}
	sprintf(text, "%" PRIu64 ".%03" PRIu64, value / 1000, value % 1000);
	for (end = text + strlen(text); end[-1] == '0'; end--)
		end[-1] = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
}

static void format_raw_cores(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	if (*(const uint64_t *)field == UNLIMITED)
		strcpy(text, "null");
	else
		format_cores(field, index, text);
}

const struct value_type type_CORES = {
	.syntax = "CORES", .accepted = "a number of cores from 0.01 to 8192 with up to three decimals, or unlimited",
	.size = sizeof(uint64_t), .number = true, .parse = parse_cores, .format = format_cores, .format_raw = format_raw_cores,
};

static bool parse_more_cores(const char *text, void *field, char *why, size_t why_size)
{
	if (!strcmp(text, "0")) {
		*(uint64_t *)field = 0;
		return true;
	}
	return strcmp(text, "unlimited") != 0 && parse_cores(text, field, why, why_size);
}

static bool parse_ratio(const char *text, void *field, char *why, size_t why_size)
{
	return parse_cores(text, field, why, why_size) && (*(uint64_t *)field == UNLIMITED || *(uint64_t *)field <= 1000000);
}

const struct value_type type_MORE_CORES = {
	.syntax = "CORES", .accepted = "0, or a number of cores from 0.01 to 8192 with up to three decimals",
	.size = sizeof(uint64_t), .number = true, .parse = parse_more_cores, .format = format_cores, .format_raw = format_raw_cores,
};
const struct value_type type_RATIO = {
	.syntax = "RATIO", .accepted = "a number from 0.01 to 1000 with up to three decimals, or unlimited",
	.size = sizeof(uint64_t), .number = true, .parse = parse_ratio, .format = format_cores, .format_raw = format_raw_cores,
};

/* --- counts --------------------------------------------------------------------------------------------------- */

bool parse_between(const char *text, void *field, uint64_t least, uint64_t most)
{
	uint64_t value;

	if (!parse_digits(&text, &value) || *text || value < least || value > most)
		return false;
	*(uint64_t *)field = value;
	return true;
}

static bool parse_weight(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return parse_between(text, field, 1, 10000);
}

static bool parse_count(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (!strcmp(text, "unlimited")) {
		*(uint64_t *)field = UNLIMITED;
		return true;
	}
	/* PID_MAX_LIMIT of 64-bit kernels. */
	return parse_between(text, field, 1, 4194304);
}

static bool parse_large_count(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (!strcmp(text, "unlimited")) {
		*(uint64_t *)field = UNLIMITED;
		return true;
	}
	return parse_between(text, field, 1, UINT32_MAX);
}

static bool parse_number(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return parse_between(text, field, 0, INT64_MAX);
}

static void format_count(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	if (*(const uint64_t *)field == UNLIMITED)
		strcpy(text, "unlimited");
	else
		format_raw_number(field, index, text);
}

const struct value_type type_WEIGHT = {
	.syntax = "N", .accepted = "a whole number from 1 to 10000", .size = sizeof(uint64_t), .number = true,
	.parse = parse_weight, .format = format_count, .format_raw = format_raw_number,
};
const struct value_type type_COUNT = {
	.syntax = "N", .accepted = "a whole number from 1 to 4194304, or unlimited", .size = sizeof(uint64_t), .number = true,
	.parse = parse_count, .format = format_count, .format_raw = format_raw_number,
};
const struct value_type type_LARGE_COUNT = {
	.syntax = "N", .accepted = "a whole number from 1 to 4294967295, or unlimited", .size = sizeof(uint64_t), .number = true,
	.parse = parse_large_count, .format = format_count, .format_raw = format_raw_number,
};
const struct value_type type_NUMBER = {
	.syntax = "N", .accepted = "a whole number", .size = sizeof(uint64_t), .number = true,
	.parse = parse_number, .format = format_count, .format_raw = format_raw_number,
};

/* --- texts: the field is a char array of type->size ------------------------------------------------------------ */

void format_text(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	(void)index;
	snprintf(text, VALUE_TEXT_MAX, "%s", (const char *)field);
}

/* One printable line: it goes into a line of the file and onto terminals. Bytes above 127 are UTF-8's business. */
static bool store_line(const char *text, void *field, size_t size)
{
	if (strlen(text) >= size || text[0] == ' ' || (text[0] && text[strlen(text) - 1] == ' '))
		return false;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	strcpy(field, text);
	return true;
}

static bool parse_text(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return store_line(text, field, 257);
}

static bool parse_text64(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text[0] && store_line(text, field, 65);
}

const struct value_type type_TEXT = {
	.syntax = "TEXT", .accepted = "one line of at most 256 bytes without control characters or blanks at its ends",
	.size = 257, .parse = parse_text, .format = format_text,
};
const struct value_type type_TEXT64 = {
	.syntax = "TEXT", .accepted = "one line of at most 64 bytes", .size = 65, .parse = parse_text64, .format = format_text,
};

static bool is_host_name(const char *text, size_t length)
{
	size_t label = 0;

	if (length == 0 || length > 64)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.') {
			if (label == 0 || text[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)text[i]) && (text[i] != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && text[length - 1] != '-';
}

static bool parse_host_name(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (*text && !is_host_name(text, strlen(text)))
		return false;
	strcpy(field, text);
	return true;
}

const struct value_type type_HOST_NAME = {
	.syntax = "NAME", .accepted = "a host name: letters, digits, '-' and '.', at most 64 bytes", .size = 65,
	.parse = parse_host_name, .format = format_text,
};

static bool parse_domains(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (strlen(text) >= 257)
		return false;
	for (const char *p = text; *p;) {
		size_t length = strcspn(p, " ");

		if (!is_host_name(p, length))
			return false;
		p += length;
		if (*p && !*++p)
			return false;
	}
	strcpy(field, text);
	return true;
}

const struct value_type type_DOMAINS = {
	.syntax = "DOMAIN...", .accepted = "domain names separated by single blanks, at most 256 bytes", .size = 257,
	.parse = parse_domains, .format = format_text,
};

/* --- CPU_LIST: "0-3,6" or "all" (stored as "") -------------------------------------------------------------------- */

static bool parse_cpu_list(const char *text, void *field, char *why, size_t why_size)
{
	const char *p = text;

	(void)why;
	(void)why_size;
	if (!strcmp(text, "all") || !strcmp(text, CPUSET_AUTO)) {
		strcpy(field, text[1] == 'l' ? "" : CPUSET_AUTO);
		return true;
	}
	if (strlen(text) >= 257)
		return false;
	for (;;) {
		uint64_t first, last;

		if (!parse_digits(&p, &first) || first > 8191)
			return false;
		last = first;
		if (*p == '-' && (p++, !parse_digits(&p, &last) || last > 8191 || last < first))
			return false;
		if (!*p)
			break;
		if (*p++ != ',')
			return false;
	}
	strcpy(field, text);
	return true;
}

static void format_cpu_list(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	(void)index;
	snprintf(text, VALUE_TEXT_MAX, "%s", *(const char *)field ? (const char *)field : "all");
}

const struct value_type type_CPU_LIST = {
	.syntax = "LIST", .accepted = "core numbers and ranges such as 0-3,6, all, or auto", .size = 257, .parse = parse_cpu_list,
	.format = format_cpu_list,
};

void cpu_list_each(const char *list, void (*function)(unsigned int core, void *data), void *data)
{
	uint64_t first, last;

	while (parse_digits(&list, &first)) {
		last = first;
		if (*list == '-' && (list++, !parse_digits(&list, &last)))
			return;
		for (; first <= last && first <= 8191; first++)
			function((unsigned int)first, data);
		if (*list++ != ',')
			return;
	}
}

/* --- YES_NO ------------------------------------------------------------------------------------------------------------ */

static bool parse_yes_no(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return false;
	*(bool *)field = text[0] == 'y';
	return true;
}

static void format_yes_no(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	(void)index;
	strcpy(text, *(const bool *)field ? "yes" : "no");
}

static void format_raw_yes_no(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	(void)index;
	strcpy(text, *(const bool *)field ? "true" : "false");
}

const struct value_type type_YES_NO = {
	.syntax = "yes|no", .accepted = "yes or no", .size = sizeof(bool), .yes_no = true, .parse = parse_yes_no,
	.format = format_yes_no, .format_raw = format_raw_yes_no,
};

/* --- names ------------------------------------------------------------------------------------------------------------------------ */

bool name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length > 32 || name[0] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

bool template_name_is_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t length = strspn(name, letters);

	if (length == 0 || strlen(name) > 64)
		return false;
	if (!name[length])
		return true;
	name += length;
	if (*name++ != ':' || !isalnum((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && *name != '.')
			return false;
	return true;
}
