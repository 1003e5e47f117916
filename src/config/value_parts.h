/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the types of value.c and network_value.c are made of. Of nobody else's concern. */
#pragma once

#include "config/value.h"

/* Decimal digits and nothing else, without overflow. Moves *text behind them. */
bool parse_digits(const char **text, uint64_t *ret);

/* "1", "1.5", "0.125": the whole part and thousandths; more decimals than three are refused rather than rounded. */
bool parse_decimal(const char **text, uint64_t *whole, uint64_t *thousandths);

/* A whole number from least to most, into a uint64_t. */
bool parse_between(const char *text, void *field, uint64_t least, uint64_t most);

/* JSON's numbers: null is "no limit". */
void format_raw_number(const void *field, size_t index, char text[static VALUE_TEXT_MAX]);

/* A field that is a text. */
void format_text(const void *field, size_t index, char text[static VALUE_TEXT_MAX]);
