/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/ports.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "container/claimed.h"

struct port {
	uint8_t protocol;	/* PORT_TCP or PORT_UDP */
	uint16_t number;
};

static const char *protocol_name(uint8_t protocol)
{
	return protocol == PORT_TCP ? "tcp" : "udp";
}

/* --- which ports a configuration has --------------------------------------------------------------------------------------- */

typedef int (*port_function)(struct port port, const char *key, void *data);

static int each_of(uint16_t first, uint16_t count, uint8_t protocols, const char *key, port_function function, void *data)
{
	static const uint8_t each[] = { PORT_TCP, PORT_UDP };
	int r = 0;

	for (uint16_t i = 0; r == 0 && i < count; i++)
		for (size_t p = 0; r == 0 && p < ARRAY_LENGTH(each); p++)
			if (protocols & each[p])
				r = function((struct port){ each[p], (uint16_t)(first + i) }, key, data);
	return r;
}

static int each_port(const struct container_config *config, port_function function, void *data)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < config->port_forward.count; i++) {
		const struct port_forward *forward = &config->port_forward.at[i];

		r = each_of(forward->host, forward->count, forward->protocols, "port-forward", function, data);
	}
	if (r == 0 && config->net_port_block.first)
		r = each_of(config->net_port_block.first, config->net_port_block.count, PORT_TCP | PORT_UDP, "net-port-block", function, data);
	return r;
}

static bool in_range(uint16_t first, uint16_t count, uint16_t number)
{
	return number >= first && number - first < count;
}

static bool is_listed(const struct container_config *config, const void *item)
{
	const struct port *port = item;

	for (uint32_t i = 0; i < config->port_forward.count; i++) {
		const struct port_forward *forward = &config->port_forward.at[i];

		if (forward->protocols & port->protocol && in_range(forward->host, forward->count, port->number))
			return true;
	}
	return config->net_port_block.first && in_range(config->net_port_block.first, config->net_port_block.count, port->number);
}

/* --- one of them -------------------------------------------------------------------------------------------------------------------- */

struct claiming {
	const struct berth *berth;
	const char *owner;
	int directory;
	const struct container_config *except;
	struct port failed;		/* the one that could not be had; number 0: none */
	struct berth_error *err;
};

/* The kernel knows: what cannot be bound is a listener's, or a connection's. */
static bool host_listens(struct port port)
{
	CLEAN_FD int fd = socket(AF_INET6, (port.protocol == PORT_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port.number) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port.number) };
	bool ipv6 = fd >= 0;
	int on = 1, off = 0;

	if (!ipv6)
		fd = socket(AF_INET, (port.protocol == PORT_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (ipv6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* With it TCP's ended connections are in nobody's way; UDP would let two have the port. */
	if (port.protocol == PORT_TCP)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd >= 0 && bind(fd, ipv6 ? (struct sockaddr *)&any6 : (struct sockaddr *)&any4, ipv6 ? sizeof(any6) : sizeof(any4)) < 0 &&
	       errno == EADDRINUSE;
}

static void name_claim(struct port port, char name[static 24])
{
	snprintf(name, 24, "%u_%s", port.number, protocol_name(port.protocol));
}

static int claim_one(struct port port, const char *key, void *data)
{
	struct claiming *claiming = data;
	char name[24], holder[CLAIM_OWNER_MAX];
	int r;

	if (claiming->except && is_listed(claiming->except, &port))
		return 0;
	name_claim(port, name);
	if (host_listens(port))
		r = fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: a program of this host has port %u/%s", key, port.number, protocol_name(port.protocol));
	else
		r = claimed_take(claiming->berth, claiming->directory, name, claiming->owner, is_listed, &port, holder, claiming->err);
	if (r == -EEXIST)
		r = fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: port %u/%s is in use by %s", key, port.number, protocol_name(port.protocol), holder);
	if (r < 0)
		claiming->failed = port;
	return r;
}

static int release_one(struct port port, const char *key, void *data)
{
	struct claiming *claiming = data;
	char name[24];

	(void)key;
	/* Undoing: from here on nothing was claimed. */
	if (claiming->failed.number == port.number && claiming->failed.protocol == port.protocol)
		return 1;
	if (claiming->except && is_listed(claiming->except, &port))
		return 0;
	name_claim(port, name);
	return claim_release(claiming->directory, name, claiming->owner, claiming->err);
}

int ports_claim(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_PORTS, err);
	struct claiming claiming = { berth, owner, directory, except, { 0 }, err };
	struct berth_error ignored;
	int r;

	if (directory < 0)
		return directory;
	r = each_port(config, claim_one, &claiming);
	if (r == 0)
		return 0;
	claiming.err = &ignored;
	(void)each_port(config, release_one, &claiming);
	return r;
}

int ports_release(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		  struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_PORTS, err);
	struct claiming claiming = { berth, owner, directory, except, { 0 }, err };

	return directory < 0 ? directory : each_port(config, release_one, &claiming);
}

/* --- blocks ---------------------------------------------------------------------------------------------------------------------------- */

/* A number that differs from name to name: two commands at once, and one after many, do not try the same blocks. */
static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

int ports_choose_block(const struct berth *berth, const char *owner, const struct policy *policy, struct container_config *config,
		       struct berth_error *err)
{
	uint32_t count = config->net_port_block.count, room = (uint32_t)policy->port_range.last - policy->port_range.first + 1;
	uint32_t blocks = count ? room / count : 0, start = blocks ? hash_name(owner) % blocks : 0;

	if (!count || config->net_port_block.first)
		return 0;
	for (uint32_t i = 0; i < blocks; i++) {
		struct container_config alone = { .net_port_block = { (uint16_t)(policy->port_range.first + (start + i) % blocks * count), (uint16_t)count } };
		int r = 0;

		for (uint32_t j = 0; r == 0 && j < config->port_forward.count; j++)
			r = config->port_forward.at[j].host < alone.net_port_block.first + count &&
			    alone.net_port_block.first < config->port_forward.at[j].host + config->port_forward.at[j].count;
		if (r == 0)
			r = ports_claim(berth, owner, &alone, NULL, err);
		if (r == 0) {
			config->net_port_block = alone.net_port_block;
			return 0;
		}
		if (r < 0 && r != -EADDRINUSE)
			return r;
	}
	return fail(err, BERTH_REFUSED, ENOSPC, "net-port-block: no %u ports in a row are left from %u to %u; port-range in berth.conf widens it", count,
		    policy->port_range.first, policy->port_range.last);
}
