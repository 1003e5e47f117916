/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims (claim.h) on things that a container's configuration lists: one whose holder is gone, or does not list the thing, is taken over. */
#pragma once

#include "config/config.h"
#include "container/claim.h"
#include "container/instance.h"

/* Whether a configuration lists it. */
typedef bool (*claimed_listed)(const struct container_config *config, const void *item);

/* Takes the claim on thing for owner. BERTH_EXISTS with -EEXIST and its holder if it is another's. */
int claimed_take(const struct berth *berth, int directory, const char *thing, const char *owner, claimed_listed listed, const void *item,
		 char holder[static CLAIM_OWNER_MAX], struct berth_error *err);

/* Who has it, if it is somebody else who lists it: false for the owner itself and for what a killed command left. */
bool claimed_by_other(const struct berth *berth, int directory, const char *thing, const char *owner, claimed_listed listed, const void *item,
		      char holder[static CLAIM_OWNER_MAX]);
