/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A filesystem with quotas in a sparse file, for hosts whose own has none: ext4 on a loop device. */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Options it has to be mounted with, for /etc/fstab. */
#define IMAGE_OPTIONS "loop,prjquota,nofail"

/* Makes the file, of bytes at most, with an ext4 in it, and mounts it on the directory. The file must not exist, and its filesystem must
 * have room for all of it: a full disk below would break the filesystem above. Nothing is left of a failure. Runs mke2fs(8). */
int image_make(const char *path, uint64_t bytes, const char *mount_point, struct berth_error *err);
