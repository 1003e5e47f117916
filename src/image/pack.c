/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/pack.h"

#include <archive_entry.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/archive_parts.h"

static void free_links(struct archive_entry_linkresolver **links)
{
	archive_entry_linkresolver_free(*links);
}

static int write_entry(struct archive *disk, struct archive *out, struct archive_entry *entry, struct berth_error *err)
{
	const void *block;
	int64_t offset, at = 0;
	size_t size;
	int code;

	if (archive_write_header(out, entry) < ARCHIVE_WARN)
		return archive_failure(out, "cannot write the archive", "", err);
	if (archive_entry_size(entry) <= 0)
		return 0;
	while ((code = archive_read_data_block(disk, &block, &size, &offset)) == ARCHIVE_OK) {
		static const char zeros[65536];

		/* The writer leaves holes out by the entry's list of them, but wants their bytes. */
		for (int64_t gap = offset - at; gap > 0;) {
			ssize_t put = archive_write_data(out, zeros, gap < (int64_t)sizeof(zeros) ? (size_t)gap : sizeof(zeros));

			if (put <= 0)
				return archive_failure(out, "cannot write the archive", "", err);
			gap -= put;
		}
		if (archive_write_data(out, block, size) < 0)
			return archive_failure(out, "cannot write the archive", "", err);
		at = offset + (int64_t)size;
	}
	return code == ARCHIVE_EOF ? 0 : archive_failure(disk, "cannot read", archive_entry_pathname(entry), err);
}

static int open_writer(struct archive *out, const char *compression, int fd, struct berth_error *err)
{
	int code = !strcmp(compression, "gz") ? archive_write_add_filter_gzip(out) : !strcmp(compression, "xz") ? archive_write_add_filter_xz(out) :
		   !strcmp(compression, "zst") ? archive_write_add_filter_zstd(out) : archive_write_add_filter_none(out);

	/* No padding for tape drives: behind compressed data it would be garbage. */
	archive_write_set_bytes_in_last_block(out, 1);
	if (code != ARCHIVE_OK || archive_write_set_format_pax_restricted(out) != ARCHIVE_OK || archive_write_open_fd(out, fd) != ARCHIVE_OK)
		return archive_failure(out, "cannot begin the archive", "", err);
	return 0;
}

int pack_tree(const char *compression, int fd, struct berth_error *err)
{
	CLEAN(archive_free_reader) struct archive *disk = archive_read_disk_new();
	CLEAN(archive_free_writer) struct archive *out = archive_write_new();
	CLEAN(free_links) struct archive_entry_linkresolver *links = archive_entry_linkresolver_new();
	int r, code = ARCHIVE_OK;

	if (!disk || !out || !links)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	archive_entry_linkresolver_set_strategy(links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	archive_read_disk_set_symlink_physical(disk);
	if (archive_read_disk_open(disk, ".") != ARCHIVE_OK)
		return archive_failure(disk, "cannot read the tree", "", err);
	r = open_writer(out, compression, fd, err);
	while (r == 0) {
		struct archive_entry *entry = archive_entry_new(), *ready = entry, *later;

		code = archive_read_next_header2(disk, entry);
		if (code == ARCHIVE_EOF || code < ARCHIVE_WARN) {
			archive_entry_free(entry);
			break;
		}
		archive_read_disk_descend(disk);
		/* A later name of a file is written as a link to the first. */
		archive_entry_linkify(links, &ready, &later);
		if (ready)
			r = write_entry(disk, out, ready, err);
		archive_entry_free(entry);
	}
	if (r == 0 && code != ARCHIVE_EOF)
		r = archive_failure(disk, "cannot read the tree", "", err);
	if (r == 0 && archive_write_close(out) != ARCHIVE_OK)
		r = archive_failure(out, "cannot write the archive", "", err);
	return r;
}
