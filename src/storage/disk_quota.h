/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The quota of one directory tree on a filesystem that is shared with others: a project on ext4 and xfs, a subvolume's qgroup on
 * btrfs. This file chooses; project_quota.c and btrfs_quota.c do. Knows no containers: a tree is a directory and a number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define QUOTA_UNLIMITED UINT64_MAX

enum quota_kind { QUOTA_NONE, QUOTA_PROJECT, QUOTA_BTRFS };

struct disk_usage {
	uint64_t bytes, inodes;			/* in use; UINT64_MAX where it is not counted */
	uint64_t bytes_limit, inodes_limit;	/* in force, or QUOTA_UNLIMITED */
};

/* What the filesystem under fd can enforce now. QUOTA_NONE: remedy says how to get there, for this filesystem. */
enum quota_kind disk_quota_kind(int fd, char *remedy, size_t size);

/* Refuses (BERTH_REFUSED, with the remedy) limits that the filesystem under fd cannot enforce now. bytes and inodes, or QUOTA_UNLIMITED. */
int disk_quota_check(int fd, uint64_t bytes, uint64_t inodes, struct berth_error *err);

/* Makes the empty directory that a quota can be put on, now or later: a subvolume on btrfs, a directory whose files all inherit the project
 * where the filesystem knows projects, a plain directory otherwise. */
int disk_quota_make_tree(int directory, const char *name, uint32_t project, mode_t mode, struct berth_error *err);

/* Whether a quota can be put on the tree as it is. */
bool disk_quota_has_tree(int tree, uint32_t project);

/* Makes an existing tree one. Nobody may be at work in it: what is renamed meanwhile is missed. */
int disk_quota_adopt_tree(int tree, uint32_t project, struct berth_error *err);

/* Sets both limits. BERTH_REFUSED when the filesystem cannot, or more is in use than that. */
int disk_quota_set(int tree, uint32_t project, uint64_t bytes, uint64_t inodes, struct berth_error *err);

/* Counts are of a moment ago at most. All UINT64_MAX where nothing is counted. */
void disk_quota_read(int tree, uint32_t project, struct disk_usage *ret);

/* A number that is remembered while the tree is removed: a subvolume's, or 0. */
uint64_t disk_quota_tree_id(int tree);

/* Forgets the limits when the tree is gone. fd is of any directory on the filesystem. */
void disk_quota_forget(int fd, uint32_t project, uint64_t tree_id);
