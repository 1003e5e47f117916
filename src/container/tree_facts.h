/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What distribution a tree is and which init it has, found in the tree itself. */
#pragma once

#include "base/error.h"

/* NAME's value in a text of NAME=VALUE lines with shell quoting, as os-release(5) and /etc/sysconfig have them. False: not there, or too long. */
bool assignment_read(const char *text, const char *name, char *ret, size_t size);

/* Fills distribution, release and init where they are empty: from /etc/os-release and from what /sbin/init is. */
void tree_facts_find(int rootfs, struct berth_template *description);

/* Which init the tree has: systemd, openrc, sysvinit, busybox, runit, s6, dinit; "program" without one. */
const char *tree_facts_init(int rootfs);
