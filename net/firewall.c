/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/firewall.h"

#include <arpa/inet.h>
#include <libnftnl/common.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/interface.h"
#include "net/netlink.h"
#include "net/ruleset.h"

int firewall_ensure(struct berth_error *err)
{
	CLEAN(nft_batch_free) struct nft_batch batch = { 0 };
	struct ruleset_found found;
	int r;

	ruleset_look(&found);
	if (found.present && !found.current)
		return fail(err, BERTH_FAILED, EEXIST, "the nftables tables " FIREWALL_TABLE " have not this Berth's rules; berthctl recover --network puts it right");
	if (found.present)
		return 0;
	nft_batch_begin(&batch);
	ruleset_put(&batch, false);
	r = nft_batch_commit(&batch, "make the tables " FIREWALL_TABLE, err);
	if (r != -EEXIST)
		return r;
	/* Made by another command at the same moment, or only some of the three are left. */
	ruleset_look(&found);
	return found.present && found.current ? 0 :
		fail(err, BERTH_FAILED, EEXIST, "the nftables tables " FIREWALL_TABLE " are not whole; berthctl recover --network puts it right");
}

/* --- what a container has -------------------------------------------------------------------------------------------------- */

enum statement { NO_STATEMENT, LIMIT_OVER, CONNECTIONS_OVER };

struct element {
	enum firewall_set set;
	enum statement statement;
	uint64_t number;
	uint8_t key[IFNAMSIZ + 16];
	uint8_t data[8];
};

struct element_list {
	struct element *at;
	size_t count, size;
	bool failed;
};

static void element_list_free(struct element_list *list)
{
	free(list->at);
}

static struct element *add(struct element_list *list, enum firewall_set set)
{
	static struct element nowhere;

	if (list->count == list->size) {
		size_t size = list->size ? list->size * 2 : 64;
		struct element *at = reallocarray(list->at, size, sizeof(*at));

		list->failed = list->failed || !at;
		if (!at)
			return &nowhere;
		list->at = at;
		list->size = size;
	}
	list->at[list->count] = (struct element){ .set = set };
	return &list->at[list->count++];
}

static void add_with_interface(struct element_list *list, enum firewall_set set, const char *interface, const void *bytes, size_t length)
{
	struct element *element = add(list, set);

	snprintf((char *)element->key, IFNAMSIZ, "%s", interface);
	memcpy(element->key + IFNAMSIZ, bytes, length);
}

static struct element *add_with_group(struct element_list *list, enum firewall_set set, uint32_t group)
{
	struct element *element = add(list, set);

	memcpy(element->key, &group, sizeof(group));
	return element;
}

static void add_bound(struct element_list *list, enum firewall_set set, uint32_t group, enum statement statement, uint64_t number)
{
	if (number == UNLIMITED)
		return;
	struct element *element = add_with_group(list, set, group);
	element->statement = statement;
	element->number = number;
}

static const uint16_t ether_types[] = { [TRAFFIC_IPV4] = ETHERTYPE_IP, [TRAFFIC_IPV6] = ETHERTYPE_IPV6 };

static void put_counter_key(uint8_t *key, uint32_t group, uint16_t ether_type)
{
	ether_type = htons(ether_type);
	memcpy(key, &group, sizeof(group));
	memcpy(key + 4, &ether_type, sizeof(ether_type));
}

static void add_counters(struct element_list *list, enum firewall_set first, uint32_t group)
{
	for (enum firewall_set set = first; set < first + 4; set++)
		for (size_t i = 0; i < ARRAY_LENGTH(ether_types); i++)
			put_counter_key(add(list, set)->key, group, ether_types[i]);
}

/* What is of the container and not of one interface. */
static void add_bounds(struct element_list *list, const struct container_config *config, bool bridge)
{
	uint32_t group = interface_group(config);

	add_bound(list, bridge ? SET_BRIDGE_PACKETS_IN : SET_PACKETS_IN, group, LIMIT_OVER, config->net_packets);
	add_bound(list, bridge ? SET_BRIDGE_PACKETS_OUT : SET_PACKETS_OUT, group, LIMIT_OVER, config->net_packets);
	if (config->smtp)
		(void)add_with_group(list, bridge ? SET_BRIDGE_SMTP : SET_SMTP, group);
	if (config->net_block)
		(void)add_with_group(list, bridge ? SET_BRIDGE_BLOCKED : SET_BLOCKED, group);
	add_counters(list, bridge ? SET_BRIDGE_IN_PUBLIC : SET_IN_PUBLIC, group);
	if (bridge)
		return;
	add_bound(list, SET_CONNECTIONS, group, CONNECTIONS_OVER, config->net_connections);
	add_bound(list, SET_CONNECTION_RATE, group, LIMIT_OVER, config->net_connection_rate);
}

static void add_routed(struct element_list *list, const struct container_config *config, const struct nic *nic, const char *interface)
{
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		const struct address *address = &nic->addresses.at[i];
		bool ipv4 = address->family == AF_INET;

		add_with_interface(list, ipv4 ? SET_NEIGHBOUR4 : SET_NEIGHBOUR6, interface, address->bytes, address_length(address));
		if (config->net_nat)
			memcpy(add(list, ipv4 ? SET_NAT4 : SET_NAT6)->key, address->bytes, address_length(address));
	}
}

static void add_bridged(struct element_list *list, const struct container_config *config, uint32_t index, const struct nic *nic,
			const char *interface)
{
	struct mac mac = interface_mac(config, index);
	struct address own = interface_link_local(&mac);

	add_with_interface(list, SET_BRIDGE_MAC, interface, mac.bytes, sizeof(mac.bytes));
	add_with_interface(list, SET_BRIDGE_SOURCE6, interface, own.bytes, 16);
	for (uint32_t i = 0; i < nic->addresses.count; i++) {
		const struct address *address = &nic->addresses.at[i];

		add_with_interface(list, address->family == AF_INET ? SET_BRIDGE_SOURCE4 : SET_BRIDGE_SOURCE6, interface, address->bytes,
				   address_length(address));
	}
}

static void add_forward(struct element_list *list, const struct address *to, uint8_t protocol, uint16_t host, uint16_t guest)
{
	struct element *element = add(list, SET_FORWARD4);

	element->key[0] = protocol;
	host = htons(host);
	guest = htons(guest);
	memcpy(element->key + 4, &host, sizeof(host));
	memcpy(element->data, to->bytes, 4);
	memcpy(element->data + 4, &guest, sizeof(guest));
}

static void add_forwards(struct element_list *list, const struct container_config *config)
{
	const struct address *to = address_list_first(&config->eth0.addresses, AF_INET);
	const struct port_block *block = &config->net_port_block;
	struct element *self;

	if (!to || config->eth0.mode != NET_ROUTED || (config->port_forward.count == 0 && !block->first))
		return;
	self = add(list, SET_HAIRPIN4);
	memcpy(self->key, to->bytes, 4);
	memcpy(self->key + 4, to->bytes, 4);
	for (uint32_t i = 0; i < config->port_forward.count; i++) {
		const struct port_forward *forward = &config->port_forward.at[i];

		for (uint16_t port = 0; port < forward->count; port++) {
			if (forward->protocols & PORT_TCP)
				add_forward(list, to, IPPROTO_TCP, (uint16_t)(forward->host + port), (uint16_t)(forward->guest + port));
			if (forward->protocols & PORT_UDP)
				add_forward(list, to, IPPROTO_UDP, (uint16_t)(forward->host + port), (uint16_t)(forward->guest + port));
		}
	}
	for (uint16_t port = 0; block->first && port < block->count; port++) {
		uint16_t own = (uint16_t)(block->first + port);

		add_forward(list, to, IPPROTO_TCP, own, port == 0 ? 22 : own);
		add_forward(list, to, IPPROTO_UDP, own, own);
	}
}

static void add_all(struct element_list *list, const struct container_config *config)
{
	bool routed = false, bridged = false;
	const struct nic *nic;

	for (uint32_t i = 0; config && (nic = config_nic(config, i)); i++) {
		char interface[IFNAMSIZ];

		if (!nic_exists(nic))
			continue;
		interface_name(config->id, i, interface);
		routed = routed || nic->mode == NET_ROUTED;
		bridged = bridged || nic->mode == NET_BRIDGE;
		if (nic->mode == NET_ROUTED)
			add_routed(list, config, nic, interface);
		else
			add_bridged(list, config, i, nic, interface);
	}
	if (routed) {
		add_bounds(list, config, false);
		add_forwards(list, config);
	}
	if (bridged)
		add_bounds(list, config, true);
}

/* --- into messages -------------------------------------------------------------------------------------------------------------- */

static struct nftnl_expr *statement_of(const struct element *element)
{
	struct nftnl_expr *expr;

	if (element->statement == CONNECTIONS_OVER) {
		expr = nftnl_expr_alloc("connlimit");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CONNLIMIT_COUNT, (uint32_t)element->number);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
		return expr;
	}
	/* A second's worth may come at once. */
	expr = nftnl_expr_alloc("limit");
	nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_RATE, element->number);
	nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_BURST, (uint32_t)element->number);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	return expr;
}

static void put(struct nft_batch *batch, uint16_t type, uint16_t flags, const struct element *element)
{
	const struct firewall_set_row *row = &firewall_sets[element->set];
	struct nlmsghdr *message = nft_batch_message(batch, row->family, type, flags);
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elem *one = nftnl_set_elem_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, row->name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, row->family);
	nftnl_set_elem_set(one, NFTNL_SET_ELEM_KEY, element->key, row->key_length);
	if (row->data_length)
		nftnl_set_elem_set(one, NFTNL_SET_ELEM_DATA, element->data, row->data_length);
	if (element->statement && type == NFT_MSG_NEWSETELEM)
		nftnl_set_elem_add_expr(one, statement_of(element));
	nftnl_set_elem_add(set, one);
	if (message)
		nftnl_set_elems_nlmsg_build_payload(message, set);
	nft_batch_end_message(batch, message);
	nftnl_set_free(set);
}

static bool has(const struct element_list *list, const struct element *element)
{
	for (size_t i = 0; i < list->count; i++)
		if (!memcmp(&list->at[i], element, sizeof(*element)))
			return true;
	return false;
}

int firewall_change(const struct container_config *old, const struct container_config *new, struct berth_error *err)
{
	CLEAN(element_list_free) struct element_list before = { 0 }, after = { 0 };
	CLEAN(nft_batch_free) struct nft_batch batch = { 0 };
	int r;

	add_all(&before, old);
	add_all(&after, new);
	if (before.failed || after.failed)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	nft_batch_begin(&batch);
	for (size_t i = 0; i < before.count; i++) {
		if (has(&after, &before.at[i]))
			continue;
		/* Added first, which is nothing if it is there: so that one that is not there is no error for the whole batch. */
		put(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &before.at[i]);
		put(&batch, NFT_MSG_DELSETELEM, 0, &before.at[i]);
	}
	for (size_t i = 0; i < after.count; i++)
		put(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &after.at[i]);
	if (before.count + after.count == 0)
		return 0;
	r = nft_batch_commit(&batch, new ? "let the container's addresses in" : "take the container out of the firewall", err);
	/* No table: nothing of it is left. */
	return r == -ENOENT && !new ? 0 : r;
}

int firewall_rebuild(const struct container_config *const configs[], size_t count, struct berth_error *err)
{
	CLEAN(nft_batch_free) struct nft_batch batch = { 0 };

	nft_batch_begin(&batch);
	ruleset_put(&batch, true);
	for (size_t i = 0; i < count; i++) {
		CLEAN(element_list_free) struct element_list list = { 0 };

		add_all(&list, configs[i]);
		if (list.failed)
			return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
		for (size_t j = 0; j < list.count; j++)
			put(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &list.at[j]);
	}
	return nft_batch_commit(&batch, "make the tables " FIREWALL_TABLE, err);
}

/* --- counters ---------------------------------------------------------------------------------------------------------------------- */

static int add_bytes(struct nftnl_expr *expr, void *data)
{
	if (nftnl_expr_is_set(expr, NFTNL_EXPR_CTR_BYTES))
		*(uint64_t *)data += nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES);
	return 0;
}

static int read_counter(struct mnl_socket *socket, enum firewall_set set, uint32_t group, uint16_t ether_type, uint64_t *bytes)
{
	const struct firewall_set_row *row = &firewall_sets[set];
	struct nftnl_set *list = nftnl_set_alloc();
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	char buffer[8192];
	uint8_t key[8] = { 0 };
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, row->family, 0, 1);
	ssize_t got = -1;
	int r = 0;

	put_counter_key(key, group, ether_type);
	nftnl_set_set_str(list, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(list, NFTNL_SET_NAME, row->name);
	nftnl_set_set_u32(list, NFTNL_SET_FAMILY, row->family);
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, row->key_length);
	nftnl_set_elem_add(list, element);
	nftnl_set_elems_nlmsg_build_payload(message, list);
	nftnl_set_free(list);
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) >= 0)
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (got < 0)
		return -errno;
	message = (struct nlmsghdr *)buffer;
	if (!mnl_nlmsg_ok(message, (int)got))
		return -EIO;
	if (message->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
	list = nftnl_set_alloc();
	struct nftnl_set_elems_iter *iterator = NULL;
	if (nftnl_set_elems_nlmsg_parse(message, list) < 0 || !(iterator = nftnl_set_elems_iter_create(list)))
		r = -EIO;
	for (; iterator && (element = nftnl_set_elems_iter_next(iterator));)
		nftnl_set_elem_expr_foreach(element, add_bytes, bytes);
	if (iterator)
		nftnl_set_elems_iter_destroy(iterator);
	nftnl_set_free(list);
	return r;
}

static int read_table(struct mnl_socket *socket, enum firewall_set first, uint32_t group, struct traffic_counters *counters)
{
	/* The order of the sets. */
	static const int ways[4][2] = { { TRAFFIC_IN, TRAFFIC_PUBLIC }, { TRAFFIC_IN, TRAFFIC_INTERNAL }, { TRAFFIC_OUT, TRAFFIC_PUBLIC },
					{ TRAFFIC_OUT, TRAFFIC_INTERNAL } };
	int r = 0;

	for (size_t way = 0; r == 0 && way < ARRAY_LENGTH(ways); way++)
		for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(ether_types); i++)
			r = read_counter(socket, first + (enum firewall_set)way, group, ether_types[i], &counters->bytes[ways[way][0]][ways[way][1]][i]);
	return r;
}

int firewall_read_counters(const struct container_config *config, struct traffic_counters *ret, uint64_t *ret_handle, struct berth_error *err)
{
	bool modes[2] = { false, false };
	struct ruleset_found found;
	struct mnl_socket *socket;
	const struct nic *nic;
	int r = 0;

	for (uint32_t i = 0; (nic = config_nic(config, i)); i++)
		if (nic_exists(nic))
			modes[nic->mode == NET_BRIDGE] = true;
	ruleset_look(&found);
	if (!found.present)
		return -ENOENT;
	socket = netlink_open(-1, NETLINK_NETFILTER, err);
	if (!socket)
		return -err->code;
	memset(ret, 0, sizeof(*ret));
	if (modes[0])
		r = read_table(socket, SET_IN_PUBLIC, interface_group(config), ret);
	if (r == 0 && modes[1])
		r = read_table(socket, SET_BRIDGE_IN_PUBLIC, interface_group(config), ret);
	mnl_socket_close(socket);
	*ret_handle = found.handle;
	if (r < 0)
		(void)fail(err, BERTH_FAILED, -r, "cannot read the container's traffic counters: %s", strerror(-r));
	return r;
}
