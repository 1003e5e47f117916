/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/resource_limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define CPU_PERIOD_US 100000

/* --- values, in the kernel's spelling ------------------------------------------------------------------------- */

typedef void (*value_function)(const struct container_config *config, char text[static 300]);

static void number_or(uint64_t value, const char *unlimited, char text[static 300])
{
	if (value == UNLIMITED)
		strcpy(text, unlimited);
	else
		sprintf(text, "%" PRIu64, value);
}

static void v2_memory(const struct container_config *config, char text[static 300])
{
	number_or(config->memory, "max", text);
}

static void v2_memory_high(const struct container_config *config, char text[static 300])
{
	number_or(config->memory_high, "max", text);
}

static void v2_swap(const struct container_config *config, char text[static 300])
{
	number_or(config->swap, "max", text);
}

static void v2_cpu_max(const struct container_config *config, char text[static 300])
{
	if (config->cpus == UNLIMITED)
		sprintf(text, "max %d", CPU_PERIOD_US);
	else
		sprintf(text, "%" PRIu64 " %d", config->cpus * (CPU_PERIOD_US / 1000), CPU_PERIOD_US);
}

static void v2_cpu_weight(const struct container_config *config, char text[static 300])
{
	number_or(config->cpu_weight, "100", text);
}

/* v2 takes an empty line for "what the parent has". */
static void v2_cpuset(const struct container_config *config, char text[static 300])
{
	snprintf(text, 300, "%s", config->cpuset[0] ? config->cpuset : "\n");
}

static void pids_max(const struct container_config *config, char text[static 300])
{
	number_or(config->pids, "max", text);
}

static void v1_memory(const struct container_config *config, char text[static 300])
{
	number_or(config->memory, "-1", text);
}

static void v1_unlimited(const struct container_config *config, char text[static 300])
{
	(void)config;
	strcpy(text, "-1");
}

/* v1 limits the sum. Without a memory limit there is no sum to keep swap out of. */
static void v1_memory_and_swap(const struct container_config *config, char text[static 300])
{
	if (config->memory == UNLIMITED || config->swap == UNLIMITED)
		strcpy(text, "-1");
	else
		number_or(config->memory + config->swap, "-1", text);
}

static void v1_cpu_quota(const struct container_config *config, char text[static 300])
{
	if (config->cpus == UNLIMITED)
		strcpy(text, "-1");
	else
		sprintf(text, "%" PRIu64, config->cpus * (CPU_PERIOD_US / 1000));
}

/* Both scales have their default in the same place: weight 100 is 1024 shares. The kernel's floor is 2. */
static void v1_cpu_shares(const struct container_config *config, char text[static 300])
{
	uint64_t shares = config->cpu_weight * 1024 / 100;

	sprintf(text, "%" PRIu64, shares < 2 ? 2 : shares);
}

/* --- the table --------------------------------------------------------------------------------------------------- */

struct limit {
	enum key_id key;
	enum controller controller;
	enum controller_version version;
	const char *file;	/* NULL: this version cannot do it */
	value_function value;
	const char *why_not;
};

/* In the order of writing. v1 insists that memory+swap is never below memory: lifted first, set last. */
static const struct limit table[] = {
	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.max", v2_memory, NULL },
	{ KEY_MEMORY_HIGH, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.high", v2_memory_high, NULL },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.swap.max", v2_swap, NULL },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V2, "cpu.max", v2_cpu_max, NULL },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V2, "cpu.weight", v2_cpu_weight, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V2, "cpuset.cpus", v2_cpuset, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V2, "pids.max", pids_max, NULL },

	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.memsw.limit_in_bytes", v1_unlimited, NULL },
	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.limit_in_bytes", v1_memory, NULL },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.memsw.limit_in_bytes", v1_memory_and_swap, NULL },
	{ KEY_MEMORY_HIGH, CONTROLLER_MEMORY, CONTROLLER_V1, NULL, NULL,
	  "the memory controller of this host is held by cgroup v1, which has no memory.high; boot with cgroup_no_v1=all" },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V1, "cpu.cfs_quota_us", v1_cpu_quota, NULL },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V1, "cpu.shares", v1_cpu_shares, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V1, "cpuset.cpus", v2_cpuset, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V1, "pids.max", pids_max, NULL },
};

static bool is_unlimited(const struct container_config *config, enum key_id key)
{
	struct container_config fallback;
	const struct key *k = &keys[key];

	config_init(&fallback);
	if (key == KEY_SWAP)
		return config->swap == UNLIMITED;
	if (key == KEY_PIDS)
		return config->pids == UNLIMITED;
	return config_same(config, &fallback, k);
}

int limits_check(const struct cgroup_host *host, const struct container_config *config, struct berth_error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		const struct limit *limit = &table[i];
		const char *key = keys[limit->key].outside.name;

		if (!config->given[limit->key] || is_unlimited(config, limit->key))
			continue;
		if (host->version[limit->controller] == CONTROLLER_ABSENT)
			return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: this host's kernel has no %s controller",
				    key, controller_name(limit->controller));
		if (host->version[limit->controller] == limit->version && !limit->file)
			return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: %s", key, limit->why_not);
	}
	if (host->version[CONTROLLER_MEMORY] == CONTROLLER_V1 && config->given[KEY_SWAP] && config->swap != UNLIMITED &&
	    config->memory == UNLIMITED)
		return fail(err, BERTH_REFUSED, ENOTSUP,
			    "swap cannot be enforced: cgroup v1 limits it only together with memory; give memory too");
	if (config->memory != UNLIMITED && config->swap != UNLIMITED && config->memory > UNLIMITED - config->swap)
		return fail(err, BERTH_USAGE, EINVAL, "memory and swap together are larger than any machine");
	return 0;
}

static bool lacks_file(const struct container_cgroup *cgroup, const struct limit *limit)
{
	CLEAN_FD int fd = controller_open(cgroup->host, limit->controller, cgroup->path, limit->file, O_PATH);

	return fd == -ENOENT;
}

/* cpuset "all" on v1, which has no empty value: what the parent has. */
static int write_v1_all_cpus(const struct container_cgroup *cgroup, struct berth_error *err)
{
	char cpus[4096];
	CLEAN_FD int dir = controller_open(cgroup->host, CONTROLLER_CPUSET, cgroup->parent, ".", O_RDONLY | O_DIRECTORY);
	int r = dir < 0 ? dir : read_small_at(dir, "cpuset.cpus", cpus, sizeof(cpus));

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read cpuset.cpus of cgroup v1 %s: %s", cgroup->parent, strerror(-r));
	return controller_write(CONTROLLER_CPUSET, cgroup->path, "cpuset.cpus", cpus, err);
}

static int write_limit(const struct container_cgroup *cgroup, const struct limit *limit,
		       const struct container_config *config, struct berth_error *err)
{
	char value[300];
	int r;

	if (cgroup->host->version[limit->controller] != limit->version || !limit->file)
		return 0;
	if (limit->key == KEY_CPUSET && limit->version == CONTROLLER_V1 && !config->cpuset[0])
		return write_v1_all_cpus(cgroup, err);
	limit->value(config, value);
	r = controller_write(limit->controller, cgroup->path, limit->file, value, err);
	if (r == 0)
		return 0;
	if (lacks_file(cgroup, limit)) {
		/* A kernel without swap accounting has no swap to give either, unless the user asked for a limit. */
		if (!config->given[limit->key] || is_unlimited(config, limit->key))
			return 0;
		return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: this kernel has no %s%s",
			    keys[limit->key].outside.name, limit->file,
			    limit->key == KEY_SWAP ? " (boot with swapaccount=1)" : "");
	}
	fail_context(err, "%s", keys[limit->key].outside.name);
	/* A value of the right form that the kernel does not take (a core that is not there) is this host's limit. */
	if (err->code == EINVAL || err->code == ERANGE || err->code == EBUSY || err->code == EACCES)
		err->kind = BERTH_REFUSED;
	return -err->code;
}

int limits_apply(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err)
{
	int r = limits_check(cgroup->host, config, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(table); i++)
		r = write_limit(cgroup, &table[i], config, err);
	return r;
}

static bool concerns(const struct limit *limit, const struct container_config *old, const struct container_config *new)
{
	/* On v1 memory and swap are one number: they change together. */
	bool both = limit->version == CONTROLLER_V1 && limit->controller == CONTROLLER_MEMORY;

	if (both && (!config_same(old, new, &keys[KEY_MEMORY]) || !config_same(old, new, &keys[KEY_SWAP])))
		return true;
	return !config_same(old, new, &keys[limit->key]);
}

int limits_change(const struct container_cgroup *cgroup, const struct container_config *old,
		  const struct container_config *new, struct berth_error *err)
{
	int r = limits_check(cgroup->host, new, err);
	size_t done;

	if (r < 0)
		return r;
	for (done = 0; done < ARRAY_LENGTH(table); done++) {
		if (!concerns(&table[done], old, new))
			continue;
		r = write_limit(cgroup, &table[done], new, err);
		if (r < 0)
			break;
	}
	if (r == 0)
		return 0;
	/* The old values were in force a moment ago, so the kernel takes them; in table order, for v1's sake. */
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		struct berth_error ignored;

		if (concerns(&table[i], old, new) && (i <= done || table[i].version == CONTROLLER_V1))
			(void)write_limit(cgroup, &table[i], old, &ignored);
	}
	return r;
}

uint64_t limits_swap(const struct cgroup_host *host, const struct container_config *config)
{
	bool none = host->version[CONTROLLER_MEMORY] == CONTROLLER_ABSENT ||
		    (host->version[CONTROLLER_MEMORY] == CONTROLLER_V1 && config->memory == UNLIMITED);

	return none ? UNLIMITED : config->swap;
}

/* --- use ------------------------------------------------------------------------------------------------------------- */

static bool read_text(const struct container_cgroup *cgroup, enum controller controller, const char *file, char *text,
		      size_t size)
{
	CLEAN_FD int fd = controller_open(cgroup->host, controller, cgroup->path, file, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

static uint64_t read_number(const struct container_cgroup *cgroup, enum controller controller, const char *file)
{
	char text[64];

	if (!read_text(cgroup, controller, file, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return UNLIMITED;
	return strtoull(text, NULL, 10);
}

/* "word N" in a file of such lines. */
static uint64_t find_number(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, word, length) && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	return UNLIMITED;
}

void limits_read_usage(const struct container_cgroup *cgroup, struct limits_usage *ret)
{
	char text[1024], path[CGROUP_PATH_MAX + 16];

	if (cgroup->host->version[CONTROLLER_MEMORY] == CONTROLLER_V1) {
		uint64_t both = read_number(cgroup, CONTROLLER_MEMORY, "memory.memsw.usage_in_bytes");

		ret->memory = read_number(cgroup, CONTROLLER_MEMORY, "memory.usage_in_bytes");
		ret->memory_peak = read_number(cgroup, CONTROLLER_MEMORY, "memory.max_usage_in_bytes");
		/* Two reads of moving numbers: the difference may come out below zero. */
		ret->swap = both == UNLIMITED ? UNLIMITED : both > ret->memory ? both - ret->memory : 0;
		ret->oom_kills = read_text(cgroup, CONTROLLER_MEMORY, "memory.oom_control", text, sizeof(text)) ?
				 find_number(text, "oom_kill") : UNLIMITED;
	} else {
		ret->memory = read_number(cgroup, CONTROLLER_MEMORY, "memory.current");
		ret->memory_peak = read_number(cgroup, CONTROLLER_MEMORY, "memory.peak");
		ret->swap = read_number(cgroup, CONTROLLER_MEMORY, "memory.swap.current");
		ret->oom_kills = read_text(cgroup, CONTROLLER_MEMORY, "memory.events", text, sizeof(text)) ?
				 find_number(text, "oom_kill") : UNLIMITED;
	}
	ret->pids = read_number(cgroup, CONTROLLER_PIDS, "pids.current");
	/* cgroup2 counts CPU time in every cgroup, even where v1 holds the cpu controller. */
	snprintf(path, sizeof(path), "%s/cpu.stat", cgroup->path);
	ret->cpu = read_small_at(cgroup->host->v2_root, path, text, sizeof(text)) == 0 ? find_number(text, "usage_usec") :
										      UNLIMITED;
}
