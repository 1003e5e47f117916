/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tap.h"

int main(void)
{
	static const struct { const char *in, *out; } texts[] = {
		{ "", "" }, { "plain ~", "plain ~" }, { "\x1b[2J\a\t\n\x7f", "?[2J????" },
		/* C1: U+009B is what ESC [ is. U+00A0 is the first that is none. */
		{ "\xc2\x9b" "2J", "??2J" }, { "\xc2\xa0", "\xc2\xa0" }, { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, { "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7" },
		/* Cut short, overlong, a surrogate, past the last code point, stray bytes. */
		{ "\xc3", "?" }, { "\xe2\x82", "??" }, { "\xc0\xaf", "??" }, { "\xe0\x9f\xbf", "???" }, { "\xed\xa0\x80", "???" }, { "\xf4\x90\x80\x80", "????" }, { "a\x80\xff" "b", "a??b" },
	};
	struct berth_error err;
	char text[64];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		strcpy(text, texts[i].in);
		berth_make_printable(text);
		check(!strcmp(text, texts[i].out), "text %zu is made printable", i);
		check(fail(&err, BERTH_FAILED, EIO, "%s", texts[i].in) == -EIO && !strcmp(err.text, texts[i].out), "and in an error");
	}
	return tap_done();
}
