/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "image/input.h"

#define GZIP_OR_ZLIB_HEADER 31		/* zlib.h, inflateInit2(): a window of 32 KiB, gzip only */

struct input *input_new(int fd, struct berth_error *err)
{
	struct input *input = calloc(1, sizeof(*input));

	if (!input) {
		(void)fail(err, BERTH_FAILED, ENOMEM, "out of memory");
		return NULL;
	}
	input->fd = fd;
	sha256_init(&input->digest);
	return input;
}

void input_free(struct input *input)
{
	if (input && input->inflating)
		inflateEnd(&input->stream);
	free(input);
}

void input_cleanup(struct input **input)
{
	input_free(*input);
}

static ssize_t read_raw(struct input *input)
{
	ssize_t got;

	do
		got = read(input->fd, input->raw, sizeof(input->raw));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		sha256_update(&input->digest, (size_t)got, input->raw);
	return got;
}

int input_check_digest(struct input *input, const char *hex, struct berth_error *err)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[2 * SHA256_DIGEST_SIZE + 1] = "";
	ssize_t got;

	while ((got = read_raw(input)) > 0)
		;
	if (got < 0)
		return fail_errno(err, "cannot read the archive");
	sha256_digest(&input->digest, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	if (strcmp(text, hex) != 0)
		return fail(err, BERTH_FAILED, EBADMSG, "its SHA-256 is %s and should be %s", text, hex);
	return 0;
}

static int begin_inflating(struct input *input)
{
	input->inflating = inflateInit2(&input->stream, GZIP_OR_ZLIB_HEADER) == Z_OK;
	return input->inflating ? 0 : -ENOMEM;
}

/* zlib compares checksum and length at the end of each member; one may follow the other. */
static ssize_t inflate_some(struct input *input, const char **why)
{
	z_stream *stream = &input->stream;

	stream->next_out = input->plain;
	stream->avail_out = sizeof(input->plain);
	while (stream->avail_out == sizeof(input->plain)) {
		int code;

		if (stream->avail_in == 0) {
			ssize_t got = read_raw(input);

			if (got < 0)
				return -1;
			if (got == 0 && input->member_ended)
				return 0;
			if (got == 0) {
				*why = "the gzip data is cut short";
				return -1;
			}
			stream->next_in = input->raw;
			stream->avail_in = (unsigned int)got;
		}
		/* Padding behind the last member, as tape drives leave it. */
		if (input->member_ended && *stream->next_in != 0x1f) {
			stream->avail_in = 0;
			continue;
		}
		if (input->member_ended && inflateReset(stream) != Z_OK)
			return -1;
		input->member_ended = false;
		code = inflate(stream, Z_NO_FLUSH);
		if (code == Z_STREAM_END)
			input->member_ended = true;
		else if (code != Z_OK && code != Z_BUF_ERROR) {
			*why = "the gzip data is damaged";
			return -1;
		}
	}
	return (ssize_t)(sizeof(input->plain) - stream->avail_out);
}

ssize_t input_read(struct input *input, const void **ret, const char **why)
{
	ssize_t got;

	*why = NULL;
	if (input->inflating) {
		*ret = input->plain;
		return inflate_some(input, why);
	}
	got = read_raw(input);
	*ret = input->raw;
	if (!input->begun && got >= 2 && input->raw[0] == 0x1f && input->raw[1] == 0x8b) {
		if (begin_inflating(input) < 0)
			return -1;
		input->stream.next_in = input->raw;
		input->stream.avail_in = (unsigned int)got;
		*ret = input->plain;
		return inflate_some(input, why);
	}
	input->begun = true;
	return got;
}
