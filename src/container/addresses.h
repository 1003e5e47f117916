/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which container has which address and prefix: claims, so that no two have one, or parts of each other's, without looking through the
 * containers. */
#pragma once

#include "config/config.h"
#include "container/instance.h"

/* Claims the addresses and prefixes of all interfaces that are not in except (which may be NULL), all or none. BERTH_EXISTS names the address and
 * who has it. Only a prefix is compared with all that is claimed; an address takes as long with a thousand containers as with one. */
int addresses_claim(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		    struct berth_error *err);

/* Gives back those that are not in except. */
int addresses_release(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		      struct berth_error *err);
