/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * User namespaces with 65,536 ids of their own, and mounts idmapped to them.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/syscalls.h"

/* clone3 with the caller's effective uid set to host_uid for the call, so that the kernel charges the new user namespace,
 * and all it counts by creator (inotify, keys, namespaces), to the container's own uid and not to root's one budget.
 * Capabilities are kept meanwhile. Returns as clone3 does. */
pid_t userns_clone(struct clone_args *arguments, uid_t host_uid, struct berth_error *err);

/* Maps 65,536 ids from host_uid on to 0 in the namespace of the process, uids and gids. */
int userns_map(pid_t pid, uid_t host_uid, struct berth_error *err);

/* A detached mount of the directory, with recursive submounts left out, idmapped to the user namespace of pid: on disk ids
 * are the guest's own, 0 is its root. Linux 5.12, and by filesystem: ext4, xfs 5.12, btrfs 5.15, tmpfs 6.3. */
int userns_idmapped_mount(int directory, pid_t pid, struct berth_error *err);
