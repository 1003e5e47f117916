/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/id_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/claim.h"
#include "container/container.h"

/* "name:first:count" lines: what the host lets its own users map. */
static bool given_away(const char *file, uint64_t first)
{
	CLEAN_FILE FILE *in = fopen(file, "re");
	char line[256];

	while (in && fgets(line, sizeof(line), in)) {
		uint64_t start, count;
		const char *colon = strchr(line, ':');

		if (colon && sscanf(colon + 1, "%" SCNu64 ":%" SCNu64, &start, &count) == 2 &&
		    start < first + ID_RANGE_SIZE && first < start + count)
			return true;
	}
	return false;
}

static uint64_t read_next(int directory, const struct berth *berth)
{
	char text[32];
	uint64_t next = 0;

	if (read_small_at(directory, "next", text, sizeof(text)) == 0)
		next = strtoull(text, NULL, 10);
	return next < berth->id_first || next > berth->id_last ? berth->id_first : next;
}

int id_range_allocate(const struct berth *berth, const char *owner, uint64_t *ret, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_IDS, err);
	uint64_t total = berth->id_last - berth->id_first + 1, next;
	int r;

	if (directory < 0)
		return directory;
	/* The lock only orders the counter; that a range has one owner is the claim's doing. */
	r = lock_directory(directory, berth->lock_timeout_ms, "the list of id ranges", err);
	if (r < 0)
		return r;
	next = read_next(directory, berth);
	for (uint64_t tried = 0; tried < total; tried++) {
		uint64_t id = berth->id_first + (next - berth->id_first + tried) % total;
		char thing[24], text[24], holder[CLAIM_OWNER_MAX];

		if (given_away("/etc/subuid", id * ID_RANGE_SIZE) || given_away("/etc/subgid", id * ID_RANGE_SIZE))
			continue;
		snprintf(thing, sizeof(thing), "%" PRIu64, id);
		r = claim_take(directory, thing, owner, holder, err);
		if (r == -EEXIST)
			continue;
		if (r < 0)
			return r;
		snprintf(text, sizeof(text), "%" PRIu64 "\n", id + 1);
		r = replace_file_at(directory, "next", text, strlen(text), 0600, err);
		if (r < 0) {
			struct berth_error ignored;

			(void)claim_release(directory, thing, owner, &ignored);
			return r;
		}
		*ret = id;
		return 0;
	}
	return fail(err, BERTH_REFUSED, ENOSPC, "all %" PRIu64 " ranges of host ids are taken; destroy a container", total);
}

int id_range_release(const struct berth *berth, const char *owner, uint64_t id, struct berth_error *err)
{
	CLEAN_FD int directory = instance_directory(berth, DIRECTORY_IDS, err);
	char thing[24];

	snprintf(thing, sizeof(thing), "%" PRIu64, id);
	return directory < 0 ? directory : claim_release(directory, thing, owner, err);
}
