/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reading and writing archives by libarchive have in common. */
#pragma once

#include <archive.h>

#include "base/error.h"

/* What libarchive could not do, to path if that is not "": its words, and the system's where there are some. */
int archive_failure(struct archive *archive, const char *what, const char *path, struct berth_error *err);

/* For CLEAN(). */
void archive_free_reader(struct archive **archive);
void archive_free_writer(struct archive **archive);
