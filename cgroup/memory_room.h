/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a container's memory fit under a smaller limit without killing anything in it. */
#pragma once

#include "cgroup/container_cgroup.h"

/* Reclaims until no more than size bytes are in use and slows the container down so that it stays so: memory.high is size afterwards, for
 * the caller to set again after memory.max. BERTH_REFUSED with the figure when what is in use cannot be freed. On cgroup v1
 * it may be the limit already that was written. memory.reclaim is of Linux 5.19; memory.high alone does it before. */
int memory_make_room(const struct container_cgroup *cgroup, uint64_t size, struct berth_error *err);
