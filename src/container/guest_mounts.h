/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mounts of a guest: the systemd container interface's set, made detached and attached to descriptors of the guest's
 * own tree. Runs on the container side only, in its namespaces.
 */
#pragma once

#include "container/start.h"

/* Attaches the rootfs mount and everything on it. */
int guest_mounts_attach(int rootfs_mount, const struct start *start, struct berth_error *err);

/* Makes a terminal in the guest's devpts, its slave /dev/console. Both descriptors are the caller's. */
int guest_mounts_console(int rootfs_mount, int *ret_master, int *ret_slave, struct berth_error *err);

/* Makes the tree the root of the mount namespace and detaches the host's. */
int guest_mounts_pivot(int rootfs_mount, struct berth_error *err);
