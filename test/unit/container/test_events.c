/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "container/events.h"
#include "tap.h"

#define FIRST 3244163072u

static bool kernel(const char *record, struct berth_event *event)
{
	uint64_t sequence;

	return event_parse_kernel_record(record, FIRST, event, &sequence);
}

static void test_kernel_records(void)
{
	struct berth_event event;

	check(kernel("3,901,5140900,-;Memory cgroup out of memory: Killed process 77 (hog) total-vm:103424kB, anon-rss:65536kB, file-rss:4kB, "
		     "shmem-rss:0kB, UID:3244163072 pgtables:176kB oom_score_adj:0\n", &event), "a kill of its own");
	check(event.pid == 77 && !strcmp(event.process, "hog") && event.bytes == 65536 * 1024 && event.time == 5140900, "who, how much, when");
	check(kernel("3,901,1,-;Memory cgroup out of memory: Killed process 7 (a) b) total-vm:1kB, anon-rss:2kB, UID:3244228607 pgtables:1kB", &event) &&
	      !strcmp(event.process, "a) b"), "a name with a bracket, and the last of its ids");
	check(kernel("3,1,1,-;x: Killed process 7 (UID:1 pgtab) total-vm:1kB, anon-rss:2kB, UID:3244163073 pgtables:1kB", &event), "a name that looks like the end");
	check(!kernel("3,1,1,-;x: Killed process 7 (hog) total-vm:1kB, anon-rss:2kB, UID:3244228608 pgtables:1kB", &event), "a neighbour's is not its own");
	check(!kernel("3,1,1,-;x: Killed process 7 (hog) total-vm:1kB, anon-rss:2kB, UID:0 pgtables:1kB", &event), "nor the host's");
	check(!kernel("3,1,1,-;x: Killed process 7 (UID:3244163072 ) total-vm:1kB, anon-rss:2kB, UID:0 pgtables:1kB", &event), "nor one that only says so in its name");
	check(!kernel("3,1,1,-;eth0: link up", &event) && !kernel("", &event) && !kernel("3,1,1,-;Killed process ", &event), "other records");
	check(!kernel("3,1,1,-;Killed process 7 (hog", &event) && !kernel("3,1,1,-;Killed process 7 (hog) total-vm:1kB", &event), "cut short");
	check(kernel("3,1,1,-;Killed process 7 (a\x1b[2J) total-vm:1kB, anon-rss:2kB, UID:3244163072 ", &event) && !strchr(event.process, 0x1b),
	      "what would move a terminal's cursor does not get to it");
}

static void test_file(void)
{
	struct berth_event event;
	uint64_t sequence;

	check(event_parse("1732153200 oom-kill 1234 61440 9 my hog", &event, &sequence) && event.time == 1732153200 && event.kind == BERTH_OOM_KILL &&
	      event.pid == 1234 && event.bytes == 61440 && sequence == 9 && !strcmp(event.process, "my hog"), "a line of the file");
	check(event_parse("1 stall-kill 1 0 0 x", &event, &sequence) && event.kind == BERTH_STALL_KILL, "the other kind");
	check(!event_parse("", &event, &sequence) && !event_parse("1 oom-kill 1 0", &event, &sequence), "a line cut short");
	check(!event_parse("1 flood 1 0 0 x", &event, &sequence), "a kind that is not known");
	check(!event_parse("1 oom-kill -5 0 0 x", &event, &sequence), "a process that cannot be");
	check(!event_parse("1 oom-kill 5 0 0 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &event, &sequence), "a name longer than names are");
}

int main(void)
{
	test_kernel_records();
	test_file();
	return tap_done();
}
