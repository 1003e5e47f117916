/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/claim.h"

#include <string.h>
#include <unistd.h>

int claim_read(int directory, const char *thing, char holder[static CLAIM_OWNER_MAX])
{
	ssize_t length = readlinkat(directory, thing, holder, CLAIM_OWNER_MAX - 1);

	if (length < 0)
		return -errno;
	holder[length] = '\0';
	return 0;
}

int claim_take(int directory, const char *thing, const char *owner, char holder[static CLAIM_OWNER_MAX],
	       struct berth_error *err)
{
	for (;;) {
		if (symlinkat(owner, directory, thing) == 0)
			return 0;
		if (errno != EEXIST)
			return fail_errno(err, "cannot claim %s", thing);
		int r = claim_read(directory, thing, holder);
		if (r == 0)
			return fail(err, BERTH_EXISTS, EEXIST, "%s is %s's", thing, holder);
		if (r != -ENOENT)
			return fail(err, BERTH_FAILED, -r, "cannot read the claim on %s: %s", thing, strerror(-r));
	}
}

int claim_release(int directory, const char *thing, const char *owner, struct berth_error *err)
{
	char holder[CLAIM_OWNER_MAX];
	int r = claim_read(directory, thing, holder);

	if (r == -ENOENT || (r == 0 && strcmp(holder, owner) != 0))
		return 0;
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read the claim on %s: %s", thing, strerror(-r));
	if (unlinkat(directory, thing, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "cannot release the claim on %s", thing);
	return 0;
}
