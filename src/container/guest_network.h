/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest's own network programs read. The host side has given the interfaces their addresses and routes before init runs; these files say the same,
 * so that a program which sets up the network in the guest, and a "restart networking" by its owner, come to the same end and take nothing away.
 * Every program that the tree has gets its file.
 */
#pragma once

#include "config/config.h"

int guest_network_write(int rootfs_fd, const struct container_config *config, struct berth_error *err);

/* /etc/network/interfaces without the stanzas of the container's interfaces outside Berth's block, newly allocated: what an imported tree says of them. */
char *guest_network_drop_stanzas(const char *text, const struct container_config *config);
