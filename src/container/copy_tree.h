/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies a template's tree to a new container: shared blocks where the filesystem can (FICLONE: btrfs, xfs), else bytes, by
 * several threads. Owners, modes, times, extended attributes (file capabilities, ACLs) and hard links are kept. Never
 * follows a link of the tree.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Copies what is in source to the empty directory target, and source's own owner and mode. entries is what the template
 * says it has, for progress. Stops with -EINTR when interrupted. */
int copy_tree(int source, int target, uint64_t entries, berth_progress_function progress, void *data,
	      struct berth_error *err);
