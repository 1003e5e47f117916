/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The length of the printable UTF-8 character at text (RFC 3629); 0 for a control character, C1 too, and for what is none. */
static size_t printable_length(const unsigned char *text)
{
	size_t length = *text < 0x80 ? 1 : *text >= 0xc2 && *text < 0xe0 ? 2 : *text >= 0xe0 && *text < 0xf0 ? 3 : *text >= 0xf0 && *text < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if (*text < ' ' || *text == 0x7f || (*text == 0xc2 && text[1] < 0xa0))
		return 0;
	/* Overlong forms, surrogates, past the last code point. */
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) || (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

void berth_make_printable(char *text)
{
	for (size_t length; *text; text += length ? length : 1) {
		length = printable_length((const unsigned char *)text);
		if (!length)
			*text = '?';
	}
}

int (fail)(struct berth_error *err, enum berth_failure kind, int code, const char *format, ...)
{
	va_list arguments;

	err->kind = kind;
	err->code = code;
	va_start(arguments, format);
	vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	/* Guests and archives can put any byte into a name that ends up here; a terminal must not obey it. */
	berth_make_printable(err->text);
	return -code;
}

int (fail_errno)(struct berth_error *err, const char *format, ...)
{
	int code = errno ? errno : EIO;
	char what[sizeof(err->text) - 64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return fail(err, BERTH_FAILED, code, "%s: %s", what, strerror(code));
}

int (fail_context)(struct berth_error *err, const char *format, ...)
{
	char prefix[160], text[sizeof(err->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(prefix, sizeof(prefix), format, arguments);
	va_end(arguments);
	memcpy(text, err->text, sizeof(text));
	return fail(err, err->kind, err->code, "%s: %.340s", prefix, text);
}
