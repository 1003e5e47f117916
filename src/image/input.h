/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is read of a stranger's: bytes as they come, counted into a digest, and inflated here where they are gzip's, because libarchive does not look at gzip's
 * checksum.
 */
#pragma once

#include <nettle/sha2.h>
#include <stdbool.h>
#include <sys/types.h>
#include <zlib.h>

#include "base/error.h"

struct input {
	int fd;				/* borrowed */
	bool begun, inflating, member_ended;
	struct sha256_ctx digest;
	z_stream stream;
	unsigned char raw[65536], plain[65536];
};

/* NULL with *err when out of memory. */
struct input *input_new(int fd, struct berth_error *err);
void input_free(struct input *input);
void input_cleanup(struct input **input);
#define CLEAN_INPUT CLEAN(input_cleanup)

/* The next bytes, in a buffer of the input's own; 0 at the end; -1 with errno, or with *why where it is not the system's fault. */
ssize_t input_read(struct input *input, const void **ret, const char **why);

/* Reads what is left and compares the SHA-256 of all raw bytes with hex (64 digits, lower case). */
int input_check_digest(struct input *input, const char *hex, struct berth_error *err);
