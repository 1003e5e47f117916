/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of our own and of the kernel: whole reads, kernel-file writes, atomic replacement, trees removed.
 * Paths inside a guest's tree do not come here but to guest_path.h.
 */
#pragma once

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Reads what is left of fd, at most max bytes, into a new NUL-terminated buffer (free with free()). -EFBIG when it is more. */
int read_all(int fd, size_t max, char **ret, size_t *ret_length);

/* Reads at most max bytes of a file into a new NUL-terminated buffer (free with free()). -EFBIG when it is larger.
 * Fills no error: the caller knows what the file is. */
int read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_length);

/* Reads a small file of procfs, sysfs or cgroupfs into buffer, NUL-terminated, without its last newline. */
int read_small_at(int dirfd, const char *path, char *buffer, size_t size);

/* The line behind line in a text; NULL behind the last newline. */
static inline const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

/* Writes text to an existing kernel file in one write(2). Returns a negative errno, fills no error. */
int write_small_at(int dirfd, const char *path, const char *text);

/* Replaces (or makes) a file: temp name, fsync, rename, fsync of the directory. After a crash the old bytes or the
 * new bytes are there. */
int replace_file_at(int dirfd, const char *name, const char *text, size_t length, mode_t mode, struct berth_error *err);

/* The same for a file that is of this boot only (below /run, mode 0600) and therefore not synced: what a power cut leaves of it may be torn, and its reader takes
 * nothing from another boot. */
int replace_run_file_at(int dirfd, const char *name, const char *text, size_t length, struct berth_error *err);

/* Removes what these leave in a directory when it is killed. For who keeps others from writing there. */
void remove_temporaries(int dirfd);

/* An open directory to be read with readdir(3), from its beginning: opened anew and not by dup, for an open directory of btrfs shows what was in it
 * when it was opened. NULL with errno; a negative fd gives NULL too. */
DIR *list_directory(int fd);

/* mkdir -p of an absolute path, root-only; returns an O_PATH-free directory fd. */
int make_directory(const char *path, mode_t mode, struct berth_error *err);

/* Removes name below dirfd and everything in it, never following links and never using more than a few dozen fds,
 * however deep a guest nested it. Missing is fine. */
int remove_tree_at(int dirfd, const char *name, struct berth_error *err);

/* Sends or receives all bytes. */
int write_all(int fd, const void *data, size_t length);
