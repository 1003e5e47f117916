/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree as an archive that unpack.h takes: pax, with numeric ids, extended attributes, ACLs, hard links and holes. */
#pragma once

#include "base/error.h"

/* How it is compressed, as the end of a file's name says: "gz", "xz", "zst", "tar" for not at all. */
int pack_tree(const char *compression, int fd, struct berth_error *err);
