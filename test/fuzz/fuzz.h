/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every fuzz target has: libFuzzer's entry point. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string, newly allocated. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* A property that must hold. */
#define must(condition) do { if (!(condition)) abort(); } while (0)
