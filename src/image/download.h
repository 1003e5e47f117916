/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file from a server, by libcurl. The environment's proxies are used (http_proxy, https_proxy, no_proxy). */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Writes at most max bytes to fd. http, https and file; from https never to anything else. authority is a file of certificates to trust instead of the
 * system's, or "". A transfer that is cut short, stands still for a minute or is longer than max is a failure. */
int download(const char *url, int fd, uint64_t max, const char *authority, struct berth_error *err);
