/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happened to a container's processes for want of memory, kept in its directory over restarts (file events, bounded). The monitor
 * notices (it has the kernel's descriptors) and runs berthctl for what follows: it knows neither cgroups nor configurations.
 */
#pragma once

#include "container/container.h"

/* One line of the file; false if it is none. */
bool event_parse(const char *line, struct berth_event *ret, uint64_t *ret_sequence);

/* Adds one to the container's file. */
int event_note(const struct container *container, const struct berth_event *event, struct berth_error *err);

/* Finds in one record of /dev/kmsg a process that the OOM killer ended, of a host uid from first on. False if it is none.
 * The process named itself: its name may be any bytes. */
bool event_parse_kernel_record(const char *record, uid_t first, struct berth_event *ret, uint64_t *ret_sequence);
