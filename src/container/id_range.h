/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The allocator of host id ranges. A range is claimed by symlink(2), so none is ever handed out twice, and numbers go
 * round the whole space before one is used again.
 */
#pragma once

#include "container/instance.h"

/* Claims a free range for the owner; *ret is its number. Passes over ranges that /etc/subuid and /etc/subgid give away. */
int id_range_allocate(const struct berth *berth, const char *owner, uint64_t *ret, struct berth_error *err);

/* Gives it back. Only when nothing on disk has its ids any more. */
int id_range_release(const struct berth *berth, const char *owner, uint64_t id, struct berth_error *err);
