/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* frame INTERFACE: sends the frames that stdin has as hex, a line each, by a packet socket, as root of a guest can. */
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
	char line[8192];
	int fd;

	if (argc != 2)
		return 2;
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned char frame[2048];
		size_t length = 0;

		for (const char *p = line; p[0] > ' ' && p[1] > ' ' && length < sizeof(frame); p += 2) {
			char byte[3] = { p[0], p[1], '\0' };

			frame[length++] = (unsigned char)strtoul(byte, NULL, 16);
		}
		if (sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			perror("frame");
			return 1;
		}
	}
	return 0;
}
