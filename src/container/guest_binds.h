/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories and files of the host's in a running container (the key mount): idmapped, without device nodes and setuid. */
#pragma once

#include "container/container.h"

/* What can be said before a start: the host's side is there. BERTH_REFUSED. */
int guest_binds_check(const struct guest_bind_list *binds, struct berth_error *err);

/* From old to new in the container whose init is a pidfd: what is not in new is unmounted, what is not in old is mounted, unless it is there already. A failure
 * leaves old. */
int guest_binds_change(int init, pid_t pid, const struct guest_bind_list *old, const struct guest_bind_list *new, struct berth_error *err);

/* A change is noted in the run directory before it begins, until its end: guest_binds_begin() also puts right what one left that died, where old is what the
 * configuration says. */
int guest_binds_begin(int run, int init, pid_t pid, const struct guest_bind_list *old, const struct guest_bind_list *new, struct berth_error *err);
void guest_binds_end(int run);
