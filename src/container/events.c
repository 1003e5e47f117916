/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "cgroup/memory_events.h"
#include "cgroup/resource_limits.h"

#define EVENTS_FILE "events"
#define FAULTS_A_SECOND 8	/* even a slow disk gives that many */
#define EVENTS_MAX (64 * 1024)	/* then the older half goes */

/* --- the file: "TIME KIND PID BYTES SEQUENCE PROCESS" ---------------------------------------------------------------------- */

/* The newer half of a file that has grown too long, from the beginning of a line. */
static int shorten(int directory, const char *text, size_t length, struct berth_error *err)
{
	const char *half = strchr(text + length / 2, '\n');

	return half ? replace_file_at(directory, EVENTS_FILE, half + 1, strlen(half + 1), 0600, err) : 0;
}

static int append(const struct container *container, const struct berth_event *event, uint64_t sequence, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	char line[256];
	size_t length;

	CLEAN_FD int file = openat(container->directory, EVENTS_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return fail_errno(err, "cannot open the list of events");
	snprintf(line, sizeof(line), "%" PRIu64 " %s %d %" PRIu64 " %" PRIu64 " %s\n", event->time, berth_event_name(event->kind), event->pid, event->bytes,
		 sequence, event->process);
	/* One write(2) with O_APPEND: a whole line or, on a full disk, none. */
	if (write(file, line, strlen(line)) != (ssize_t)strlen(line))
		return fail_errno(err, "cannot write the list of events");
	if (lseek(file, 0, SEEK_END) <= EVENTS_MAX || read_file_at(container->directory, EVENTS_FILE, 2 * EVENTS_MAX, &text, &length) < 0)
		return 0;
	return shorten(container->directory, text, length, err);
}

int event_note(const struct container *container, const struct berth_event *event, struct berth_error *err)
{
	return append(container, event, 0, err);
}

static int each(const struct container *container, int (*function)(const struct berth_event *event, uint64_t sequence, void *data), void *data)
{
	CLEAN_FREE char *text = NULL;
	char *rest, *line;
	size_t length;
	int r = 0;

	if (read_file_at(container->directory, EVENTS_FILE, 4 * EVENTS_MAX, &text, &length) < 0)
		return 0;
	for (rest = text; r == 0 && (line = strsep(&rest, "\n"));) {
		struct berth_event event;
		uint64_t sequence;

		if (event_parse(line, &event, &sequence))
			r = function(&event, sequence, data);
	}
	return r;
}

struct telling {
	berth_event_function function;
	void *data;
};

static int tell(const struct berth_event *event, uint64_t sequence, void *data)
{
	const struct telling *telling = data;

	(void)sequence;
	return telling->function(event, telling->data);
}

int berth_events(struct berth *berth, const char *name, berth_event_function function, void *data, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct telling telling = { function, data };
	int r = container_open(berth, name, &container, err);

	return r < 0 ? r : each(&container, tell, &telling);
}

/* --- the kernel's log ----------------------------------------------------------------------------------------------------------- */

static int64_t microseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What was noted since the container was started: the newest record, and how many kills. */
struct last {
	uint64_t since, sequence, kills;
};

static int remember_last(const struct berth_event *event, uint64_t sequence, void *data)
{
	struct last *last = data;

	/* The kernel counts from zero again at every boot. */
	if (event->time < last->since)
		return 0;
	if (sequence > last->sequence)
		last->sequence = sequence;
	last->kills += event->kind == BERTH_OOM_KILL;
	return 0;
}

static int note_kernel_kills(const struct container *container, uint64_t *ret_noted, struct berth_error *err)
{
	CLEAN_FD int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int64_t boot = microseconds(CLOCK_REALTIME) - microseconds(CLOCK_MONOTONIC);
	struct last last = { .since = container->state.started_at };
	char record[8192];
	ssize_t got;

	each(container, remember_last, &last);
	*ret_noted = last.kills;
	/* One record a read. EPIPE: the oldest were overwritten while we read; the next read is of what is there. */
	while (log >= 0 && ((got = read(log, record, sizeof(record) - 1)) > 0 || (got < 0 && errno == EPIPE))) {
		struct berth_event event;
		uint64_t sequence;
		int r;

		record[got > 0 ? got : 0] = '\0';
		if (got <= 0 || !event_parse_kernel_record(record, container_host_uid(container), &event, &sequence) || sequence <= last.sequence)
			continue;
		event.time = (uint64_t)(boot + (int64_t)event.time) / 1000000;
		if (event.time + 1 < container->state.started_at)
			continue;
		r = append(container, &event, sequence, err);
		if (r < 0)
			return r;
		(*ret_noted)++;
	}
	return 0;
}

/* --- a container that gets nothing done ------------------------------------------------------------------------------------------ */

struct victim {
	pid_t init, pid;
	uint64_t bytes;
	char name[32];
};

static uint64_t kilobytes(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void weigh(pid_t pid, void *data)
{
	struct victim *victim = data;
	char path[64], status[4096];
	uint64_t bytes;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	/* Init is the last to go: with it goes the container. */
	if (pid == victim->init || read_small_at(AT_FDCWD, path, status, sizeof(status)) < 0)
		return;
	bytes = kilobytes(status, "\nVmRSS:") + kilobytes(status, "\nVmSwap:");
	if (bytes <= victim->bytes)
		return;
	victim->pid = pid;
	victim->bytes = bytes;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_small_at(AT_FDCWD, path, victim->name, sizeof(victim->name)) < 0)
		strcpy(victim->name, "?");
	berth_make_printable(victim->name);
}

/* Waiting for the disk is most servers' life. It is want of memory when what is waited for is, one after the other, pages of programs that
 * were thrown out a moment ago. (Without swap the kernel does not count that as waiting for memory: mm/workingset.c.) */
static bool reads_programs_again(const struct container_cgroup *cgroup)
{
	uint64_t before = memory_major_faults(cgroup), after;

	sleep_ms(1000);
	after = memory_major_faults(cgroup);
	return before != UINT64_MAX && after != UINT64_MAX && after - before >= FAULTS_A_SECOND;
}

static int end_stall(const struct container *container, enum berth_noticed noticed, struct berth_error *err)
{
	struct victim victim = { .init = container->state.init.pid };
	struct berth_event event = { .kind = BERTH_STALL_KILL, .time = (uint64_t)time(NULL) };
	uint64_t started;

	if (!memory_is_exhausted(&container->cgroup) || (noticed == BERTH_NOTICED_WAIT && !reads_programs_again(&container->cgroup)))
		return 0;
	container_cgroup_each_process(&container->cgroup, weigh, &victim);
	if (!victim.pid)
		return 0;
	/* The number may be another's by now: only one that is still in the container's cgroup is ended. */
	started = process_start_time(victim.pid);
	CLEAN_FD int process = process_open(victim.pid, started);
	if (process < 0 || !container_cgroup_has_process(&container->cgroup, victim.pid) || pidfd_send_signal(process, SIGKILL, NULL, 0) < 0)
		return 0;
	event.pid = victim.pid;
	event.bytes = victim.bytes;
	strcpy(event.process, victim.name);
	return append(container, &event, 0, err);
}

int berth_notice(struct berth *berth, const char *name, enum berth_noticed noticed, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct berth_event event = { .kind = BERTH_OOM_KILL, .time = (uint64_t)time(NULL), .process = "?" };
	struct limits_usage usage;
	uint64_t noted;
	int r = container_open(berth, name, &container, err);

	/* Without the lock: a command that waits for the container holds it. */
	if (r == 0)
		r = container_require_running(&container, err);
	if (r < 0)
		return r;
	if (noticed != BERTH_NOTICED_KILL)
		return end_stall(&container, noticed, err);
	CLEAN_FD int lock = openat(container.directory, EVENTS_FILE, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock >= 0)
		(void)flock(lock, LOCK_EX);
	r = note_kernel_kills(&container, &noted, err);
	/* A kernel log that cannot be read, or has lost a line: that it happened is known all the same. */
	limits_read_usage(&container.cgroup, BERTH_USAGE_KILLS, &usage);
	if (r == 0 && usage.oom_kills != UINT64_MAX && usage.oom_kills > noted)
		r = append(&container, &event, 0, err);
	return r;
}
