/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/announce.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/netlink.h"

struct __attribute__((packed)) arp_frame {
	struct ether_header ethernet;
	struct ether_arp arp;
};

struct __attribute__((packed)) advertisement_frame {
	struct ether_header ethernet;
	struct ip6_hdr ip;
	struct nd_neighbor_advert advertisement;
	struct nd_opt_hdr option;
	struct mac mac;
};

static size_t make_arp(const struct mac *mac, const struct address *address, struct arp_frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	memset(frame->ethernet.ether_dhost, 0xff, ETH_ALEN);
	memcpy(frame->ethernet.ether_shost, mac, ETH_ALEN);
	frame->ethernet.ether_type = htons(ETHERTYPE_ARP);
	frame->arp.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
	frame->arp.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
	frame->arp.ea_hdr.ar_hln = ETH_ALEN;
	frame->arp.ea_hdr.ar_pln = 4;
	/* A request, sender and target the same: what RFC 5227 calls an announcement. */
	frame->arp.ea_hdr.ar_op = htons(ARPOP_REQUEST);
	memcpy(frame->arp.arp_sha, mac, ETH_ALEN);
	memcpy(frame->arp.arp_spa, address->bytes, 4);
	memcpy(frame->arp.arp_tpa, address->bytes, 4);
	return sizeof(*frame);
}

static uint16_t checksum(const struct advertisement_frame *frame)
{
	const uint8_t *p = (const uint8_t *)&frame->ip.ip6_src;
	size_t length = sizeof(*frame) - offsetof(struct advertisement_frame, ip.ip6_src);
	/* The pseudo header has, beside the addresses, the length and the protocol. */
	uint32_t sum = (uint32_t)(sizeof(*frame) - offsetof(struct advertisement_frame, advertisement)) + IPPROTO_ICMPV6;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t make_advertisement(const struct mac *mac, const struct address *address, struct advertisement_frame *frame)
{
	static const uint8_t all_nodes_mac[] = { 0x33, 0x33, 0, 0, 0, 1 }, all_nodes[16] = { 0xff, 0x02, [15] = 1 };

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->ethernet.ether_dhost, all_nodes_mac, ETH_ALEN);
	memcpy(frame->ethernet.ether_shost, mac, ETH_ALEN);
	frame->ethernet.ether_type = htons(ETHERTYPE_IPV6);
	frame->ip.ip6_vfc = 0x60;
	frame->ip.ip6_plen = htons(sizeof(*frame) - offsetof(struct advertisement_frame, advertisement));
	frame->ip.ip6_nxt = IPPROTO_ICMPV6;
	frame->ip.ip6_hlim = 255;
	memcpy(&frame->ip.ip6_src, address->bytes, 16);
	memcpy(&frame->ip.ip6_dst, all_nodes, 16);
	frame->advertisement.nd_na_type = ND_NEIGHBOR_ADVERT;
	frame->advertisement.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&frame->advertisement.nd_na_target, address->bytes, 16);
	frame->option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
	frame->option.nd_opt_len = 1;
	frame->mac = *mac;
	frame->advertisement.nd_na_cksum = checksum(frame);
	return sizeof(*frame);
}

int announce_addresses(int netns_fd, int index, const struct mac *mac, const struct address_list *addresses, struct berth_error *err)
{
	CLEAN_FD int fd = socket_in_namespace(netns_fd, AF_PACKET, SOCK_RAW, 0, err);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = index };

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->at[i];
		union { struct arp_frame arp; struct advertisement_frame advertisement; } frame;
		size_t length = address->family == AF_INET ? make_arp(mac, address, &frame.arp) : make_advertisement(mac, address, &frame.advertisement);
		char text[ADDRESS_TEXT_MAX];

		address_format(address, text);
		/* A network that is down has nobody to tell. */
		if (sendto(fd, &frame, length, 0, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != ENETDOWN)
			return fail_errno(err, "cannot announce %s", text);
	}
	return 0;
}
