/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/addresses.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/claimed.h"

/* --- names of claims: the address as text, a prefix with '_' for its slash, what is a bridge's with "@BRIDGE.VLAN" -------------- */

#define CLAIM_NAME_MAX (ADDRESS_TEXT_MAX + INTERFACE_NAME_MAX + 8)

static void name_claim(const struct owned_address *owned, char name[static CLAIM_NAME_MAX])
{
	char *slash;

	address_format(&owned->address, name);
	slash = strchr(name, '/');
	if (slash)
		*slash = '_';
	if (owned->bridge[0])
		snprintf(name + strlen(name), CLAIM_NAME_MAX - strlen(name), "@%s.%u", owned->bridge, (unsigned int)owned->vlan);
}

static bool same(const struct owned_address *a, const struct owned_address *b)
{
	return a->address.prefix == b->address.prefix && address_equal(&a->address, &b->address) && !strcmp(a->bridge, b->bridge) && a->vlan == b->vlan;
}

static int compare(const struct owned_address *owned, void *data)
{
	return same(owned, data);
}

static bool is_listed(const struct container_config *config, const void *item)
{
	struct owned_address owned = *(const struct owned_address *)item;

	return config_each_address(config, compare, &owned);
}

/* --- one of them --------------------------------------------------------------------------------------------------------------- */

struct claiming {
	const struct berth *berth;
	const char *owner;
	int directory;
	const struct container_config *except;	/* what is listed there is left alone; may be NULL */
	struct owned_address failed;		/* the one that could not be had; family 0: none */
	struct berth_error *err;
};

/* An address of the host that is the address, or in the prefix; on a bridge, of the bridge. */
static bool host_has(const struct owned_address *owned)
{
	const struct address *wanted = &owned->address;
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
		struct address address = { 0 };

		if (!one->ifa_addr || one->ifa_addr->sa_family != wanted->family || (owned->bridge[0] && strcmp(one->ifa_name, owned->bridge) != 0))
			continue;
		address.family = wanted->family;
		if (wanted->family == AF_INET)
			memcpy(address.bytes, &((struct sockaddr_in *)(void *)one->ifa_addr)->sin_addr, 4);
		else
			memcpy(address.bytes, &((struct sockaddr_in6 *)(void *)one->ifa_addr)->sin6_addr, 16);
		found = wanted->prefix ? prefix_contains(wanted, &address) : address_equal(wanted, &address);
	}
	freeifaddrs(all);
	return found;
}

/* A prefix of another container that it lies in: as many looks as an address has bits. */
static int check_around(const struct claiming *claiming, const struct owned_address *owned)
{
	const struct address *address = &owned->address;
	size_t length = address->prefix ? address->prefix : address_length(address) * 8;
	struct owned_address around = *owned;

	while (length-- > 8) {
		char name[CLAIM_NAME_MAX], holder[CLAIM_OWNER_MAX], text[ADDRESS_TEXT_MAX];

		around.address.prefix = (uint8_t)length;
		around.address.bytes[length / 8] &= (uint8_t)(0xff00 >> length % 8);
		name_claim(&around, name);
		if (!claimed_by_other(claiming->berth, claiming->directory, name, claiming->owner, is_listed, &around, holder))
			continue;
		address_format(address, text);
		*strchr(name, '_') = '/';
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s is in %s, which is routed to %s", owned->key, text, name, holder);
	}
	return 0;
}

/* Addresses and prefixes of other containers in it. */
static int check_within(const struct claiming *claiming, const struct owned_address *owned)
{
	const struct address *prefix = &owned->address;
	CLEAN_DIR DIR *dir = list_directory(claiming->directory);
	struct dirent *entry;

	if (!dir)
		return fail_errno(claiming->err, "cannot list the claims on addresses");
	while ((entry = readdir(dir))) {
		char name[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX], text[ADDRESS_TEXT_MAX], why[128], *slash;
		struct owned_address within = { .vlan = 0 };
		struct address_list list = { 0 };

		if (strlen(entry->d_name) >= sizeof(name))
			continue;
		strcpy(name, entry->d_name);
		slash = strchr(name, '_');
		if (slash)
			*slash = '/';
		if (!type_INTERFACE_ADDRESSES.parse(name, &list, why, sizeof(why)) || !prefix_contains(prefix, &list.at[0]) ||
		    (list.at[0].prefix && list.at[0].prefix <= prefix->prefix))
			continue;
		within.address = list.at[0];
		if (!claimed_by_other(claiming->berth, claiming->directory, entry->d_name, claiming->owner, is_listed, &within, holder))
			continue;
		address_format(prefix, text);
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s in %s is in use by %s", owned->key, name, text, holder);
	}
	return 0;
}

static int claim_one(const struct owned_address *owned, void *data)
{
	struct claiming *claiming = data;
	char name[CLAIM_NAME_MAX], text[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX];
	int r;

	if (claiming->except && is_listed(claiming->except, owned))
		return 0;
	name_claim(owned, name);
	address_format(&owned->address, text);
	if (host_has(owned))
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, owned->address.prefix ? "%s: %s has an address of this host in it" :
			    "%s: %s is an address of this host", owned->key, text);
	r = claimed_take(claiming->berth, claiming->directory, name, claiming->owner, is_listed, owned, holder, claiming->err);
	if (r == -EEXIST)
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s is in use by %s", owned->key, text, holder);
	/* Claimed first and looked around then: of two commands at once, one or both see the other's. Prefixes are of routed mode. */
	if (r == 0 && !owned->bridge[0])
		r = check_around(claiming, owned);
	if (r == 0 && owned->address.prefix)
		r = check_within(claiming, owned);
	if (r < 0) {
		struct berth_error ignored;

		(void)claim_release(claiming->directory, name, claiming->owner, &ignored);
	}
	return r;
}

static int claim_or_remember(const struct owned_address *owned, void *data)
{
	int r = claim_one(owned, data);

	if (r < 0)
		((struct claiming *)data)->failed = *owned;
	return r;
}

static int release_one(const struct owned_address *owned, void *data)
{
	struct claiming *claiming = data;
	char name[CLAIM_NAME_MAX];

	/* Undoing: this is the one that could not be had. */
	if (same(owned, &claiming->failed))
		return 1;
	if (claiming->except && is_listed(claiming->except, owned))
		return 0;
	name_claim(owned, name);
	return claim_release(claiming->directory, name, claiming->owner, claiming->err);
}

int addresses_claim(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		    struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_ADDRESSES, err);
	struct claiming claiming = { berth, owner, directory, except, { .vlan = 0 }, err };
	struct berth_error ignored;
	int r;

	if (directory < 0)
		return directory;
	r = config_each_address(config, claim_or_remember, &claiming);
	if (r == 0)
		return 0;
	claiming.err = &ignored;
	(void)config_each_address(config, release_one, &claiming);
	return r;
}

int addresses_release(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		      struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_ADDRESSES, err);
	struct claiming claiming = { berth, owner, directory, except, { .vlan = 0 }, err };

	return directory < 0 ? directory : config_each_address(config, release_one, &claiming);
}
