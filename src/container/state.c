/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "config/value.h"

#define FIRST_LINE "berth state 2"
#define LAST_LINE "end"

static bool parse_process(const char *value, struct known_process *process)
{
	int pid, used = 0;

	if (sscanf(value, "%d %" SCNu64 "%n", &pid, &process->start_time, &used) != 2 || value[used] || pid < 0)
		return false;
	process->pid = pid;
	return true;
}

static bool parse_field(const char *name, const char *value, struct container_state *state)
{
	char why[64];

	if (!strcmp(name, "stage")) {
		state->stage = !strcmp(value, "running") ? RUN_RUNNING : RUN_STARTING;
		return true;
	}
	if (!strcmp(name, "starter"))
		return parse_process(value, &state->starter);
	if (!strcmp(name, "init"))
		return parse_process(value, &state->init);
	if (!strcmp(name, "monitor"))
		return parse_process(value, &state->monitor);
	if (!strcmp(name, "started"))
		return type_NUMBER.parse(value, &state->started_at, why, sizeof(why));
	if (!strcmp(name, "changing"))
		return type_YES_NO.parse(value, &state->changing, why, sizeof(why));
	return !strcmp(name, "boot");
}

bool state_parse(const char *text, size_t length, struct container_state *ret)
{
	CLEAN_FREE char *copy = strndup(text, length);
	struct container_state state = { 0 };
	char *rest = copy, *line;
	int number = 0;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *blank;

		if (number++ == 0) {
			if (strcmp(line, FIRST_LINE) != 0)
				return false;
			continue;
		}
		if (!strcmp(line, LAST_LINE)) {
			*ret = state;
			return true;
		}
		blank = strchr(line, ' ');
		if (!blank)
			return false;
		*blank = '\0';
		if (!parse_field(line, blank + 1, &state))
			return false;
	}
	return false;
}

#define UNKNOWN "unknown"

/* The same as long as this process can live: read once. */
const char *state_boot_id(void)
{
	static char id[64];

	if (!id[0] && read_small_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof(id)) < 0)
		return UNKNOWN;
	return id;
}

int state_read(int run_fd, struct container_state *ret)
{
	CLEAN_FREE char *text = NULL;
	char line[80];
	size_t length;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (run_fd < 0)
		return 0;
	r = read_file_at(run_fd, "state", 16384, &text, &length);
	/* A link or a giant there is no run file. */
	if (r < 0)
		return r == -ENOENT || r == -ELOOP || r == -EFBIG ? 0 : r;
	if (!strcmp(state_boot_id(), UNKNOWN))
		return -EIO;
	/* Pids and start times of another boot mean nothing: they could fit a stranger's process. */
	snprintf(line, sizeof(line), "\nboot %s\n", state_boot_id());
	if (!strstr(text, line) || !state_parse(text, length, ret))
		memset(ret, 0, sizeof(*ret));
	return 0;
}

static void put_process(FILE *out, const char *name, const struct known_process *process)
{
	if (process->pid > 0)
		fprintf(out, "%s %d %" PRIu64 "\n", name, process->pid, process->start_time);
}

int state_write(int run_fd, const struct container_state *state, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	fprintf(out, FIRST_LINE "\nboot %s\nstage %s\n", state_boot_id(), state->stage == RUN_RUNNING ? "running" : "starting");
	put_process(out, "starter", &state->starter);
	put_process(out, "init", &state->init);
	put_process(out, "monitor", &state->monitor);
	fprintf(out, "started %" PRIu64 "\n", state->started_at);
	if (state->changing)
		fprintf(out, "changing yes\n");
	fprintf(out, LAST_LINE "\n");
	if (fclose(out) != 0)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	return replace_run_file_at(run_fd, "state", text, length, err);
}

int known_process_open(const struct known_process *process)
{
	return process_open(process->pid, process->start_time);
}
