/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/claim.h"
#include "container/container.h"

static const struct address_list none;

/* Whether the claim is only what a killed command left. The holder's lock is taken for the look: one that is being
 * created or changed may be about to list the address. */
static bool claim_is_stale(const struct berth *berth, const char *holder, const char *owner, const struct address *address)
{
	struct berth impatient = *berth;
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct berth_error err;

	/* Our own, of a create or set that died: we hold the lock of the name. */
	if (!strcmp(holder, owner))
		return true;
	impatient.lock_timeout_ms = 0;
	if (container_open_locked(&impatient, holder, &container, &err) == 0)
		return !address_list_has(&container.config.ip, address);
	return err.kind == BERTH_NOT_FOUND && !container_is_in_transit(berth, holder);
}

static bool host_has(const struct address *address)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
		if (!one->ifa_addr || one->ifa_addr->sa_family != address->family)
			continue;
		if (address->family == AF_INET)
			found = !memcmp(&((struct sockaddr_in *)(void *)one->ifa_addr)->sin_addr, address->bytes, 4);
		else
			found = !memcmp(&((struct sockaddr_in6 *)(void *)one->ifa_addr)->sin6_addr, address->bytes, 16);
	}
	freeifaddrs(all);
	return found;
}

static int claim_one(const struct berth *berth, int directory, const char *owner, const struct address *address,
		     struct berth_error *err)
{
	char text[ADDRESS_TEXT_MAX], holder[CLAIM_OWNER_MAX];
	int r;

	address_format(address, text);
	if (host_has(address))
		return fail(err, BERTH_EXISTS, EADDRINUSE, "ip: %s is an address of this host", text);
	r = claim_take(directory, text, owner, holder, err);
	if (r == -EEXIST && claim_is_stale(berth, holder, owner, address)) {
		if (!strcmp(holder, owner))
			return 0;
		r = claim_release(directory, text, holder, err);
		if (r == 0)
			r = claim_take(directory, text, owner, holder, err);
	}
	if (r == -EEXIST)
		return fail(err, BERTH_EXISTS, EADDRINUSE, "ip: %s is in use by %s", text, holder);
	return r;
}

int addresses_claim(const struct berth *berth, const char *owner, const struct address_list *addresses,
		    const struct address_list *except, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_ADDRESSES, err);
	struct address_list done = { 0 };

	if (directory < 0)
		return directory;
	for (uint32_t i = 0; i < addresses->count; i++) {
		int r;

		if (except && address_list_has(except, &addresses->at[i]))
			continue;
		r = claim_one(berth, directory, owner, &addresses->at[i], err);
		if (r < 0) {
			struct berth_error ignored;

			(void)addresses_release(berth, owner, &done, NULL, &ignored);
			return r;
		}
		done.at[done.count++] = addresses->at[i];
	}
	return 0;
}

int addresses_release(const struct berth *berth, const char *owner, const struct address_list *addresses,
		      const struct address_list *except, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_ADDRESSES, err);

	if (directory < 0)
		return directory;
	for (uint32_t i = 0; i < addresses->count; i++) {
		char text[ADDRESS_TEXT_MAX];
		int r;

		if (address_list_has(except ? except : &none, &addresses->at[i]))
			continue;
		address_format(&addresses->at[i], text);
		r = claim_release(directory, text, owner, err);
		if (r < 0)
			return r;
	}
	return 0;
}
