/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cgroups of one container and what the cgroup core does with them: make, delegate, enter, freeze, kill, remove.
 *
 *   /PARENT               Berth's own ("berth")
 *   /PARENT/NAME          the limits; owned by the host, no process in it
 *   /PARENT/NAME/guest    delegated: the guest's cgroup namespace starts here
 *
 * On hybrid hosts /PARENT/NAME exists in each v1 hierarchy that holds one of our controllers too, not delegated.
 * Values of limits are resource_limits.h.
 */
#pragma once

#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/block_device.h"
#include "cgroup/controllers.h"

#define CGROUP_PATH_MAX 96
#define CGROUP_V1_MAX CONTROLLER_COUNT

struct container_cgroup {
	const struct cgroup_host *host;
	char parent[48];		/* "berth" */
	char path[CGROUP_PATH_MAX];	/* "berth/NAME" */
	struct block_device disk;	/* the one under the rootfs, when a limit on it is to be written */
};

int container_cgroup_init(struct container_cgroup *cgroup, const char *parent, const char *name, struct berth_error *err);

/* Makes the container's cgroups in every hierarchy, with all controllers of ours enabled; what exists is kept. */
int container_cgroup_make(const struct container_cgroup *cgroup, struct berth_error *err);

/* Gives the delegated cgroup to the owner: exactly the files that the kernel names in /sys/kernel/cgroup/delegate
 * (Linux 4.15). Returns an fd of it for CLONE_INTO_CGROUP. */
int container_cgroup_delegate(const struct container_cgroup *cgroup, uid_t owner, struct berth_error *err);

/* An fd, for CLONE_INTO_CGROUP, of a leaf below the delegated cgroup: the guest's init may have made the delegated one
 * an inner node, which cannot hold processes. When the guest has used up its quota of cgroups it is the one that init is in. */
int container_cgroup_leaf(const struct container_cgroup *cgroup, uid_t owner, pid_t init, struct berth_error *err);

/* Opens the "tasks" files by which a single-threaded process enters the container's v1 cgroups: it writes "0" to each.
 * The files are opened by the host side, for the kernel checks the opener's right (since 4.16). Fills fds with up to
 * CGROUP_V1_MAX descriptors and returns their number; none on a v2 host. */
int container_cgroup_open_v1_tasks(const struct container_cgroup *cgroup, int fds[static CGROUP_V1_MAX],
				   struct berth_error *err);

/* Whether any process is in the container's cgroups: the kernel's own word. False when there are no cgroups. */
bool container_cgroup_populated(const struct container_cgroup *cgroup);
/* Calls function for every process in it, whichever cgroup below the guest put it in. */
void container_cgroup_each_process(const struct container_cgroup *cgroup, void (*function)(pid_t pid, void *data), void *data);
bool container_cgroup_has_process(const struct container_cgroup *cgroup, pid_t pid);
bool container_cgroup_exists(const struct container_cgroup *cgroup);

/* Kills every process in it (cgroup.kill, Linux 5.14) and waits until none is left. -ETIMEDOUT in *err after deadline. */
int container_cgroup_kill(const struct container_cgroup *cgroup, int64_t deadline, struct berth_error *err);

/* Freezes or thaws, and waits until the kernel says so. */
int container_cgroup_freeze(const struct container_cgroup *cgroup, bool frozen, int64_t deadline, struct berth_error *err);
bool container_cgroup_is_frozen(const struct container_cgroup *cgroup);

/* Removes the container's cgroups with all that the guest made below. They must be empty of processes. */
int container_cgroup_remove(const struct container_cgroup *cgroup, struct berth_error *err);
