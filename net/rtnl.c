/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/rtnl.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int saved = errno;

		mnl_socket_close(socket);
		errno = saved;
		return NULL;
	}
	return socket;
}

int rtnl_open(struct rtnl *rtnl, int netns_fd, struct berth_error *err)
{
	CLEAN_FD int own = -EBADF;
	int on = 1;

	if (netns_fd >= 0) {
		own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (own < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
			return fail_errno(err, "cannot enter the container's network namespace");
	}
	rtnl->socket = open_socket();
	int code = errno;
	/* Nothing can take from us the namespace we came from; a process in the wrong one must not go on. */
	if (netns_fd >= 0 && setns(own, CLONE_NEWNET) < 0)
		abort();
	if (!rtnl->socket) {
		errno = code;
		return fail_errno(err, "cannot open a routing socket");
	}
	/* Linux 4.12; older kernels answer with the number alone. */
	(void)mnl_socket_setsockopt(rtnl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	rtnl->sequence = (uint32_t)time(NULL);
	return 0;
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

/* The text of the extended ack, if the kernel sent one: attributes follow the echoed header. */
static const char *kernel_words(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*error);
	const struct nlattr *attribute;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	attribute = mnl_nlmsg_get_payload_offset(answer, skip);
	while (mnl_attr_ok(attribute, (int)((const char *)mnl_nlmsg_get_payload_tail(answer) - (const char *)attribute))) {
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
			return mnl_attr_get_str(attribute);
		attribute = mnl_attr_next(attribute);
	}
	return NULL;
}

int rtnl_request(struct rtnl *rtnl, struct nlmsghdr *message, struct berth_error *err, const char *format, ...)
{
	char buffer[8192];
	char what[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
		return fail_errno(err, "cannot %s: netlink", what);
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(rtnl->socket, buffer, sizeof(buffer));
		const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(err, "cannot %s: netlink", what);
		for (int left = (int)got; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
			const char *words;

			if (answer->nlmsg_seq != message->nlmsg_seq || answer->nlmsg_type != NLMSG_ERROR)
				continue;
			if (error->error == 0)
				return 0;
			words = kernel_words(answer);
			return fail(err, BERTH_FAILED, -error->error, "cannot %s: %s%s%s", what, strerror(-error->error),
				    words ? ": " : "", words ? words : "");
		}
	}
}
