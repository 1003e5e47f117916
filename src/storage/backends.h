/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two kinds of quota behind disk_quota.h. */
#pragma once

#include "storage/disk_quota.h"

/* Project quota: ext4 (Linux 4.5) and xfs, by quotactl_fd(2) (Linux 5.14). Negative errno; fills no error. */
bool project_quota_enforced(int fd);
int project_quota_tag(int fd, uint32_t project);
bool project_quota_is_tagged(int fd, uint32_t project);
int project_quota_set(int fd, uint32_t project, uint64_t bytes, uint64_t inodes);
int project_quota_read(int fd, uint32_t project, struct disk_usage *ret);

/* qgroups: a subvolume has the qgroup 0/ID of its own. */
bool btrfs_quota_enabled(int fd);
int btrfs_quota_make_subvolume(int directory, const char *name);
bool btrfs_quota_is_subvolume(int fd);
uint64_t btrfs_quota_subvolume(int fd);
int btrfs_quota_set(int tree, uint64_t bytes);
int btrfs_quota_read(int tree, struct disk_usage *ret);
void btrfs_quota_forget(int fd, uint64_t subvolume);
