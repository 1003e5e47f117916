/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disk under a file: the block device whose queue carries the filesystem's requests. Found through the filesystem and sysfs.
 */
#pragma once

#include <stdbool.h>

/* By what a disk shares its time among cgroups. */
enum disk_weights {
	DISK_WEIGHTS_NONE,
	DISK_WEIGHTS_BFQ,	/* the scheduler bfq: io.bfq.weight */
	DISK_WEIGHTS_COST,	/* io.cost is enabled: io.weight */
};

struct block_device {
	bool found;
	unsigned int major, minor;	/* of the whole disk, dm, md or loop device; never of a partition */
	enum disk_weights weights;
	char why_not[160];		/* when it was not found: "is on tmpfs, which has no disk" */
};

/* Finds the device under an open file or directory. ext4 and xfs name it; btrfs is asked for its devices and counts as none
 * with more than one. Never fails: why_not says the reason. sys_fd is an fd of /sys, cgroup_root_fd one of the cgroup2 mount. */
void block_device_find(int fd, int sys_fd, int cgroup_root_fd, struct block_device *ret);
