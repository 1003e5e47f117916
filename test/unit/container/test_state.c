/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "container/state.h"
#include "tap.h"

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX", why[64];
	struct container_state state = { .stage = RUN_RUNNING, .init = { 12, 345 }, .monitor = { 13, 346 }, .started_at = 99, .nat = true }, read;
	CLEAN_FREE char *text = NULL;
	struct berth_error err;
	size_t length, accepted = 0;
	int dir = open(mkdtemp(path), O_RDONLY | O_DIRECTORY);

	strcpy(state.interface, "ve-16");
	type_ADDRESSES.parse("192.0.2.1", &state.addresses, why, sizeof(why));
	state_read(dir, &read);
	check(read.stage == RUN_NONE, "without a file there is no run");
	state_read(-1, &read);
	check(read.stage == RUN_NONE, "nor without a directory");
	check(state_write(dir, &state, &err) == 0, "a state is written");
	state_read(dir, &read);
	check(!memcmp(&state, &read, sizeof(state)), "and read back the same");
	read_file_at(dir, "state", 10000, &text, &length);
	for (size_t cut = 0; cut + 1 < length; cut++)
		accepted += state_parse(text, cut, &read);
	check(accepted == 0, "cut short at any byte it says nothing");
	check(!state_parse("berth state 2\nend\n", 18, &read) && !state_parse("", 0, &read) && !state_parse("\0\0\0", 3, &read), "another version, nothing, garbage");
	check(!state_parse("berth state 1\ninit 5\nend\n", 25, &read) && !state_parse("berth state 1\ninit -5 1\nend\n", 28, &read), "half a process is none");
	replace_file_at(dir, "state", "berth state 1\nboot not-this-one\nstage running\nend\n", 50, 0600, &err);
	state_read(dir, &read);
	check(read.stage == RUN_NONE, "a state of another boot says nothing");
	state.init = (struct known_process){ getpid(), process_start_time(getpid()) };
	check(known_process_open(&state.init) >= 0, "a living process is found");
	state.init.start_time++;
	check(known_process_open(&state.init) == -ESRCH, "one that only has its pid is not");
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
