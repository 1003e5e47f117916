/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one way to a path inside a guest's tree. The guest owns every byte of it: each component can be a link out of
 * the tree and can change between two calls. So a path is always (fd of the tree's root, relative path) and goes
 * through openat2(2) (Linux 5.6) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens path as the guest itself would see it: links are followed, but never out of the root.
 * Returns an fd with O_CLOEXEC, or a negative errno. Retries when a rename raced it (EAGAIN). */
int guest_open(int root_fd, const char *path, int flags, mode_t mode);

/* The same, and no component may be a symbolic link at all: for mount targets. */
int guest_open_nolinks(int root_fd, const char *path, int flags, mode_t mode);

/* Reads a regular file of at most max bytes. -ELOOP if it is a link, -ENXIO if it is no regular file. */
int guest_read_file(int root_fd, const char *path, size_t max, char **ret);

/* The same of a file that guest_open() has opened, where links were followed. */
int guest_read_open(int fd, size_t max, char **ret);

/* Whether there is such a thing, links followed as the guest would. */
bool guest_exists(int root_fd, const char *path);

/* mkdir -p in the guest's tree, owned by its root; what is there already is left as it is. 0 or a negative errno. */
int guest_make_directories(int root_fd, const char *path, mode_t mode);

/* Removes directory/name if it is a regular file or a link and not opted out of as below. 0 also when it is not there. */
int guest_remove_file(int root_fd, const char *directory, const char *name);

/* Makes directory/name a symbolic link to target, in the way and under the opt-out of guest_replace_file(). */
int guest_replace_link(int root_fd, const char *directory, const char *name, const char *target, struct berth_error *err);

/* Replaces directory/name in the guest's tree by a new regular file owned by the guest's root (uid and gid on disk),
 * by temp name and rename, so that a link under the final name is replaced and never followed. The directory must
 * exist. A regular file whose owner has no write permission ("chmod u-w") is the guest's opt-out: left alone, 0. */
int guest_replace_file(int root_fd, const char *directory, const char *name, const char *text, uid_t uid, gid_t gid,
		       mode_t mode, struct berth_error *err);
