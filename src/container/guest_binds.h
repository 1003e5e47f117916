/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories and files of the host's in a running container (the key mount): idmapped, without device nodes and setuid. */
#pragma once

#include "container/container.h"

/* What can be said before a start: the host's side is there. BERTH_REFUSED. */
int guest_binds_check(const struct guest_bind_list *binds, struct berth_error *err);

/* From old to new in the container whose init is a pidfd: what is not in new is unmounted, what is not in old is mounted. A failure leaves old. */
int guest_binds_change(int init, pid_t pid, const struct guest_bind_list *old, const struct guest_bind_list *new, struct berth_error *err);
