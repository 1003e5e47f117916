/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of the kernel's netlink. The input is a list of "length (two bytes), bytes": what one read of the socket gives. The socket is replaced
 * at link time. Sequence numbers are made to fit. Of nftables' tables and elements only what is in them is the input's: libnftnl ends a program that is
 * given an attribute of the wrong type.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/types.h>

#include "config/config.h"
#include "fuzz.h"
#include "net/firewall.h"
#include "net/link.h"
#include "net/netlink.h"
#include "net/nft.h"
#include "net/ruleset.h"

static const uint8_t *input;
static size_t left;
static uint32_t sequence;
static uint16_t request_type;

struct mnl_socket *__wrap_netlink_open(int netns_fd, int protocol, struct berth_error *err);
int __wrap_mnl_socket_close(struct mnl_socket *socket);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t length);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);

struct mnl_socket *__wrap_netlink_open(int netns_fd, int protocol, struct berth_error *err)
{
	(void)netns_fd;
	(void)protocol;
	(void)err;
	return (struct mnl_socket *)&input;
}

int __wrap_mnl_socket_close(struct mnl_socket *socket)
{
	(void)socket;
	return 0;
}

int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket)
{
	(void)socket;
	return -1;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t length)
{
	(void)socket;
	sequence = ((const struct nlmsghdr *)request)->nlmsg_seq;
	request_type = ((const struct nlmsghdr *)request)->nlmsg_type;
	return (ssize_t)length;
}

/* Whose it is, is root's to say: the userdata can be anything. */
static ssize_t put_table(void *buffer, const uint8_t *data, size_t length)
{
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_NEWTABLE, NFPROTO_INET, 0, sequence);
	struct nftnl_table *table = nftnl_table_alloc();

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, FIREWALL_TABLE);
	nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, 0);
	if (length > 0)
		nftnl_table_set_data(table, NFTNL_TABLE_USERDATA, data, (uint32_t)(length < 256 ? length : 256));
	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	return (ssize_t)message->nlmsg_len;
}

static ssize_t put_element(void *buffer, const uint8_t *data, size_t length)
{
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_NEWSETELEM, NFPROTO_INET, 0, sequence);
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	struct nftnl_expr *counter = nftnl_expr_alloc("counter");
	uint64_t bytes = 0;

	memcpy(&bytes, data, length < sizeof(bytes) ? length : sizeof(bytes));
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, bytes);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, "in_public");
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, "12345678", 8);
	nftnl_set_elem_add_expr(element, counter);
	nftnl_set_elem_add(set, element);
	nftnl_set_elems_nlmsg_build_payload(message, set);
	nftnl_set_free(set);
	return (ssize_t)message->nlmsg_len;
}

/* What is behind the answer is zero: text that the kernel ends, ends. */
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	const uint8_t *data;
	size_t length;

	(void)socket;
	memset(buffer, 0, size);
	if (left < 2) {
		errno = EAGAIN;
		return -1;
	}
	length = (size_t)(input[0] | input[1] << 8);
	input += 2;
	left -= 2;
	length = length < left ? length : left;
	length = length < size / 2 ? length : size / 2;
	data = input;
	input += length;
	left -= length;
	if (request_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE))
		return put_table(buffer, data, length);
	if (request_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM) && length % 8)
		return put_element(buffer, data, length);
	memcpy(buffer, data, length);
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= length;) {
		struct nlmsghdr *message = (struct nlmsghdr *)((char *)buffer + at);

		message->nlmsg_seq = sequence;
		/* libmnl takes it for a signed number. */
		message->nlmsg_len &= INT32_MAX;
		if (request_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM))
			message->nlmsg_type = NLMSG_ERROR;
		if (message->nlmsg_len < sizeof(*message))
			break;
		/* The kernel's errors are such. */
		if (message->nlmsg_type == NLMSG_ERROR && at + sizeof(*message) + sizeof(int) <= size)
			*(int *)mnl_nlmsg_get_payload(message) %= 4096;
		at += MNL_ALIGN((size_t)message->nlmsg_len);
	}
	return (ssize_t)length;
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
	(void)fd;
	(void)flags;
	return __wrap_mnl_socket_recvfrom(NULL, buffer, size);
}

static void rewind_to(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
}

/* In memory of just that size: a byte more would be found out. */
static void check_words(const uint8_t *data, size_t size)
{
	struct nlmsghdr *message;
	const char *words;

	if (size < sizeof(*message) + sizeof(struct nlmsgerr))
		return;
	message = malloc(size);
	must(message);
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size;
	words = netlink_words(message);
	must(!words || (words > (const char *)message && words <= (const char *)message + size));
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_config *config = malloc(sizeof(*config));
	struct nft_batch batch;
	struct rtnl rtnl = { (struct mnl_socket *)&input, 7 };
	struct traffic_counters counters;
	struct ruleset_found ruleset;
	struct link_found found;
	struct berth_error err;
	uint64_t handle;
	int r;

	must(config);
	check_words(data, size);
	rewind_to(data, size);
	link_find(&rtnl, "ve-1", &found);
	must(memchr(found.kind, 0, sizeof(found.kind)));
	rewind_to(data, size);
	r = link_up(&rtnl, 1, "ve-1", &err);
	must(r == 0 || memchr(err.text, 0, sizeof(err.text)));
	rewind_to(data, size);
	ruleset_look(&ruleset);
	must(ruleset.present || !ruleset.current);
	config_init(config);
	config->id = 5;
	config->eth0.mode = NET_BRIDGE;
	rewind_to(data, size);
	(void)firewall_read_counters(config, &counters, &handle, &err);
	rewind_to(data, size);
	request_type = 0;
	nft_batch_begin(&batch);
	r = nft_batch_commit(&batch, "try", &err);
	must(r == 0 || memchr(err.text, 0, sizeof(err.text)));
	nft_batch_free(&batch);
	free(config);
	return 0;
}
