/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive_parts.h"

#include <errno.h>
#include <string.h>

int archive_failure(struct archive *archive, const char *what, const char *path, struct berth_error *err)
{
	const char *why = archive_error_string(archive);
	int code = archive_errno(archive);

	/* libarchive's words seldom have the system's in them. */
	return fail(err, BERTH_FAILED, code > 0 ? code : EBADMSG, "%s%s%.200s: %.150s%s%s%s", what, path[0] ? " " : "", path, why ? why : "unknown",
		    code > 0 ? " (" : "", code > 0 ? strerror(code) : "", code > 0 ? ")" : "");
}

void archive_free_reader(struct archive **archive)
{
	archive_read_free(*archive);
}

void archive_free_writer(struct archive **archive)
{
	archive_write_free(*archive);
}
