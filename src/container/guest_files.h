/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files Berth keeps inside a guest, written from the host side before init runs and by set, through guest_path.h only: /etc/hostname, a marked block of
 * /etc/hosts, the resolver's, time zone and locale, and what the guest's own network programs read (guest_network.h). An owner opts out of one with
 * chmod u-w.
 */
#pragma once

#include "config/config.h"

/* The guest's host name: the key's, else the container's own. */
const char *guest_hostname(const struct container_config *config, const char *name);

/* rootfs_fd is the tree on disk, where ids are the guest's own. Files that have the right content already are not
 * touched; a tree without /etc has none. */
int guest_files_write(int rootfs_fd, const struct container_config *config, const char *name, struct berth_error *err);

/* The keys of the guest's that name something it must have: its time zone. BERTH_REFUSED. */
int guest_files_check(int rootfs_fd, const struct container_config *config, struct berth_error *err);

/* A file's text with Berth's block in it replaced or added at the end, newly allocated; NULL when out of memory. lines are whole lines. */
char *guest_files_block(const char *old, const char *lines);

/* The lines of /etc/hosts. */
char *guest_files_hosts(const char *hostname);

/* Replaces a file of root's if its text is another; a directory in the way is the guest's doing and its own loss. */
int guest_files_put(int rootfs_fd, const char *directory, const char *name, const char *text, mode_t mode, struct berth_error *err);

/* The same of Berth's block in it. default_text is what the file has when there is none. */
int guest_files_put_block(int rootfs_fd, const char *directory, const char *name, const char *default_text, const char *lines, struct berth_error *err);
