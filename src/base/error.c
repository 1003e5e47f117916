/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Guests and archives can put any byte into a name that ends up here; a terminal must not obey it. */
static void make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

int fail(struct berth_error *err, enum berth_failure kind, int code, const char *format, ...)
{
	va_list arguments;

	err->kind = kind;
	err->code = code;
	va_start(arguments, format);
	vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	make_printable(err->text);
	return -code;
}

int fail_errno(struct berth_error *err, const char *format, ...)
{
	int code = errno ? errno : EIO;
	char what[sizeof(err->text) - 64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return fail(err, BERTH_FAILED, code, "%s: %s", what, strerror(code));
}

int fail_context(struct berth_error *err, const char *format, ...)
{
	char prefix[160], text[sizeof(err->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(prefix, sizeof(prefix), format, arguments);
	va_end(arguments);
	memcpy(text, err->text, sizeof(text));
	return fail(err, err->kind, err->code, "%s: %.340s", prefix, text);
}
