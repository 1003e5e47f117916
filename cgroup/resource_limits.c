/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/resource_limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/memory_room.h"

#define CPU_PERIOD_US 100000

/* --- values, in the kernel's spelling ------------------------------------------------------------------------- */

/* Text for the kernel. False: there is nothing to write. */
typedef bool (*value_function)(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300]);

static bool number_or(uint64_t value, const char *unlimited, char text[static 300])
{
	if (value == UNLIMITED)
		strcpy(text, unlimited);
	else
		sprintf(text, "%" PRIu64, value);
	return true;
}

/* Most limits are one number: kernel_NAME writes it, with this word for "unlimited". */
#define NUMBER(name, value_, unlimited) \
	static bool kernel_##name(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300]) \
	{ \
		(void)cgroup; \
		(void)config; \
		return number_or(value_, unlimited, text); \
	}

#define HARD_GUARANTEE_MAX (UINT64_C(64) << 20)

uint64_t limits_hard_guarantee(uint64_t guarantee)
{
	return guarantee < HARD_GUARANTEE_MAX ? guarantee : HARD_GUARANTEE_MAX;
}

/* The kernel's periods are 100 ms; cores are thousandths, so a thousandth is 100 us of a period. */
static uint64_t cpu_us(uint64_t thousandths)
{
	return thousandths == UNLIMITED ? UNLIMITED : thousandths * (CPU_PERIOD_US / 1000);
}

/* v1 limits the sum of memory and swap. Without a memory limit there is no sum to keep swap out of. */
static uint64_t memory_and_swap(const struct container_config *config)
{
	return config->memory == UNLIMITED || config->swap == UNLIMITED ? UNLIMITED : config->memory + config->swap;
}

/* Both scales have their default in the same place: weight 100 is 1024 shares. The kernel's floor is 2. */
static uint64_t cpu_shares(uint64_t weight)
{
	return weight * 1024 / 100 < 2 ? 2 : weight * 1024 / 100;
}

/* bfq's weights end at 1000 and have the same default, 100. */
static uint64_t bfq_weight(uint64_t weight)
{
	return weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900;
}

/* The guest's root is a cgroup of the limit's too. */
static uint64_t descendants(uint64_t cgroups)
{
	return cgroups == UNLIMITED ? UNLIMITED : cgroups + 1;
}

NUMBER(memory, config->memory, "max")
NUMBER(memory_high, config->memory_high, "max")
NUMBER(memory_low, config->memory_guarantee, "max")
NUMBER(memory_min, limits_hard_guarantee(config->memory_guarantee), "max")
NUMBER(swap, config->swap, "max")
NUMBER(no_burst, 0, "")
NUMBER(burst, cpu_us(config->cpu_burst), "0")
NUMBER(cpu_weight, config->cpu_weight, "100")
NUMBER(pids, config->pids, "max")
NUMBER(cgroups, descendants(config->cgroups), "max")
NUMBER(v1_memory, config->memory, "-1")
NUMBER(v1_no_limit, UNLIMITED, "-1")
NUMBER(v1_memory_and_swap, memory_and_swap(config), "-1")
NUMBER(v1_cpus, cpu_us(config->cpus), "-1")
NUMBER(v1_cpu_weight, cpu_shares(config->cpu_weight), "1024")

static bool kernel_cpus(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300])
{
	char quota[300];

	(void)cgroup;
	number_or(cpu_us(config->cpus), "max", quota);
	snprintf(text, 300, "%.20s %d", quota, CPU_PERIOD_US);
	return true;
}

/* An empty line is "what the parent has", but neither v1 nor a v2 cgroup with processes in it takes it: those are given the parent's list.
 * Which cores "auto" is, is decided at the start, by who calls us; before that there is nothing to try. */
static bool kernel_cpuset(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300])
{
	bool v1 = controller_version(cgroup->host, CONTROLLER_CPUSET) == CONTROLLER_V1;
	const char *list = config->cpuset;

	if (!strcmp(list, CPUSET_AUTO))
		return false;
	if (!*list && (v1 || container_cgroup_populated(cgroup))) {
		CLEAN_FD int dir = controller_open(cgroup->host, CONTROLLER_CPUSET, cgroup->parent, ".", O_RDONLY | O_DIRECTORY);

		return dir >= 0 && read_small_at(dir, v1 ? "cpuset.cpus" : "cpuset.cpus.effective", text, 300) >= 0;
	}
	snprintf(text, 300, "%s", *list ? list : "\n");
	return true;
}

/* "8:0 rbps=1048576" in io.max; "8:0 1048576" in v1's file, where 0 is no limit. */
static bool disk_rate(const struct container_cgroup *cgroup, const char *word, uint64_t rate, const char *unlimited, char text[static 300])
{
	char number[300];

	number_or(rate, unlimited, number);
	snprintf(text, 300, "%u:%u %s%.20s", cgroup->disk.major, cgroup->disk.minor, word, number);
	return cgroup->disk.found;
}

#define DISK_RATE(name, field, word, unlimited) \
	static bool kernel_##name(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300]) \
	{ \
		return disk_rate(cgroup, word, config->field, unlimited, text); \
	}
DISK_RATE(rbps, io_read_rate, "rbps=", "max")
DISK_RATE(wbps, io_write_rate, "wbps=", "max")
DISK_RATE(riops, io_read_iops, "riops=", "max")
DISK_RATE(wiops, io_write_iops, "wiops=", "max")
DISK_RATE(v1_rbps, io_read_rate, "", "0")
DISK_RATE(v1_riops, io_read_iops, "", "0")

static bool kernel_io_weight(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300])
{
	sprintf(text, "default %" PRIu64, config->io_weight);
	return cgroup->disk.found && cgroup->disk.weights == DISK_WEIGHTS_COST;
}

static bool kernel_bfq_weight(const struct container_cgroup *cgroup, const struct container_config *config, char text[static 300])
{
	sprintf(text, "%" PRIu64, bfq_weight(config->io_weight));
	return cgroup->disk.found && cgroup->disk.weights == DISK_WEIGHTS_BFQ;
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

#define NO_V1_MEMORY "the memory controller of this host is held by cgroup v1, which has no "
#define NO_V1_WRITES \
	"the io controller of this host is held by cgroup v1, which lets writes through the page cache pass; boot with cgroup_no_v1=all"

/* In the order of writing. v1 insists that memory+swap is never below memory, both that the burst is never above the quota: those are
 * lifted first and set last. */
static const struct limit table[] = {
	{ KEY_MEMORY_GUARANTEE, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.min", kernel_memory_min, NULL },
	{ KEY_MEMORY_GUARANTEE, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.low", kernel_memory_low, NULL },
	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.max", kernel_memory, NULL },
	{ KEY_MEMORY_HIGH, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.high", kernel_memory_high, NULL },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V2, "memory.swap.max", kernel_swap, NULL },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V2, "cpu.max.burst", kernel_no_burst, NULL },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V2, "cpu.max", kernel_cpus, NULL },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V2, "cpu.max.burst", kernel_burst, NULL },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V2, "cpu.weight", kernel_cpu_weight, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V2, "cpuset.cpus", kernel_cpuset, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V2, "pids.max", kernel_pids, NULL },
	{ KEY_CGROUPS, CONTROLLER_CORE, CONTROLLER_V2, "cgroup.max.descendants", kernel_cgroups, NULL },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V2, "io.weight", kernel_io_weight, NULL },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V2, "io.bfq.weight", kernel_bfq_weight, NULL },
	{ KEY_IO_READ_RATE, CONTROLLER_IO, CONTROLLER_V2, "io.max", kernel_rbps, NULL },
	{ KEY_IO_WRITE_RATE, CONTROLLER_IO, CONTROLLER_V2, "io.max", kernel_wbps, NULL },
	{ KEY_IO_READ_IOPS, CONTROLLER_IO, CONTROLLER_V2, "io.max", kernel_riops, NULL },
	{ KEY_IO_WRITE_IOPS, CONTROLLER_IO, CONTROLLER_V2, "io.max", kernel_wiops, NULL },

	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.memsw.limit_in_bytes", kernel_v1_no_limit, NULL },
	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.limit_in_bytes", kernel_v1_memory, NULL },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V1, "memory.memsw.limit_in_bytes", kernel_v1_memory_and_swap, NULL },
	{ KEY_MEMORY_HIGH, CONTROLLER_MEMORY, CONTROLLER_V1, NULL, NULL, NO_V1_MEMORY "memory.high; boot with cgroup_no_v1=all" },
	{ KEY_MEMORY_GUARANTEE, CONTROLLER_MEMORY, CONTROLLER_V1, NULL, NULL, NO_V1_MEMORY "memory.low; boot with cgroup_no_v1=all" },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V1, "cpu.cfs_burst_us", kernel_no_burst, NULL },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V1, "cpu.cfs_quota_us", kernel_v1_cpus, NULL },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V1, "cpu.cfs_burst_us", kernel_burst, NULL },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V1, "cpu.shares", kernel_v1_cpu_weight, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V1, "cpuset.cpus", kernel_cpuset, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V1, "pids.max", kernel_pids, NULL },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V1, "blkio.bfq.weight", kernel_bfq_weight, NULL },
	{ KEY_IO_READ_RATE, CONTROLLER_IO, CONTROLLER_V1, "blkio.throttle.read_bps_device", kernel_v1_rbps, NULL },
	{ KEY_IO_READ_IOPS, CONTROLLER_IO, CONTROLLER_V1, "blkio.throttle.read_iops_device", kernel_v1_riops, NULL },
	{ KEY_IO_WRITE_RATE, CONTROLLER_IO, CONTROLLER_V1, NULL, NULL, NO_V1_WRITES },
	{ KEY_IO_WRITE_IOPS, CONTROLLER_IO, CONTROLLER_V1, NULL, NULL, NO_V1_WRITES },
};

static bool is_unlimited(const struct container_config *config, enum key_id key)
{
	struct container_config fallback;

	/* Those whose fallback is a limit. */
	if (key == KEY_SWAP || key == KEY_PIDS || key == KEY_CGROUPS)
		return *(const uint64_t *)key_field(config, &keys[key]) == UNLIMITED;
	config_init(&fallback);
	return config_same(config, &fallback, &keys[key]);
}

static bool is_wanted(const struct container_config *config, enum key_id key)
{
	return config->given[key] && !is_unlimited(config, key);
}

bool limits_need_disk(const struct container_config *config)
{
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		if (table[i].controller == CONTROLLER_IO && is_wanted(config, table[i].key))
			return true;
	return false;
}

static int check_disk(const struct container_cgroup *cgroup, enum key_id key, struct berth_error *err)
{
	const char *name = keys[key].outside.name;

	if (!cgroup->disk.found)
		return fail(err, BERTH_REFUSED, ENODEV, "%s cannot be enforced: the rootfs %s", name, cgroup->disk.why_not);
	if (key == KEY_IO_WEIGHT && cgroup->disk.weights == DISK_WEIGHTS_NONE)
		return fail(err, BERTH_REFUSED, ENOTSUP,
			    "%s cannot be enforced: disk %u:%u obeys no weights; use the scheduler bfq (echo bfq > /sys/dev/block/%u:%u/queue/scheduler) "
			    "or io.cost (echo '%u:%u enable=1' > /sys/fs/cgroup/io.cost.qos)",
			    name, cgroup->disk.major, cgroup->disk.minor, cgroup->disk.major, cgroup->disk.minor, cgroup->disk.major,
			    cgroup->disk.minor);
	return 0;
}

int limits_check(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err)
{
	const struct cgroup_host *host = cgroup->host;

	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		const struct limit *limit = &table[i];
		const char *key = keys[limit->key].outside.name;
		enum controller_version version = controller_version(host, limit->controller);
		int r = 0;

		if (!is_wanted(config, limit->key))
			continue;
		if (version == CONTROLLER_ABSENT)
			return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: this host's kernel has no %s controller",
				    key, controller_name(limit->controller));
		if (version != limit->version)
			continue;
		if (!limit->file)
			return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: %s", key, limit->why_not);
		if (limit->controller == CONTROLLER_IO)
			r = check_disk(cgroup, limit->key, err);
		if (r < 0)
			return r;
	}
	if (is_wanted(config, KEY_MEMORY_GUARANTEE) && !host->recursiveprot)
		return fail(err, BERTH_REFUSED, ENOTSUP,
			    "memory-guarantee cannot be enforced: cgroup2 is mounted without memory_recursiveprot; "
			    "mount -o remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup");
	if (host->version[CONTROLLER_MEMORY] == CONTROLLER_V1 && config->given[KEY_SWAP] && config->swap != UNLIMITED &&
	    config->memory == UNLIMITED)
		return fail(err, BERTH_REFUSED, ENOTSUP,
			    "swap cannot be enforced: cgroup v1 limits it only together with memory; give memory too");
	return 0;
}

static bool lacks_file(const struct container_cgroup *cgroup, const struct limit *limit)
{
	CLEAN_FD int fd = controller_open(cgroup->host, limit->controller, cgroup->path, limit->file, O_PATH);

	return fd == -ENOENT;
}

static int write_limit(const struct container_cgroup *cgroup, const struct limit *limit,
		       const struct container_config *config, struct berth_error *err)
{
	char value[300];
	int r;

	if (controller_version(cgroup->host, limit->controller) != limit->version || !limit->file ||
	    !limit->value(cgroup, config, value))
		return 0;
	r = controller_write(cgroup->host, limit->controller, cgroup->path, limit->file, value, err);
	if (r == 0)
		return 0;
	if (lacks_file(cgroup, limit)) {
		/* A kernel without swap accounting has no swap to give either, unless the user asked for a limit. */
		if (!is_wanted(config, limit->key))
			return 0;
		return fail(err, BERTH_REFUSED, ENOTSUP, "%s cannot be enforced: this kernel has no %s%s",
			    keys[limit->key].outside.name, limit->file,
			    limit->key == KEY_SWAP ? " (boot with swapaccount=1)" : "");
	}
	fail_context(err, "%s", keys[limit->key].outside.name);
	/* A value of the right form that the kernel does not take (a core that is not there) is this host's limit. */
	if (err->code == EINVAL || err->code == ERANGE || err->code == EBUSY || err->code == EACCES || err->code == EOPNOTSUPP)
		err->kind = BERTH_REFUSED;
	return -err->code;
}

int limits_apply(const struct container_cgroup *cgroup, const struct container_config *config, struct berth_error *err)
{
	int r = limits_check(cgroup, config, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(table); i++)
		/* On the disk there is only what was asked for: others' files need not even exist. */
		if (table[i].controller != CONTROLLER_IO || is_wanted(config, table[i].key))
			r = write_limit(cgroup, &table[i], config, err);
	return r;
}

/* Keys that are written together: one number in v1, one held by the other in the kernel, or (memory-high) used to change the other. */
static bool concerns(const struct limit *limit, const struct container_config *old, const struct container_config *new)
{
	static const enum key_id groups[][3] = { { KEY_MEMORY, KEY_SWAP, KEY_MEMORY_HIGH }, { KEY_CPUS, KEY_CPU_BURST, KEY_CPU_BURST } };

	if (!old)
		return limit->controller != CONTROLLER_IO || is_wanted(new, limit->key);
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
		bool member = false, changed = false;

		for (size_t j = 0; j < ARRAY_LENGTH(groups[i]); j++) {
			member = member || limit->key == groups[i][j];
			changed = changed || !config_same(old, new, &keys[groups[i][j]]);
		}
		if (member && changed)
			return true;
	}
	return !config_same(old, new, &keys[limit->key]);
}

int limits_change(const struct container_cgroup *cgroup, const struct container_config *old,
		  const struct container_config *new, struct berth_error *err)
{
	int r = limits_check(cgroup, new, err);
	size_t done = 0;

	if (r == 0 && (!old || new->memory < old->memory))
		r = memory_make_room(cgroup, new->memory, err);
	for (; r == 0 && done < ARRAY_LENGTH(table); done++)
		if (concerns(&table[done], old, new))
			r = write_limit(cgroup, &table[done], new, err);
	if (r == 0 || !old)
		return r;
	/* The old values were in force a moment ago, so the kernel takes them; in table order, for the sake of those that hold each other. */
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		struct berth_error ignored;

		if (concerns(&table[i], old, new))
			(void)write_limit(cgroup, &table[i], old, &ignored);
	}
	return r;
}

void limits_lift_disk(const struct container_cgroup *cgroup, const struct container_config *config)
{
	struct container_config none;
	struct berth_error ignored;

	config_init(&none);
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		if (table[i].controller == CONTROLLER_IO && table[i].key != KEY_IO_WEIGHT && is_wanted(config, table[i].key))
			(void)write_limit(cgroup, &table[i], &none, &ignored);
}

int limits_set_guarantees(const struct cgroup_host *host, const char *parent, uint64_t guarantee, uint64_t hard, struct berth_error *err)
{
	char text[24];
	int r;

	sprintf(text, "%" PRIu64, hard);
	r = controller_write(host, CONTROLLER_MEMORY, parent, "memory.min", text, err);
	sprintf(text, "%" PRIu64, guarantee);
	return r < 0 ? r : controller_write(host, CONTROLLER_MEMORY, parent, "memory.low", text, err);
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
	return controller_read(cgroup->host, controller, cgroup->path, file, text, size);
}

static uint64_t read_number(const struct container_cgroup *cgroup, enum controller controller, const char *file)
{
	return controller_read_number(cgroup->host, controller, cgroup->path, file);
}

/* Sums over all disks: v2 "8:0 rbytes=1 wbytes=2 ...", v1 "8:0 Read 1". */
static void read_io(const struct container_cgroup *cgroup, uint64_t *ret_read, uint64_t *ret_written)
{
	bool v1 = controller_version(cgroup->host, CONTROLLER_IO) == CONTROLLER_V1;
	CLEAN_FD int fd = controller_open(cgroup->host, CONTROLLER_IO, cgroup->path, v1 ? "blkio.throttle.io_service_bytes_recursive" : "io.stat",
					  O_RDONLY);
	CLEAN_FREE char *text = NULL;
	char *rest, *word;
	size_t length;

	*ret_read = *ret_written = UNLIMITED;
	if (fd < 0 || read_all(fd, 65536, &text, &length) < 0)
		return;
	*ret_read = *ret_written = 0;
	for (rest = text; (word = strsep(&rest, " \n"));) {
		if (!strncmp(word, "rbytes=", 7))
			*ret_read += strtoull(word + 7, NULL, 10);
		else if (!strncmp(word, "wbytes=", 7))
			*ret_written += strtoull(word + 7, NULL, 10);
		else if (!strcmp(word, "Read") && rest)
			*ret_read += strtoull(rest, NULL, 10);
		else if (!strcmp(word, "Write") && rest)
			*ret_written += strtoull(rest, NULL, 10);
	}
}

void limits_read_usage(const struct container_cgroup *cgroup, unsigned int parts, struct limits_usage *ret)
{
	bool v1 = cgroup->host->version[CONTROLLER_MEMORY] == CONTROLLER_V1;
	char text[1024], path[CGROUP_PATH_MAX + 16];

	memset(ret, 0xff, sizeof(*ret));
	if (parts & (BERTH_USAGE_MEMORY | BERTH_USAGE_SWAP))
		ret->memory = read_number(cgroup, CONTROLLER_MEMORY, v1 ? "memory.usage_in_bytes" : "memory.current");
	if (parts & BERTH_USAGE_PEAK)
		ret->memory_peak = read_number(cgroup, CONTROLLER_MEMORY, v1 ? "memory.max_usage_in_bytes" : "memory.peak");
	if (parts & BERTH_USAGE_SWAP && v1) {
		uint64_t both = read_number(cgroup, CONTROLLER_MEMORY, "memory.memsw.usage_in_bytes");

		/* Two reads of moving numbers: the difference may come out below zero. */
		ret->swap = both == UNLIMITED ? UNLIMITED : both > ret->memory ? both - ret->memory : 0;
	} else if (parts & BERTH_USAGE_SWAP) {
		ret->swap = read_number(cgroup, CONTROLLER_MEMORY, "memory.swap.current");
	}
	if (parts & BERTH_USAGE_KILLS && read_text(cgroup, CONTROLLER_MEMORY, v1 ? "memory.oom_control" : "memory.events", text, sizeof(text)))
		ret->oom_kills = controller_keyed(text, "oom_kill");
	if (parts & BERTH_USAGE_IO)
		read_io(cgroup, &ret->io_read, &ret->io_written);
	if (parts & BERTH_USAGE_PIDS)
		ret->pids = read_number(cgroup, CONTROLLER_PIDS, "pids.current");
	/* cgroup2 counts CPU time in every cgroup, even where v1 holds the cpu controller. */
	snprintf(path, sizeof(path), "%s/cpu.stat", cgroup->path);
	if (parts & BERTH_USAGE_CPU && read_small_at(cgroup->host->v2_root, path, text, sizeof(text)) == 0)
		ret->cpu = controller_keyed(text, "usage_usec");
}

/* --- meters: a limit as the kernel has it -------------------------------------------------------------------------------- */

enum spelling {
	PLAIN,		/* "123" or "max"; v1's "no limit" is a number near 2^63 */
	QUOTA,		/* "50000 100000", "max 100000", "-1" */
	BURST,		/* microseconds of a period */
	SHARES,		/* cpu.shares */
	DESCENDANTS,	/* one more than the guest has */
	WEIGHT,		/* "default 100" */
	BFQ_WEIGHT,	/* "100" or "default 100", to 1000 */
	DISK_WORD,	/* "8:0 rbps=1 wbps=max ..." */
	DISK_NUMBER,	/* "8:0 1" */
	LIST,		/* "0-3" */
};

struct meter {
	enum key_id key;
	enum controller controller;
	enum controller_version version;
	enum spelling spelling;
	const char *limit, *word;		/* file; word of DISK_WORD */
	const char *used, *peak;		/* files, NULL: not counted */
	const char *hits_file, *hits_word;	/* file of "word N" lines; word NULL: the file is the number */
};

static const struct meter meters[] = {
	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V2, PLAIN, "memory.max", NULL, "memory.current", "memory.peak", "memory.events", "max" },
	{ KEY_MEMORY_HIGH, CONTROLLER_MEMORY, CONTROLLER_V2, PLAIN, "memory.high", NULL, "memory.current", "memory.peak", "memory.events", "high" },
	{ KEY_MEMORY_GUARANTEE, CONTROLLER_MEMORY, CONTROLLER_V2, PLAIN, "memory.low", NULL, NULL, NULL, "memory.events", "low" },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V2, PLAIN, "memory.swap.max", NULL, "memory.swap.current", "memory.swap.peak",
	  "memory.swap.events", "max" },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V2, QUOTA, "cpu.max", NULL, NULL, NULL, "cpu.stat", "nr_throttled" },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V2, BURST, "cpu.max.burst", NULL, NULL, NULL, "cpu.stat", "nr_bursts" },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V2, PLAIN, "cpu.weight", NULL, NULL, NULL, NULL, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V2, LIST, "cpuset.cpus.effective", NULL, NULL, NULL, NULL, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V2, PLAIN, "pids.max", NULL, "pids.current", "pids.peak", "pids.events", "max" },
	{ KEY_CGROUPS, CONTROLLER_CORE, CONTROLLER_V2, DESCENDANTS, "cgroup.max.descendants", NULL, NULL, NULL, NULL, NULL },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V2, WEIGHT, "io.weight", NULL, NULL, NULL, NULL, NULL },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V2, BFQ_WEIGHT, "io.bfq.weight", NULL, NULL, NULL, NULL, NULL },
	{ KEY_IO_READ_RATE, CONTROLLER_IO, CONTROLLER_V2, DISK_WORD, "io.max", "rbps=", NULL, NULL, NULL, NULL },
	{ KEY_IO_WRITE_RATE, CONTROLLER_IO, CONTROLLER_V2, DISK_WORD, "io.max", "wbps=", NULL, NULL, NULL, NULL },
	{ KEY_IO_READ_IOPS, CONTROLLER_IO, CONTROLLER_V2, DISK_WORD, "io.max", "riops=", NULL, NULL, NULL, NULL },
	{ KEY_IO_WRITE_IOPS, CONTROLLER_IO, CONTROLLER_V2, DISK_WORD, "io.max", "wiops=", NULL, NULL, NULL, NULL },

	{ KEY_MEMORY, CONTROLLER_MEMORY, CONTROLLER_V1, PLAIN, "memory.limit_in_bytes", NULL, "memory.usage_in_bytes", "memory.max_usage_in_bytes",
	  "memory.failcnt", NULL },
	{ KEY_SWAP, CONTROLLER_MEMORY, CONTROLLER_V1, PLAIN, "memory.memsw.limit_in_bytes", NULL, "memory.memsw.usage_in_bytes", NULL,
	  "memory.memsw.failcnt", NULL },
	{ KEY_CPUS, CONTROLLER_CPU, CONTROLLER_V1, QUOTA, "cpu.cfs_quota_us", NULL, NULL, NULL, "cpu.stat", "nr_throttled" },
	{ KEY_CPU_BURST, CONTROLLER_CPU, CONTROLLER_V1, BURST, "cpu.cfs_burst_us", NULL, NULL, NULL, "cpu.stat", "nr_bursts" },
	{ KEY_CPU_WEIGHT, CONTROLLER_CPU, CONTROLLER_V1, SHARES, "cpu.shares", NULL, NULL, NULL, NULL, NULL },
	{ KEY_CPUSET, CONTROLLER_CPUSET, CONTROLLER_V1, LIST, "cpuset.effective_cpus", NULL, NULL, NULL, NULL, NULL },
	{ KEY_PIDS, CONTROLLER_PIDS, CONTROLLER_V1, PLAIN, "pids.max", NULL, "pids.current", "pids.peak", "pids.events", "max" },
	{ KEY_IO_WEIGHT, CONTROLLER_IO, CONTROLLER_V1, BFQ_WEIGHT, "blkio.bfq.weight", NULL, NULL, NULL, NULL, NULL },
	{ KEY_IO_READ_RATE, CONTROLLER_IO, CONTROLLER_V1, DISK_NUMBER, "blkio.throttle.read_bps_device", NULL, NULL, NULL, NULL, NULL },
	{ KEY_IO_READ_IOPS, CONTROLLER_IO, CONTROLLER_V1, DISK_NUMBER, "blkio.throttle.read_iops_device", NULL, NULL, NULL, NULL, NULL },
};

/* What follows "MAJ:MIN" of the container's disk, or of the only one there is a line for. */
static const char *disk_line(const struct container_cgroup *cgroup, const char *text)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "%u:%u ", cgroup->disk.major, cgroup->disk.minor);
	for (const char *line = text; line && *line; line = next_line(line))
		if (!strncmp(line, prefix, strlen(prefix)))
			return line + strlen(prefix);
	return NULL;
}

static uint64_t spelled(const struct container_cgroup *cgroup, const struct meter *meter, const char *text)
{
	const char *number = text;
	uint64_t value;

	if (meter->spelling == DISK_WORD || meter->spelling == DISK_NUMBER)
		number = disk_line(cgroup, text);
	if (meter->spelling == DISK_WORD && number) {
		number = strstr(number, meter->word);
		number = number ? number + strlen(meter->word) : NULL;
	}
	if (!strncmp(text, "default ", 8))
		number = text + 8;
	if (!number || *number < '0' || *number > '9')
		return UNLIMITED;
	value = strtoull(number, NULL, 10);
	switch (meter->spelling) {
	case PLAIN: return value >= (UINT64_C(1) << 62) ? UNLIMITED : value;
	case QUOTA:
	case BURST: return value / (CPU_PERIOD_US / 1000);
	case SHARES: return (value * 100 + 1023) / 1024;
	case DESCENDANTS: return value > 0 ? value - 1 : 0;
	case BFQ_WEIGHT: return value <= 100 ? value : 100 + (value - 100) * 9900 / 900;
	default: return value;
	}
}

/* v1 counts memory and swap in one. */
static void subtract_memory(const struct container_cgroup *cgroup, struct limits_meter *swap)
{
	uint64_t limit = read_number(cgroup, CONTROLLER_MEMORY, "memory.limit_in_bytes");
	uint64_t used = read_number(cgroup, CONTROLLER_MEMORY, "memory.usage_in_bytes");

	if (swap->effective != UNLIMITED)
		swap->effective = swap->effective > limit ? swap->effective - limit : 0;
	if (swap->used != UNLIMITED)
		swap->used = swap->used > used ? swap->used - used : 0;
}

static void read_meter(const struct container_cgroup *cgroup, const struct meter *meter, struct limits_meter *ret)
{
	char text[1024];

	if (!read_text(cgroup, meter->controller, meter->limit, text, sizeof(text)))
		return;
	/* io.weight is there on every v2 host; whether anything obeys it is the disk's matter. */
	if (meter->key == KEY_IO_WEIGHT && cgroup->disk.weights != (meter->spelling == WEIGHT ? DISK_WEIGHTS_COST : DISK_WEIGHTS_BFQ))
		return;
	ret->known = true;
	ret->effective = spelled(cgroup, meter, text);
	if (meter->spelling == LIST)
		snprintf(ret->text, sizeof(ret->text), "%.*s", (int)strcspn(text, "\n"), text);
	if (meter->used)
		ret->used = read_number(cgroup, meter->controller, meter->used);
	if (meter->peak)
		ret->peak = read_number(cgroup, meter->controller, meter->peak);
	if (meter->hits_file && meter->hits_word)
		ret->hits = read_text(cgroup, meter->controller, meter->hits_file, text, sizeof(text)) ? controller_keyed(text, meter->hits_word) :
												     UNLIMITED;
	else if (meter->hits_file)
		ret->hits = read_number(cgroup, meter->controller, meter->hits_file);
	if (meter->key == KEY_CGROUPS && read_text(cgroup, CONTROLLER_CORE, "cgroup.stat", text, sizeof(text)))
		ret->used = controller_keyed(text, "nr_descendants") - 1;
	if (meter->key == KEY_SWAP && meter->version == CONTROLLER_V1)
		subtract_memory(cgroup, ret);
}

bool limits_read_meter(const struct container_cgroup *cgroup, enum key_id key, struct limits_meter *ret)
{
	bool limit = false;

	memset(ret, 0, sizeof(*ret));
	ret->used = ret->peak = ret->hits = UNLIMITED;
	for (size_t i = 0; i < ARRAY_LENGTH(meters); i++) {
		limit = limit || meters[i].key == key;
		if (meters[i].key == key && controller_version(cgroup->host, meters[i].controller) == meters[i].version)
			read_meter(cgroup, &meters[i], ret);
	}
	return limit;
}
