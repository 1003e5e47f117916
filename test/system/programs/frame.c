/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* frame INTERFACE HEX [TIMES]: sends these bytes as a frame by a packet socket, as root of a guest can. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	unsigned char frame[2048];
	size_t length = 0;
	int fd, times;

	if (argc < 3)
		return 2;
	times = argc > 3 ? atoi(argv[3]) : 1;
	for (const char *p = argv[2]; p[0] && p[1] && length < sizeof(frame); p += 2) {
		char byte[3] = { p[0], p[1], '\0' };

		frame[length++] = (unsigned char)strtoul(byte, NULL, 16);
	}
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	for (int i = 0; i < times; i++) {
		if (sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			perror("frame");
			return 1;
		}
	}
	return 0;
}
