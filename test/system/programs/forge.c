/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sends one UDP packet "forged" from a source address of choice to DESTINATION port 9999 by a raw socket:
 *   forge SOURCE DESTINATION
 * Both IPv4 or both IPv6. The kernel of the guest lets its root do this; the host must not let it out.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char payload[] = "forged\n";

static unsigned int add(const void *data, size_t length)
{
	const unsigned char *p = data;
	unsigned int sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? p[i] : (unsigned int)p[i] << 8;
	return sum;
}

int main(int argc, char **argv)
{
	unsigned char packet[256] = { 0 };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct udphdr *udp;
	size_t length, address;
	unsigned int sum;
	int on = 1, fd;

	if (argc != 3)
		return 2;
	if (strchr(argv[1], ':')) {
		struct ip6_hdr *ip = (struct ip6_hdr *)packet;

		ip->ip6_vfc = 0x60;
		ip->ip6_nxt = IPPROTO_UDP;
		ip->ip6_hlim = 64;
		ip->ip6_plen = htons(sizeof(*udp) + sizeof(payload) - 1);
		if (inet_pton(AF_INET6, argv[1], &ip->ip6_src) != 1 || inet_pton(AF_INET6, argv[2], &ip->ip6_dst) != 1)
			return 2;
		to6.sin6_addr = ip->ip6_dst;
		address = 16;
		sum = add(&ip->ip6_src, 32);
		udp = (struct udphdr *)(ip + 1);
		fd = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	} else {
		struct iphdr *ip = (struct iphdr *)packet;

		ip->version = 4;
		ip->ihl = 5;
		ip->ttl = 64;
		ip->protocol = IPPROTO_UDP;
		ip->tot_len = htons(sizeof(*ip) + sizeof(*udp) + sizeof(payload) - 1);
		if (inet_pton(AF_INET, argv[1], &ip->saddr) != 1 || inet_pton(AF_INET, argv[2], &ip->daddr) != 1)
			return 2;
		to4.sin_addr.s_addr = ip->daddr;
		address = 4;
		sum = add(&ip->saddr, 8);
		udp = (struct udphdr *)(ip + 1);
		fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
		setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
	}
	udp->source = htons(1234);
	udp->dest = htons(9999);
	udp->len = htons(sizeof(*udp) + sizeof(payload) - 1);
	memcpy(udp + 1, payload, sizeof(payload) - 1);
	sum += IPPROTO_UDP + ntohs(udp->len) + add(udp, ntohs(udp->len));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	udp->check = htons((unsigned short)~sum);
	length = (size_t)((unsigned char *)(udp + 1) - packet) + sizeof(payload) - 1;
	if (sendto(fd, packet, length, 0, address == 4 ? (void *)&to4 : (void *)&to6, address == 4 ? sizeof(to4) : sizeof(to6)) < 0) {
		perror("forge");
		return 1;
	}
	return 0;
}
