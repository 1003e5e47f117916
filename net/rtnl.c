/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/rtnl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "net/netlink.h"

int rtnl_open(struct rtnl *rtnl, int netns_fd, struct berth_error *err)
{
	rtnl->socket = netlink_open(netns_fd, NETLINK_ROUTE, err);
	rtnl->sequence = (uint32_t)time(NULL);
	return rtnl->socket ? 0 : -err->code;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (rtnl->socket)
		mnl_socket_close(rtnl->socket);
	rtnl->socket = NULL;
}

struct nlmsghdr *rtnl_begin(struct rtnl *rtnl, void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	message->nlmsg_seq = ++rtnl->sequence;
	return message;
}

/* Until the acknowledgement: what comes before it is the answer. Returns what the acknowledgement says, *ret_answer being it. */
static int exchange(struct rtnl *rtnl, const struct nlmsghdr *message, char *buffer, size_t size, rtnl_reader read, void *data,
		    const struct nlmsghdr **ret_answer)
{
	bool dump = message->nlmsg_flags & NLM_F_DUMP;

	*ret_answer = NULL;
	if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(rtnl->socket, buffer, size);
		const struct nlmsghdr *answer = (const void *)buffer;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (int left = (int)got; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
			if (answer->nlmsg_seq != message->nlmsg_seq)
				continue;
			if (answer->nlmsg_type == NLMSG_DONE && dump)
				return 0;
			if (answer->nlmsg_type == NLMSG_ERROR) {
				*ret_answer = answer;
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
			}
			if (read)
				read(answer, data);
		}
	}
}

int rtnl_request(struct rtnl *rtnl, struct nlmsghdr *message, struct berth_error *err, const char *format, ...)
{
	const struct nlmsghdr *answer;
	const char *words;
	char buffer[8192], what[160];
	va_list arguments;
	int r = exchange(rtnl, message, buffer, sizeof(buffer), NULL, NULL, &answer);

	if (r == 0)
		return 0;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	words = answer ? netlink_words(answer) : NULL;
	return fail(err, BERTH_FAILED, -r, "cannot %s: %s%s%s", what, strerror(-r), words ? ": " : "", words ? words : "");
}

int rtnl_ask(struct rtnl *rtnl, struct nlmsghdr *message, rtnl_reader read, void *data)
{
	char buffer[32768];
	const struct nlmsghdr *answer;

	return exchange(rtnl, message, buffer, sizeof(buffer), read, data, &answer);
}
