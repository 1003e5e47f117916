/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One start: the descriptors both sides share and the stages they pass, each named once.
 *
 *   host side (start.c)                       container side (start_inside.c)
 *   ------------------------------------      --------------------------------------------
 *   cgroups, limits, device filter
 *   opens what the other side will need
 *   fork: the monitor-to-be; in it, as the
 *   container's own host uid, clone3     -->  is born in its cgroup and namespaces
 *   STAGE_BORN from the monitor-to-be
 *   writes the id maps, idmaps the rootfs
 *   STAGE_MAPPED + rootfs mount          -->  waits for it
 *   veth, addresses, filter                   root of its user namespace; mounts, /dev,
 *   (both at the same time)                   console, pivot_root, hostname
 *   waits                                <--  STAGE_READY + console
 *   state file: running
 *   gives the console to the monitor
 *   STAGE_RELEASED                       -->  drops what a guest may not have, exec of init
 *   end of the socket: exec was done     <--  (or STAGE_FAILED with the reason)
 *
 * The end of the socket at any earlier time means that the other side died, and ends this one too.
 */
#pragma once

#include "container/container.h"
#include "container/devices.h"
#include "container/stage.h"

/* Everything the container side needs from the host is in here before the clone; it opens nothing of the host's. */
struct start {
	const struct container *container;
	const char *hostname;
	int host_end, inside_end;		/* SOCK_SEQPACKET: host side and container side */
	int monitor_host_end, monitor_end;	/* the same: host side and monitor */
	int guest_cgroup;			/* for CLONE_INTO_CGROUP */
	int v1_tasks[CGROUP_V1_MAX];		/* "tasks" files, on hybrid hosts */
	int v1_count;
	int rootfs;				/* the guest's tree by rootfs_open(); of a linked container only until its files are written */
	int listener;				/* console socket, for the monitor */
	int events, kills, memory_pressure, io_pressure;	/* for the monitor: cgroup/memory_events.h */
	struct devices devices;
	int reaper;				/* the program, or -EBADF: init is process 1 itself */
	int run;				/* the run directory, for the monitor */
};

/* The container side, from its first instruction: runs its steps and becomes the guest's init, or reports and exits. */
_Noreturn void start_inside(struct start *start);
