/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files Berth keeps inside a guest: /etc/hostname, a marked block of /etc/hosts, /etc/resolv.conf. Written from the
 * host side before init runs, through guest_path.h only. An owner opts out of one with chmod u-w.
 */
#pragma once

#include "config/config.h"

/* The guest's host name: the key's, else the container's own. */
const char *guest_hostname(const struct container_config *config, const char *name);

/* rootfs_fd is the tree on disk, where ids are the guest's own. Files that have the right content already are not
 * touched; a tree without /etc has none. */
int guest_files_write(int rootfs_fd, const struct container_config *config, const char *name, struct berth_error *err);

/* The text of /etc/hosts with Berth's block in it replaced or added, newly allocated; NULL when out of memory. */
char *guest_files_hosts(const char *old, const char *hostname);
