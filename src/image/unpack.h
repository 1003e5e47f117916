/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An archive of a root filesystem, of a stranger's making, into a tree. The process has made the tree its root directory (chroot(2)) and is nobody of the
 * host's, so nothing that is wrong here reaches outside; what could only be meant to reach there is refused all the same, and the whole archive with it.
 *
 * Refused: absolute paths, "..", anything through or onto a link, hard links to what the archive has not brought, names twice, device nodes outside /dev,
 * ids outside a container's, more bytes or entries than allowed, wrong checksums, truncation. Below /dev device nodes are left out: each start makes
 * its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "image/input.h"

struct unpack_limits {
	uint64_t bytes;		/* of data, holes not counted */
	uint64_t entries;
};

struct unpack {
	int root;		/* of the tree; the working directory is the same */
	struct unpack_limits left;
	bool layer;		/* one of several: replaces what is there, and ".wh." names delete (OCI image-spec, layer.md) */
	void *seen;		/* tsearch(3) tree of the paths of this archive */
};

/* tar in any of its forms, plain or compressed by gzip, bzip2, xz, zstd. *unpack's limits shrink by what was written. */
int unpack_archive(struct unpack *unpack, struct input *input, struct berth_error *err);

/* A path of an archive as it is looked up: without "./", double and trailing slashes; "" is the root. False: absolute, "..", too long or too deep. */
bool unpack_clean_path(const char *path, char clean[static 4096]);

/* The image tarballs of LXC and Incus have metadata.yaml and the root filesystem in rootfs/: what is in there becomes the tree. Does nothing to other trees. */
int unpack_lift_rootfs(int root, struct berth_error *err);
