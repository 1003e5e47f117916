/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/trial.h"

#include "cgroup/resource_limits.h"

int trial_limits(const struct container *container, const struct container_config *config, struct berth_error *err)
{
	struct berth_error ignored;
	int r = limits_check(&container->cgroup, config, err);

	if (r < 0)
		return r;
	r = container_cgroup_make(&container->cgroup, err);
	if (r == 0)
		r = limits_apply(&container->cgroup, config, err);
	(void)container_cgroup_remove(&container->cgroup, &ignored);
	return r;
}
