/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must be one guest's alone, taken out of a tree that was another's: machine-id, ssh host keys, seeds of random numbers, leases. */
#pragma once

#include "base/error.h"

/* The guest makes its own at its next boot; where nothing in the tree would make ssh host keys, something is put there that does. */
int guest_identity_renew(int rootfs, struct berth_error *err);
