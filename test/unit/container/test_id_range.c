/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "container/id_range.h"
#include "tap.h"

/* What a counter that was damaged or is of another instance says. */
static void test_counter(struct berth *berth)
{
	static const char *const counters[] = { "", "garbage\n", "-1\n", "0\n", "18446744073709551616\n", "99999999\n" };
	struct berth_error err;
	int dir = instance_directory(berth, DIRECTORY_IDS, &err);

	for (size_t i = 0; i < ARRAY_LENGTH(counters); i++) {
		uint64_t id = 0;

		replace_file_at(dir, "next", counters[i], strlen(counters[i]), 0600, &err);
		check(id_range_allocate(berth, "a", &id, &err) == 0 && id >= berth->id_first && id <= berth->id_last, "a counter that is nonsense gives a range all the same (%zu)", i);
		id_range_release(berth, "a", id, &err);
	}
	close(dir);
}

static void test_processes(struct berth *berth)
{
	enum { PROCESSES = 4, EACH = 25 };
	bool seen[1000] = { false };
	size_t different = 0;
	int ids[2];
	uint64_t id;

	if (pipe(ids) < 0)
		return;
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			struct berth_error err;

			for (int j = 0; j < EACH; j++)
				if (id_range_allocate(berth, "p", &id, &err) < 0 || write(ids[1], &id, sizeof(id)) != sizeof(id))
					_exit(1);
			_exit(0);
		}
	close(ids[1]);
	while (read(ids[0], &id, sizeof(id)) == sizeof(id)) {
		different += id - berth->id_first < 1000 && !seen[id - berth->id_first];
		seen[(id - berth->id_first) % 1000] = true;
	}
	close(ids[0]);
	while (wait(NULL) > 0)
		;
	check(different == PROCESSES * EACH, "%d processes at the same time get different ranges", PROCESSES);
}

static void test_round(struct berth *berth)
{
	struct berth_error err;
	uint64_t id, freed;

	/* A space of three: what is given back comes again only after the others. */
	berth->id_first = berth->id_last - 2;
	check(id_range_allocate(berth, "a", &freed, &err) == 0 && id_range_release(berth, "a", freed, &err) == 0, "a range is taken and given back");
	check(id_range_allocate(berth, "b", &id, &err) == 0 && id != freed, "it is not the next");
	check(id_range_allocate(berth, "c", &id, &err) == 0 && id != freed, "nor the one after");
	check(id_range_allocate(berth, "d", &id, &err) == 0 && id == freed, "but it is the last");
	check(id_range_allocate(berth, "e", &id, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, "3 ranges"), "then the space is full, and it is said");
	check(id_range_release(berth, "x", 1, &err) == 0, "a range that nobody has is given back");
}

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

	check(mkdtemp(strcpy(path, "/tmp/berth-unit.XXXXXX")) && berth_open(path, &berth, &err) == 0, "another instance");
	test_counter(berth);
	test_processes(berth);
	berth->id_last = berth->id_first + 999;
	test_round(berth);
	berth_close(berth);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
