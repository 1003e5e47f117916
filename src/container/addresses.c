/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/addresses.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/claimed.h"

/* --- names of claims: the address as text, a prefix with '_' for its slash ---------------------------------------------- */

static void name_claim(const struct address *address, char name[static ADDRESS_TEXT_MAX])
{
	char *slash;

	address_format(address, name);
	slash = strchr(name, '/');
	if (slash)
		*slash = '_';
}

static int compare(const struct address *address, const char *key, void *data)
{
	const struct address *wanted = data;

	(void)key;
	return address->prefix == wanted->prefix && address_equal(address, wanted);
}

static bool is_listed(const struct container_config *config, const void *item)
{
	struct address address = *(const struct address *)item;

	return config_each_address(config, compare, &address);
}

/* --- one of them --------------------------------------------------------------------------------------------------------------- */

struct claiming {
	const struct berth *berth;
	const char *owner;
	int directory;
	const struct container_config *except;	/* what is listed there is left alone; may be NULL */
	struct address failed;			/* the one that could not be had; family 0: none */
	struct berth_error *err;
};

/* An address of the host that is the address, or in the prefix. */
static bool host_has(const struct address *wanted)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
		struct address address = { 0 };

		if (!one->ifa_addr || one->ifa_addr->sa_family != wanted->family)
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
static int check_around(const struct claiming *claiming, const char *key, const struct address *address)
{
	size_t length = address->prefix ? address->prefix : address_length(address) * 8;
	struct address around = *address;

	while (length-- > 8) {
		char name[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX], text[ADDRESS_TEXT_MAX];

		around.prefix = (uint8_t)length;
		around.bytes[length / 8] &= (uint8_t)(0xff00 >> length % 8);
		name_claim(&around, name);
		if (!claimed_by_other(claiming->berth, claiming->directory, name, claiming->owner, is_listed, &around, holder))
			continue;
		address_format(address, text);
		*strchr(name, '_') = '/';
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s is in %s, which is routed to %s", key, text, name, holder);
	}
	return 0;
}

/* Addresses and prefixes of other containers in it. */
static int check_within(const struct claiming *claiming, const char *key, const struct address *prefix)
{
	int own = openat(claiming->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_DIR DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;

	if (!dir)
		return fail_errno(claiming->err, "cannot list the claims on addresses");
	while ((entry = readdir(dir))) {
		char name[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX], text[ADDRESS_TEXT_MAX], why[128], *slash;
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
		if (!claimed_by_other(claiming->berth, claiming->directory, entry->d_name, claiming->owner, is_listed, &list.at[0], holder))
			continue;
		address_format(prefix, text);
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s in %s is in use by %s", key, name, text, holder);
	}
	return 0;
}

static int claim_one(const struct address *address, const char *key, void *data)
{
	struct claiming *claiming = data;
	char name[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX];
	int r;

	if (claiming->except && is_listed(claiming->except, address))
		return 0;
	name_claim(address, name);
	address_format(address, text);
	if (host_has(address))
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, address->prefix ? "%s: %s has an address of this host in it" :
			    "%s: %s is an address of this host", key, text);
	r = claimed_take(claiming->berth, claiming->directory, name, claiming->owner, is_listed, address, holder, claiming->err);
	if (r == -EEXIST)
		return fail(claiming->err, BERTH_EXISTS, EADDRINUSE, "%s: %s is in use by %s", key, text, holder);
	/* Claimed first and looked around then: of two commands at once, one or both see the other's. */
	if (r == 0)
		r = check_around(claiming, key, address);
	if (r == 0 && address->prefix)
		r = check_within(claiming, key, address);
	if (r < 0) {
		struct berth_error ignored;

		(void)claim_release(claiming->directory, name, claiming->owner, &ignored);
	}
	return r;
}

static int claim_or_remember(const struct address *address, const char *key, void *data)
{
	int r = claim_one(address, key, data);

	if (r < 0)
		((struct claiming *)data)->failed = *address;
	return r;
}

static int release_one(const struct address *address, const char *key, void *data)
{
	struct claiming *claiming = data;
	char name[ADDRESS_TEXT_MAX];

	(void)key;
	/* Undoing: this is the one that could not be had. */
	if (address->prefix == claiming->failed.prefix && address_equal(address, &claiming->failed))
		return 1;
	if (claiming->except && is_listed(claiming->except, address))
		return 0;
	name_claim(address, name);
	return claim_release(claiming->directory, name, claiming->owner, claiming->err);
}

int addresses_claim(const struct berth *berth, const char *owner, const struct container_config *config, const struct container_config *except,
		    struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_ADDRESSES, err);
	struct claiming claiming = { berth, owner, directory, except, { 0 }, err };
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
	struct claiming claiming = { berth, owner, directory, except, { 0 }, err };

	return directory < 0 ? directory : config_each_address(config, release_one, &claiming);
}
