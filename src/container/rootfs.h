/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A container's own tree on disk, and its quota: the container's id gives the project of its files. */
#pragma once

#include "container/container.h"
#include "storage/disk_quota.h"

/* Makes the directory for the files of a container that is being created: empty, or linked to the template's tree. */
int rootfs_make(const struct container *container, int template, struct berth_error *err);

/* The guest's root, with the ids on disk, while nothing of it runs but by who holds the lock. A linked one is mounted for this
 * descriptor, which is refused (BERTH_WRONG_STATE) while it runs. */
int rootfs_open(const struct container *container, struct berth_error *err);

/* The same as a detached mount, idmapped for the user namespace of pid. rootfs is what rootfs_open() gave; of a linked container that must have been closed. */
int rootfs_open_idmapped(const struct container *container, int rootfs, pid_t pid, struct berth_error *err);

/* Refuses (BERTH_REFUSED) a quota that this storage cannot enforce, before anything is made. */
int rootfs_check_quota(const struct berth *berth, const struct container_config *config, struct berth_error *err);

/* Puts the configuration's quota in force; running says whether anything may be at work in the tree. */
int rootfs_apply_quota(const struct container *container, const struct container_config *config, bool running, struct berth_error *err);

void rootfs_read_usage(const struct container *container, struct disk_usage *ret);

/* Fills container->cgroup.disk when one of its limits is on the disk under the rootfs. */
void rootfs_find_disk(struct container *container, const struct container_config *config);

/* Forgets the quota of the container with that id, whose tree is gone. */
void rootfs_forget_quota(const struct berth *berth, uint64_t id, uint64_t tree_id);

/* What rootfs_forget_quota() wants to know of a tree that is still there: directory is the container's. */
uint64_t rootfs_tree_id(int directory);
