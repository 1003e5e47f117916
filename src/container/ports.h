/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which container has which ports of the host (port-forward, net-port-block): claims, a port each. */
#pragma once

#include "config/policy.h"
#include "container/instance.h"

/* Where net-port-block has only a size: finds a free block in the policy's range and writes it into the configuration. BERTH_REFUSED when there is
 * none. The block is claimed then. */
int ports_choose_block(const struct berth *berth, const char *owner, const struct policy *policy, struct container_config *config,
		       struct berth_error *err);

/* Claims the ports that are not in except (which may be NULL), all or none. BERTH_EXISTS names the port and who has it: another container, or a program
 * of the host that listens on it. */
int ports_claim(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		struct berth_error *err);

/* Gives back those that are not in except. */
int ports_release(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		  struct berth_error *err);
