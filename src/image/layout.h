/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An OCI image layout (a directory of blobs, as "skopeo copy ... oci:DIR" makes it), its layers unpacked one over the other. */
#pragma once

#include "image/unpack.h"

/* layout is the directory; name "" is the only image. Every blob must have the digest that is its name. command is what the image runs. */
int layout_unpack(int layout, const char *name, struct unpack *unpack, char command[static 257], struct berth_error *err);
