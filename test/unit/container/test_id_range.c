/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "container/id_range.h"
#include "tap.h"

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX";
	bool seen[2000] = { false }, unique = true;
	struct berth *berth;
	struct berth_error err;
	uint64_t id, first = 0;

	check(berth_open(mkdtemp(path), &berth, &err) == 0, "an instance");
	check(berth->id_first > ID_LAST / 2, "of a root of its own has numbers that the default one never has");
	for (int i = 0; i < 100; i++) {
		if (id_range_allocate(berth, "a", &id, &err) < 0 || seen[id - berth->id_first])
			unique = false;
		seen[id - berth->id_first] = true;
		first = first ? first : id;
	}
	check(unique, "a hundred ranges, all different");
	check(id_range_release(berth, "a", id, &err) == 0 && id_range_allocate(berth, "b", &id, &err) == 0 && !seen[id - berth->id_first], "one that is given back is not handed out next");
	berth->id_last = berth->id_first + 100;
	check(id_range_allocate(berth, "c", &id, &err) == 0 && id == berth->id_first + 99, "at the end of the space it begins again with what is free");
	check(id_range_allocate(berth, "c", &id, &err) < 0 && err.kind == BERTH_REFUSED, "a full space is said");
	check(id_range_release(berth, "x", first, &err) == 0 && id_range_allocate(berth, "c", &id, &err) < 0, "somebody else's release does nothing");
	berth_close(berth);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
