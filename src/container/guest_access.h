/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How its owner gets into a guest: root's password and ssh keys, and what cloud-init is told. Written into its tree, running or not. */
#pragma once

#include "container/container.h"

/* What can be said without a tree. BERTH_USAGE. */
int guest_access_check(const struct berth_access *access, struct berth_error *err);

/* All of it, or what was there before. uuid is the container's, hostname the guest's. */
int guest_access_write(int rootfs, const struct berth_access *access, const char *uuid, const char *hostname, struct berth_error *err);
