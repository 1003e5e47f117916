/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one list that undoes what a run of a container made, in an order that is safe to break off anywhere and to begin
 * again. Start (on failure and on leftovers), stop, the monitor's end, recover and destroy all call it.
 */
#pragma once

#include "container/container.h"

/* Needs the lock. Kills what is left of the run; afterwards the container is stopped and nothing of it is on the host but
 * its directory. Waits for dying processes up to 10 s. */
int teardown(struct container *container, struct berth_error *err);
