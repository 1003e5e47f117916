/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "container/claim.h"
#include "tap.h"

#define RACERS 16

/* Of many that want one thing at the same time one has it. */
static void test_race(int dir)
{
	char holder[CLAIM_OWNER_MAX], owner[16], name[16] = "";
	struct berth_error err;
	int won = 0, lost = 0, go[2];
	pid_t racers[RACERS];

	if (pipe(go) < 0)
		return;
	for (int i = 0; i < RACERS; i++) {
		racers[i] = fork();
		if (racers[i] == 0) {
			close(go[1]);
			snprintf(owner, sizeof(owner), "racer-%d", i);
			(void)!read(go[0], name, 1);
			_exit(claim_take(dir, "race", owner, holder, &err) == 0 ? 0 : err.kind == BERTH_EXISTS ? 1 : 2);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < RACERS; i++) {
		int status;

		waitpid(racers[i], &status, 0);
		lost += WIFEXITED(status) && WEXITSTATUS(status) == 1;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			won++;
			snprintf(name, sizeof(name), "racer-%d", i);
		}
	}
	check(won == 1 && lost == RACERS - 1, "of %d at the same time one gets it", RACERS);
	check(claim_read(dir, "race", holder) == 0 && !strcmp(holder, name), "and it is that one's");
}

static void test_odd(int dir)
{
	char holder[CLAIM_OWNER_MAX];
	struct berth_error err;

	check(claim_take(dir, "twice", "a", holder, &err) == 0 && claim_take(dir, "twice", "a", holder, &err) == -EEXIST && !strcmp(holder, "a"), "an owner that claims again is told that it has it");
	check(claim_release(dir, "twice", "ab", &err) == 0 && claim_release(dir, "twice", "", &err) == 0 && claim_read(dir, "twice", holder) == 0, "half a name is another owner");
	check(strstr((claim_take(dir, "twice", "b", holder, &err), err.text), "twice") && strstr(err.text, "a"), "the refusal names the thing and who has it");
	check(claim_take(dir, "2001:db8::1", "a", holder, &err) == 0 && claim_read(dir, "2001:db8::1", holder) == 0, "an address is a thing");
	check(claim_take(dir, "no/such", "a", holder, &err) < 0 && err.kind == BERTH_FAILED, "what cannot be made is an error");
	mkdirat(dir, "directory", 0700);
	check(claim_take(dir, "directory", "a", holder, &err) < 0 && err.kind == BERTH_FAILED, "what is there and no claim is an error, not waited for");
	check(claim_release(dir, "directory", "a", &err) < 0 && faccessat(dir, "directory", F_OK, 0) == 0, "and is not removed");
}

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
	test_race(dir);
	test_odd(dir);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
