/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a command's settings to a configuration: plan, then settings, then whether they go together. */
#pragma once

#include "container/container.h"
#include "config/policy.h"

/* Changes config by settings, the plan named among them first. BERTH_USAGE on refusal; *config is then to be thrown away. */
int settings_assign(struct container_config *config, const struct policy *policy, const struct berth_setting *settings, size_t count,
		    struct berth_error *err);

/* A set that died left the kernel with some of what it wanted: puts the configuration in force again. Needs the lock. */
int settings_settle(struct container *container, struct berth_error *err);
