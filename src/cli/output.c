/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA 1

const char *format_bytes(uint64_t bytes, char text[static 24])
{
	double value = (double)bytes;
	int unit = 0;

	if (bytes == UINT64_MAX)
		return "-";
	for (; value >= 1024 && unit < 4; unit++)
		value /= 1024;
	snprintf(text, 24, unit && value < 10 ? "%.1f%.1s" : "%.0f%.1s", value, &" KMGT"[unit] + (unit ? 0 : 5));
	return text;
}

const char *format_limit(uint64_t bytes, char text[static 24])
{
	return bytes == UINT64_MAX ? "unlimited" : format_bytes(bytes, text);
}

json_object *json_begin(void)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "schema", json_object_new_int(SCHEMA));
	return object;
}

int json_end(json_object *object)
{
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return flush_output();
}

void json_add_number(json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, number == UINT64_MAX ? NULL : json_object_new_uint64(number));
}

json_object *json_decimal(double number)
{
	static char format[] = "%.10g";
	json_object *object = json_object_new_double(number);

	json_object_set_serializer(object, json_object_double_to_json_string, format, NULL);
	return object;
}

void json_add_text(json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static bool progress_shown;

void progress_show(const char *what, uint64_t done, uint64_t total, void *data)
{
	static const char bar[] = "########################################";
	int filled = total ? (int)(done * 40 / total) : 0;

	(void)data;
	if (!isatty(STDERR_FILENO))
		return;
	if (total)
		fprintf(stderr, "\r%s [%-40.*s] %3d%%", what, filled > 40 ? 40 : filled, bar, (int)(done * 100 / total));
	else
		fprintf(stderr, "\r%s %" PRIu64 " lines", what, done);
	progress_shown = true;
}

void progress_done(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

void print_state(enum berth_state state, int width)
{
	static const char *const colours[] = {
		[BERTH_STOPPED] = "2", [BERTH_STARTING] = "33", [BERTH_RUNNING] = "32", [BERTH_PAUSED] = "36", [BERTH_BROKEN] = "31",
	};
	const char *off = getenv("NO_COLOR");

	if (isatty(STDOUT_FILENO) && !(off && *off))
		printf("\033[%sm%-*s\033[0m", colours[state], width, berth_state_name(state));
	else
		printf("%-*s", width, berth_state_name(state));
}

int flush_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "berthctl: cannot write to stdout: %s\n", strerror(errno));
	return BERTH_FAILED;
}
