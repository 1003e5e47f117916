/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finishing or undoing what a killed command left. */
#pragma once

#include "container/container.h"

/* Empties the directory of a create that died and gives back what it had claimed. The caller has locked directory. */
int recover_creating(const struct berth *berth, int directory, const char *name, struct berth_error *err);

/* Finishes a destroy from the rename on: addresses, tree. Its id range is released by who knows it, or by recover. */
int recover_destroying(const struct berth *berth, int containers, const char *hidden, const char *name,
		       struct berth_error *err);
