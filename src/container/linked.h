/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of a linked container: an overlay (Documentation/filesystems/overlayfs.rst) of its template's tree, which nobody writes, and of what is its own. Made in a
 * moment and as large as what is changed; the page cache of the template is shared with all that are linked to it, which is why nobody gets one unasked.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* Makes the two directories that the overlay wants in tree, with the attributes of lower's root. */
int linked_make(int tree, int lower, struct berth_error *err);

/* Mounts it and returns a descriptor of the detached mount, which is all there is of it. With a pid the layers are idmapped for that process's user namespace,
 * whose root is host_uid (Linux 5.19), else ids are those on disk. Not both at once: an upper layer is one mount's. BERTH_REFUSED when the kernel or the filesystem cannot. */
int linked_open(int tree, int lower, pid_t idmapped_for, uid_t host_uid, struct berth_error *err);
