/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uses what a guest may have been given: makes a tun interface, mounts a FUSE filesystem, makes an nftables table. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int use_tun(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return fail("tun");
	printf("made %s\n", request.ifr_name);
	return 0;
}

static int use_fuse(void)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR);

	mkdir("/tmp/fuse", 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || mount("gifts", "/tmp/fuse", "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return fail("fuse");
	umount2("/tmp/fuse", MNT_DETACH);
	printf("mounted\n");
	return 0;
}

/* Mounts over a directory a filesystem that answers the kernel's greeting and nothing else. */
static int stall(const char *directory)
{
	struct { uint32_t length, opcode; uint64_t unique; char more[65536]; } request;
	struct { uint32_t length; int32_t error; uint64_t unique; uint32_t major, minor, readahead, flags; char more[40]; } answer = { .length = 0 };
	char options[128];
	int fd = open("/dev/fuse", O_RDWR);

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (fd < 0 || mount("gifts", directory, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return fail("fuse");
	if (read(fd, &request, sizeof(request)) <= 0)
		return fail("greeting");
	answer.length = sizeof(answer);
	answer.unique = request.unique;
	answer.major = 7;
	answer.minor = 31;
	if (write(fd, &answer, sizeof(answer)) < 0)
		return fail("answer");
	for (;;)
		pause();
}

/* NEWTABLE inet "guest", in a batch. */
static int use_nft(void)
{
	struct {
		struct nlmsghdr begin; struct nfgenmsg begin_gen;
		struct nlmsghdr table; struct nfgenmsg table_gen; struct nlattr name; char text[8];
		struct nlmsghdr end; struct nfgenmsg end_gen;
	} batch = {
		.begin = { 20, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, 0 }, .begin_gen = { AF_UNSPEC, NFNETLINK_V0, 0x0a00 },
		.table = { 32, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, 1, 0 },
		.table_gen = { 1 /* inet */, NFNETLINK_V0, 0 }, .name = { 12, NFTA_TABLE_NAME }, .text = "guest",
		.end = { 20, NFNL_MSG_BATCH_END, NLM_F_REQUEST, 2, 0 }, .end_gen = { AF_UNSPEC, NFNETLINK_V0, 0x0a00 },
	};
	struct { struct nlmsghdr header; struct nlmsgerr error; char more[256]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	if (fd < 0 || send(fd, &batch, sizeof(batch), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		return fail("nft");
	if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error) {
		printf("nft: %s\n", strerror(-answer.error.error));
		return 1;
	}
	printf("table made\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "tun"))
		return use_tun();
	if (argc == 2 && !strcmp(argv[1], "fuse"))
		return use_fuse();
	if (argc == 3 && !strcmp(argv[1], "stall"))
		return stall(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "nft"))
		return use_nft();
	return 2;
}
