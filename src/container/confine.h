/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a process gives up before guest code runs in it: capabilities (libcap), system calls (seccomp), descriptors,
 * signals' state, the host's keyring. The same for the container's init and for exec.
 */
#pragma once

#include "base/error.h"

/* Drops from the bounding set all but the capabilities a whole distribution needs, each kept one with its reason in the
 * table; empties the inheritable and ambient sets. Capabilities that a later kernel adds are dropped. */
int confine_capabilities(struct berth_error *err);

/* Loads the filter made from syscall_filter.def. Needs CAP_SYS_ADMIN in the user namespace: no_new_privs stays off, for
 * a guest has sudo. With nesting, the one that lets containers be made inside. */
int confine_syscalls(bool nesting, struct berth_error *err);

/* A new session keyring: else the guest would hold the operator's. */
int confine_keyring(struct berth_error *err);

/* Resource limits, scheduling and priority are the guest's own (getrlimit(2)), not those of the operator's shell or of a service. */
void confine_limits(void);

/* Default actions and an empty mask for all signals; umask 022. */
void confine_signals(void);

/* Closes every descriptor above 2 but the kept ones (negative ones count for nothing), which it marks close-on-exec. Before the kernel follows a path of the guest's: a link
 * to /proc/self/fd/N is a way to what is open (CVE-2024-21626). */
int confine_descriptors(const int *kept, size_t count, struct berth_error *err);
