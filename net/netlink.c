/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/netlink.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int socket_in_namespace(int netns_fd, int domain, int type, int protocol, struct berth_error *err)
{
	CLEAN_FD int own = -EBADF;
	int fd, code;

	if (netns_fd >= 0) {
		own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (own < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
			return fail_errno(err, "cannot enter the container's network namespace");
	}
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	code = errno;
	/* Nothing can take from us the namespace we came from; a process in the wrong one must not go on. */
	if (netns_fd >= 0 && setns(own, CLONE_NEWNET) < 0)
		abort();
	errno = code;
	return fd < 0 ? fail_errno(err, "cannot open a socket") : fd;
}

struct mnl_socket *netlink_open(int netns_fd, int protocol, struct berth_error *err)
{
	int on = 1, fd = socket_in_namespace(netns_fd, AF_NETLINK, SOCK_RAW, protocol, err);
	struct mnl_socket *netlink = fd < 0 ? NULL : mnl_socket_fdopen(fd);

	if (fd < 0)
		return NULL;
	if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		(void)fail_errno(err, "cannot open a netlink socket");
		if (netlink)
			mnl_socket_close(netlink);
		else
			close(fd);
		return NULL;
	}
	/* Linux 4.12; older kernels answer with the number alone. */
	(void)mnl_socket_setsockopt(netlink, NETLINK_EXT_ACK, &on, sizeof(on));
	return netlink;
}

/* Attributes follow the echoed header. */
const char *netlink_words(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*error);
	const struct nlattr *attribute;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	if (skip > mnl_nlmsg_get_payload_len(answer))
		return NULL;
	attribute = mnl_nlmsg_get_payload_offset(answer, skip);
	while (mnl_attr_ok(attribute, (int)((const char *)mnl_nlmsg_get_payload_tail(answer) - (const char *)attribute))) {
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
			return mnl_attr_get_str(attribute);
		attribute = mnl_attr_next(attribute);
	}
	return NULL;
}
