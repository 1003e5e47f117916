/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/claimed.h"

#include <string.h>

#include "base/cleanup.h"
#include "container/container.h"

/* The holder's lock is taken for the look: one that is being created or changed may be about to list it. */
static bool is_stale(const struct berth *berth, const char *holder, const char *owner, claimed_listed listed, const void *item)
{
	struct berth impatient = *berth;
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct berth_error err;

	/* Our own, of a create or set that died: we hold the lock of the name. */
	if (!strcmp(holder, owner))
		return true;
	impatient.lock_timeout_ms = 0;
	if (container_open_locked(&impatient, holder, &container, &err) == 0)
		return !listed(&container.config, item);
	return err.kind == BERTH_NOT_FOUND && !container_is_in_transit(berth, holder);
}

int claimed_take(const struct berth *berth, int directory, const char *thing, const char *owner, claimed_listed listed, const void *item,
		 char holder[static CLAIM_OWNER_MAX], struct berth_error *err)
{
	int r = claim_take(directory, thing, owner, holder, err);

	if (r != -EEXIST || !is_stale(berth, holder, owner, listed, item))
		return r;
	if (!strcmp(holder, owner))
		return 0;
	r = claim_release(directory, thing, holder, err);
	return r < 0 ? r : claim_take(directory, thing, owner, holder, err);
}

bool claimed_by_other(const struct berth *berth, int directory, const char *thing, const char *owner, claimed_listed listed, const void *item,
		      char holder[static CLAIM_OWNER_MAX])
{
	return claim_read(directory, thing, holder) == 0 && strcmp(holder, owner) != 0 && !is_stale(berth, holder, owner, listed, item);
}
