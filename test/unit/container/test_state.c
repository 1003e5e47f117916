/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "container/state.h"
#include "tap.h"

static bool says(const char *lines, struct container_state *state)
{
	char text[1024];

	snprintf(text, sizeof(text), "berth state 2\n%send\n", lines);
	return state_parse(text, strlen(text), state);
}

static bool same_process(const struct known_process *a, const struct known_process *b)
{
	return a->pid == b->pid && a->start_time == b->start_time;
}

/* Member by member: between them there is padding. */
static bool same(const struct container_state *a, const struct container_state *b)
{
	return a->stage == b->stage && same_process(&a->starter, &b->starter) && same_process(&a->init, &b->init) &&
	       same_process(&a->monitor, &b->monitor) && a->started_at == b->started_at && a->changing == b->changing;
}

/* Every member. */
static void test_full(int dir)
{
	struct container_state state = {
		.stage = RUN_STARTING, .starter = { 1, 1 }, .init = { 4194304, UINT64_MAX }, .monitor = { 3, 5 }, .started_at = INT64_MAX, .changing = true,
	}, read;
	CLEAN_FREE char *text = NULL;
	struct berth_error err;
	size_t length, accepted = 0;

	check(state_write(dir, &state, &err) == 0, "a full state is written");
	state_read(dir, &read);
	check(same(&state, &read), "and read back the same");
	read_file_at(dir, "state", 100000, &text, &length);
	for (size_t cut = 0; cut + 1 < length; cut++)
		accepted += state_parse(text, cut, &read);
	check(accepted == 0, "cut short at any byte it says nothing");
	memset(&state, 0, sizeof(state));
	state.stage = RUN_STARTING;
	check(state_write(dir, &state, &err) == 0 && (state_read(dir, &read), same(&state, &read)), "an empty one is written and read back too");
	check(state_write(-EBADF, &state, &err) < 0 && err.text[0], "without a directory it cannot be written");
}

static void test_refused(int dir)
{
	static const char *const bad[] = {
		"frob 1\n", "nonsense\n", "\n", " init 1 2\n", "init\n", "init 1\n", "init x 1\n", "init 1 x\n", "init 1 2 3\n", "init -1 2\n", "init 1 2x\n", "started -1\n", "started x\n",
		"started 9223372036854775808\n", "changing maybe\n", "changing \n",
	};
	struct container_state state, before;
	struct berth_error err;
	char garbage[512];
	size_t accepted = 0;

	check(says("", &state) && state.stage == RUN_NONE, "an empty run file is of no run");
	memset(&state, 0x55, sizeof(state));
	before = state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!says(bad[i], &state), "a bad line is refused (%zu)", i);
	check(!memcmp(&state, &before, sizeof(state)), "and nothing is returned");
	srand(1);
	for (int i = 0; i < 1000; i++) {
		for (size_t j = 0; j < sizeof(garbage); j++)
			garbage[j] = (char)rand();
		accepted += state_parse(garbage, sizeof(garbage), &state);
	}
	check(accepted == 0, "garbage says nothing");
	check(!state_parse("berth state 20\nend\n", 19, &state) && !state_parse("berth state 2 \nend\n", 19, &state) && !state_parse("end\n", 4, &state) &&
	      !state_parse("berth state 2\n\0end\n", 19, &state), "nor does what only looks like one");
	replace_file_at(dir, "state", garbage, sizeof(garbage), 0600, &err);
	memset(&state, 0x55, sizeof(state));
	state_read(dir, &state);
	check(!memcmp(&state, &(struct container_state){ 0 }, sizeof(state)), "a file of garbage is as none");
	unlinkat(dir, "state", 0);
	symlinkat("/proc/self/environ", dir, "state");
	state_read(dir, &state);
	check(state.stage == RUN_NONE, "neither is a link followed");
	check(known_process_open(&(struct known_process){ 0 }) == -ESRCH && known_process_open(&(struct known_process){ getpid(), 0 }) == -ESRCH, "half a process is not found");
}

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX";
	struct container_state state = { .stage = RUN_RUNNING, .init = { 12, 345 }, .monitor = { 13, 346 }, .started_at = 99, .changing = true }, read;
	CLEAN_FREE char *text = NULL;
	struct berth_error err;
	size_t length, accepted = 0;
	int dir = open(mkdtemp(path), O_RDONLY | O_DIRECTORY);

	state_read(dir, &read);
	check(read.stage == RUN_NONE, "without a file there is no run");
	state_read(-1, &read);
	check(read.stage == RUN_NONE, "nor without a directory");
	check(state_write(dir, &state, &err) == 0, "a state is written");
	state_read(dir, &read);
	check(same(&state, &read), "and read back the same");
	read_file_at(dir, "state", 10000, &text, &length);
	for (size_t cut = 0; cut + 1 < length; cut++)
		accepted += state_parse(text, cut, &read);
	check(accepted == 0, "cut short at any byte it says nothing");
	check(!state_parse("berth state 0\nend\n", 18, &read) && !state_parse("", 0, &read) && !state_parse("\0\0\0", 3, &read), "another version, nothing, garbage");
	check(!state_parse("berth state 2\ninit 5\nend\n", 25, &read) && !state_parse("berth state 2\ninit -5 1\nend\n", 28, &read), "half a process is none");
	replace_file_at(dir, "state", "berth state 2\nboot not-this-one\nstage running\nend\n", 50, 0600, &err);
	state_read(dir, &read);
	check(read.stage == RUN_NONE, "a state of another boot says nothing");
	state.init = (struct known_process){ getpid(), process_start_time(getpid()) };
	check(known_process_open(&state.init) >= 0, "a living process is found");
	state.init.start_time++;
	check(known_process_open(&state.init) == -ESRCH, "one that only has its pid is not");
	test_full(dir);
	test_refused(dir);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
