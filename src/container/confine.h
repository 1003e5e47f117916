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

/* Default actions and an empty mask for all signals; umask 022. */
void confine_signals(void);

/* Marks every descriptor above 2 close-on-exec: what is inherited by mistake ends at exec (CVE-2024-21626's class). */
int confine_descriptors(struct berth_error *err);
