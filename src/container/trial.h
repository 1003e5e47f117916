/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the kernel takes a container's limits, found out by asking it. */
#pragma once

#include "container/container.h"

/* Makes the cgroup of a container that does not run, writes its limits and removes it again: a value that this host cannot
 * enforce is refused when it is given, not at the next start. */
int trial_limits(const struct container *container, const struct container_config *config, struct berth_error *err);
