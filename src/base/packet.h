/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One packet with descriptors over a SOCK_SEQPACKET pair: how the sides of a start talk. Message boundaries are the
 * kernel's, the end of the peer is an empty read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKET_FDS_MAX 4

/* Sends length bytes with count descriptors, which stay the caller's. 0 or a negative errno (-EPIPE: peer gone). */
int packet_send(int socket, const void *data, size_t length, const int *fds, size_t count);

/* Receives one packet of at most size bytes. Descriptors come with O_CLOEXEC and are the caller's; unused entries of
 * fds are -EBADF. Returns the length, 0 when the peer is gone, -ETIMEDOUT after the deadline. */
ssize_t packet_receive(int socket, void *data, size_t size, int fds[static PACKET_FDS_MAX], int64_t deadline);
