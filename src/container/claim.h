/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Claims: who has which of a shared supply (an id range, an address). A claim is a symbolic link "thing -> container",
 * because symlink(2) is atomic: of two that want the same thing one gets EEXIST, and there is no half-written claim.
 * O(1) in the number of containers.
 */
#pragma once

#include "base/error.h"

#define CLAIM_OWNER_MAX 64

/* Takes thing for owner. 0, or -EEXIST with the owner's name in holder (may be the same owner). */
int claim_take(int directory, const char *thing, const char *owner, char holder[static CLAIM_OWNER_MAX],
	       struct berth_error *err);

/* Gives thing back if it is owner's; nothing there is fine. */
int claim_release(int directory, const char *thing, const char *owner, struct berth_error *err);

/* Reads whose it is: 0, or -ENOENT. */
int claim_read(int directory, const char *thing, char holder[static CLAIM_OWNER_MAX]);
