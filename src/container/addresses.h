/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which container has which address: claims, so that no two have one, without looking through the containers. */
#pragma once

#include "config/value.h"
#include "container/instance.h"

/* Claims the addresses that are not in except, all or none. BERTH_EXISTS names the address and who has it. A claim whose
 * holder is gone or does not list the address is taken over. */
int addresses_claim(const struct berth *berth, const char *owner, const struct address_list *addresses,
		    const struct address_list *except, struct berth_error *err);

/* Gives back those that are not in except. */
int addresses_release(const struct berth *berth, const char *owner, const struct address_list *addresses,
		      const struct address_list *except, struct berth_error *err);
