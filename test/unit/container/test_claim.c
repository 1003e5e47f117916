/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "container/claim.h"
#include "tap.h"

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX", holder[CLAIM_OWNER_MAX];
	struct berth_error err;
	int dir = open(mkdtemp(path), O_RDONLY | O_DIRECTORY);

	check(claim_take(dir, "192.0.2.1", "a", holder, &err) == 0, "a thing is claimed");
	check(claim_take(dir, "192.0.2.1", "b", holder, &err) == -EEXIST && !strcmp(holder, "a") && err.kind == BERTH_EXISTS, "another is told whose it is");
	check(claim_release(dir, "192.0.2.1", "b", &err) == 0 && claim_read(dir, "192.0.2.1", holder) == 0, "who does not have it cannot give it back");
	check(claim_release(dir, "192.0.2.1", "a", &err) == 0 && claim_read(dir, "192.0.2.1", holder) == -ENOENT, "who has it can");
	check(claim_release(dir, "192.0.2.1", "a", &err) == 0, "twice is fine");
	check(claim_take(dir, "192.0.2.1", "b", holder, &err) == 0, "then it is free");
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
