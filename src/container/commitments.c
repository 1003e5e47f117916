/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/commitments.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/host.h"
#include "cgroup/resource_limits.h"

#define LEDGER ".commitments"
#define MAGIC UINT64_C(0x6265727468030001)	/* with the layout's version at its end */
#define RECORDS_AT 8192

struct record {
	struct promised promised;	/* containers is 1, or nothing is here */
	uint32_t running, core_share;	/* core_share: thousandths promised on each of its cores */
	uint8_t cores[COMMITMENT_CORES / 8];
};

/* Its magic is written last and removed first: a change that is broken off leaves a ledger that is none. */
struct header {
	uint64_t magic;
	struct commitments sums;
};
_Static_assert(sizeof(struct header) <= RECORDS_AT, "the header ends before the records");

struct ledger {
	int fd;
	const struct berth *berth;
	struct header header;
};

static void ledger_close(struct ledger *ledger)
{
	close_keep_errno(ledger->fd);
}

/* --- arithmetic ------------------------------------------------------------------------------------------------------- */

static void add(struct promised *sum, const struct promised *one, bool take_away)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)one;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
		to[i] += take_away ? -from[i] : from[i];
}

static void count(struct commitments *sums, const struct record *record, bool take_away)
{
	add(&sums->sold, &record->promised, take_away);
	if (!record->running)
		return;
	add(&sums->running, &record->promised, take_away);
	for (unsigned int core = 0; record->core_share && core < COMMITMENT_CORES; core++)
		if (record->cores[core / 8] & 1 << core % 8)
			sums->core_load[core] += take_away ? -record->core_share : record->core_share;
}

static uint64_t limited(uint64_t value, uint64_t *without)
{
	*without = value == UNLIMITED;
	return value == UNLIMITED ? 0 : value;
}

static struct record record_of(const struct container_config *config, bool running)
{
	struct record record = { .promised = { .containers = 1, .guarantee = config->memory_guarantee,
					       .hard_guarantee = limits_hard_guarantee(config->memory_guarantee) },
				 .running = running };
	struct promised *p = &record.promised;

	p->memory = limited(config->memory, &p->no_memory);
	p->swap = limited(config->swap, &p->no_swap);
	p->disk = limited(config->disk, &p->no_disk);
	p->cpus = limited(config->cpus, &p->no_cpus);
	return record;
}

/* --- cores of cpuset auto --------------------------------------------------------------------------------------------------- */

static void set_core(unsigned int core, void *data)
{
	if (core < COMMITMENT_CORES)
		((uint8_t *)data)[core / 8] |= (uint8_t)(1 << core % 8);
}

static bool has_core(const uint8_t *cores, unsigned int core)
{
	return cores[core / 8] & 1 << core % 8;
}

static uint64_t cores_needed(const struct container_config *config)
{
	return (config->cpus + 999) / 1000;
}

/* The least loaded of those that are online, the lowest number first; all of them when more are asked for. */
static void pick_cores(const struct commitments *sums, const struct container_config *config, struct record *record)
{
	uint8_t online[COMMITMENT_CORES / 8] = { 0 };
	uint64_t picked = 0;
	char list[4096];

	if (read_small_at(AT_FDCWD, "/sys/devices/system/cpu/online", list, sizeof(list)) == 0)
		cpu_list_each(list, set_core, online);
	while (picked < cores_needed(config)) {
		unsigned int best = COMMITMENT_CORES;

		for (unsigned int core = 0; core < COMMITMENT_CORES; core++)
			if (has_core(online, core) && !has_core(record->cores, core) &&
			    (best == COMMITMENT_CORES || sums->core_load[core] < sums->core_load[best]))
				best = core;
		if (best == COMMITMENT_CORES)
			break;
		set_core(best, record->cores);
		picked++;
	}
	if (picked)
		record->core_share = (uint32_t)(config->cpus / picked);
}

static void format_cores(const uint8_t *cores, char list[static 257])
{
	size_t length = 0;

	list[0] = '\0';
	for (unsigned int core = 0; core < COMMITMENT_CORES && length < 240; core++)
		if (has_core(cores, core))
			length += (size_t)snprintf(list + length, 257 - length, "%s%u", length ? "," : "", core);
}

/* --- the file --------------------------------------------------------------------------------------------------------------- */

static off_t place(const struct ledger *ledger, uint64_t id)
{
	return RECORDS_AT + (off_t)(id - ledger->berth->id_first) * (off_t)sizeof(struct record);
}

static int put(const struct ledger *ledger, const void *data, size_t size, off_t at, struct berth_error *err)
{
	return pwrite(ledger->fd, data, size, at) == (ssize_t)size ? 0 : fail_errno(err, "cannot write what the host has promised");
}

static struct record get(const struct ledger *ledger, uint64_t id)
{
	struct record record = { 0 };

	if (pread(ledger->fd, &record, sizeof(record), place(ledger, id)) != sizeof(record))
		memset(&record, 0, sizeof(record));
	return record;
}

/* A container's own files, for the count. One that cannot be read promises nothing that can be known. */
static void count_one(struct ledger *ledger, int containers, const char *directory_name, const char *name)
{
	CLEAN_FD int directory = openat(containers, directory_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct container container = { .berth = ledger->berth, .directory = directory };
	struct berth_error ignored;
	struct limits_meter meter;
	struct record record;
	bool running;

	strcpy(container.name, name);
	if (directory < 0 || container_read_config(&container, &ignored) < 0 || container.config.id < ledger->berth->id_first ||
	    container.config.id > ledger->berth->id_last)
		return;
	CLEAN_FD int run = container_run_directory(&container, false, &ignored);
	/* One that cannot be told counts as running: nothing is sold twice. */
	int known = run == -ENOENT ? 0 : run < 0 ? run : state_read(run, &container.state);
	running = known < 0 || container.state.stage != RUN_NONE;
	record = record_of(&container.config, running);
	if (running && !strcmp(container.config.cpuset, CPUSET_AUTO) &&
	    container_cgroup_init(&container.cgroup, ledger->berth->cgroup_parent, name, &ignored) == 0 &&
	    limits_read_meter(&container.cgroup, KEY_CPUSET, &meter) && meter.known) {
		cpu_list_each(meter.text, set_core, record.cores);
		record.core_share = (uint32_t)(container.config.cpus / cores_needed(&container.config));
	}
	if (put(ledger, &record, sizeof(record), place(ledger, container.config.id), &ignored) == 0)
		count(&ledger->header.sums, &record, false);
}

static int count_all(struct ledger *ledger, struct berth_error *err)
{
	CLEAN_FD int containers = instance_directory(ledger->berth, DIRECTORY_CONTAINERS, err);
	CLEAN_DIR DIR *dir = list_directory(containers);
	struct dirent *entry;

	if (!dir)
		return containers < 0 ? containers : fail_errno(err, "cannot list the containers");
	memset(&ledger->header, 0, sizeof(ledger->header));
	if (ftruncate(ledger->fd, 0) < 0)
		return fail_errno(err, "cannot write what the host has promised");
	while ((entry = readdir(dir))) {
		char name[33];
		const char *dot = strchr(entry->d_name + 1, '.');
		bool creating = entry->d_name[0] == '.' && dot && !strcmp(dot, CREATING_SUFFIX);

		/* What is being created has been promised already. */
		snprintf(name, sizeof(name), "%.*s", (int)(creating ? dot - entry->d_name - 1 : 32), entry->d_name + creating);
		if (name_is_valid(name) && (creating || entry->d_name[0] != '.'))
			count_one(ledger, containers, entry->d_name, name);
	}
	ledger->header.magic = MAGIC;
	return put(ledger, &ledger->header, sizeof(ledger->header), 0, err);
}

static int ledger_open(const struct berth *berth, struct ledger *ledger, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(berth, DIRECTORY_RUN, err);
	int r;

	ledger->berth = berth;
	ledger->fd = run < 0 ? run : openat(run, LEDGER, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (run < 0)
		return run;
	if (ledger->fd < 0)
		return fail_errno(err, "cannot open what the host has promised (%s)", LEDGER);
	/* Held for microseconds, or for one count of all: who holds it longer is stopped, and must not stop the others for long. */
	r = lock_directory(ledger->fd, 5000, "the list of what the host has promised", err);
	if (r < 0)
		return r;
	if (pread(ledger->fd, &ledger->header, sizeof(ledger->header), 0) != sizeof(ledger->header) || ledger->header.magic != MAGIC)
		return count_all(ledger, err);
	return 0;
}

static int store(struct ledger *ledger, uint64_t id, const struct record *record, struct berth_error *err)
{
	uint64_t none = 0;
	int r = put(ledger, &none, sizeof(none), 0, err);

	if (r == 0)
		r = put(ledger, record, sizeof(*record), place(ledger, id), err);
	return r < 0 ? r : put(ledger, &ledger->header, sizeof(ledger->header), 0, err);
}

/* --- policy ---------------------------------------------------------------------------------------------------------------- */

static const char *amount(uint64_t value, bool cores, char text[static VALUE_TEXT_MAX])
{
	if (cores)
		type_CORES.format(&value, 0, text);
	else
		snprintf(text, VALUE_TEXT_MAX, "%" PRIu64 "M", value >> 20);
	return text;
}

struct resource {
	const char *name;		/* and of the policy's key NAME-oversell */
	size_t sum, without;		/* members of struct promised */
	bool cores;
};

static const struct resource resources[] = {
	{ "memory", offsetof(struct promised, memory), offsetof(struct promised, no_memory), false },
	{ "swap", offsetof(struct promised, swap), offsetof(struct promised, no_swap), false },
	{ "cpus", offsetof(struct promised, cpus), offsetof(struct promised, no_cpus), true },
	{ "disk", offsetof(struct promised, disk), offsetof(struct promised, no_disk), false },
};

static uint64_t member(const struct promised *promised, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)promised + offset);
}

static int check_resource(const struct resource *resource, const struct promised *before, const struct promised *after, uint64_t have,
			  uint64_t ratio, struct berth_error *err)
{
	/* One without a limit can take all there is. */
	uint64_t old = member(before, resource->sum) + member(before, resource->without) * have;
	uint64_t new = member(after, resource->sum) + member(after, resource->without) * have;
	uint64_t most = (uint64_t)((double)have * (double)ratio / 1000);
	char a[VALUE_TEXT_MAX], b[VALUE_TEXT_MAX], c[VALUE_TEXT_MAX];

	if (ratio == UNLIMITED || new <= most || new <= old)
		return 0;
	if (member(after, resource->without) > member(before, resource->without))
		return fail(err, BERTH_REFUSED, ENOSPC, "%s: unlimited would sell the whole host; give a limit, or change %s-oversell in berth.conf",
			    resource->name, resource->name);
	return fail(err, BERTH_REFUSED, ENOSPC, "%s: %s would be sold, and %s-oversell in berth.conf allows %s (of %s there are)",
		    resource->name, amount(new, resource->cores, a), resource->name, amount(most, resource->cores, b),
		    amount(have, resource->cores, c));
}

static int check_promised(const struct promised *before, const struct promised *after, const struct host_resources *host,
			  const struct policy *policy, struct berth_error *err)
{
	uint64_t usable = host_usable_memory(host, policy), have[] = { usable, host->swap, host->cpus, host->disk };
	uint64_t ratio[] = { policy->memory_oversell, policy->swap_oversell, policy->cpus_oversell, policy->disk_oversell };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(resources); i++)
		r = check_resource(&resources[i], before, after, have[i], ratio[i], err);
	return r;
}

/* A guarantee that cannot be kept is none, whatever the policy says. */
static int check_guarantee(const struct promised *before, const struct promised *after, const struct host_resources *host,
			   const struct policy *policy, struct berth_error *err)
{
	uint64_t usable = host_usable_memory(host, policy);

	if (after->guarantee <= before->guarantee || after->guarantee <= usable)
		return 0;
	return fail(err, BERTH_REFUSED, ENOSPC,
		    "memory-guarantee: %" PRIu64 "M would be guaranteed, and %" PRIu64 "M can be: the host's memory less memory-reserve in berth.conf",
		    after->guarantee >> 20, usable >> 20);
}

static bool has_ratio(const struct policy *policy)
{
	return policy->memory_oversell != UNLIMITED || policy->swap_oversell != UNLIMITED || policy->cpus_oversell != UNLIMITED ||
	       policy->disk_oversell != UNLIMITED;
}

static int check(const struct berth *berth, const struct commitments *before, const struct commitments *after, const struct policy *policy,
		 struct berth_error *err)
{
	struct host_resources host;
	int r;

	if (!has_ratio(policy) && after->sold.guarantee == 0)
		return 0;
	r = host_resources_read(berth, &host, err);
	if (r == 0)
		r = check_guarantee(&before->sold, &after->sold, &host, policy, err);
	if (r == 0)
		r = check_guarantee(&before->running, &after->running, &host, policy, err);
	if (r < 0)
		return r;
	r = check_promised(&before->sold, &after->sold, &host, policy, err);
	if (r == 0)
		r = check_promised(&before->running, &after->running, &host, policy, err);
	if (r < 0 && policy->warn) {
		strcpy(berth->warning, err->text);
		r = 0;
	}
	return r;
}

/* --- verbs -------------------------------------------------------------------------------------------------------------------- */

int commitments_take(const struct container *container, const struct container_config *config, bool running, const struct policy *policy,
		     char list[static 257], struct commitments *ret, struct berth_error *err)
{
	CLEAN(ledger_close) struct ledger ledger = { .fd = -EBADF };
	struct record old, new = record_of(config, running);
	struct commitments before;
	int r = ledger_open(container->berth, &ledger, err);

	if (r < 0)
		return r;
	old = get(&ledger, container->config.id);
	before = ledger.header.sums;
	count(&ledger.header.sums, &old, true);
	if (running && !strcmp(config->cpuset, CPUSET_AUTO)) {
		uint64_t has = 0;

		/* Those it has are kept: its processes' caches are there. */
		for (unsigned int core = 0; core < COMMITMENT_CORES; core++)
			has += old.running && old.core_share && has_core(old.cores, core);
		if (has == cores_needed(config)) {
			memcpy(new.cores, old.cores, sizeof(new.cores));
			new.core_share = (uint32_t)(config->cpus / has);
		} else {
			pick_cores(&ledger.header.sums, config, &new);
		}
		format_cores(new.cores, list);
	}
	count(&ledger.header.sums, &new, false);
	if (policy) {
		container->berth->warning[0] = '\0';
		r = check(container->berth, &before, &ledger.header.sums, policy, err);
	}
	if (r == 0 && memcmp(&old, &new, sizeof(new)) != 0)
		r = store(&ledger, container->config.id, &new, err);
	if (r == 0)
		*ret = ledger.header.sums;
	return r;
}

int commitments_drop(const struct container *container, struct commitments *ret, struct berth_error *err)
{
	CLEAN(ledger_close) struct ledger ledger = { .fd = -EBADF };
	struct record old, none = { 0 };
	int r = ledger_open(container->berth, &ledger, err);

	if (r < 0)
		return r;
	old = get(&ledger, container->config.id);
	count(&ledger.header.sums, &old, true);
	r = store(&ledger, container->config.id, &none, err);
	*ret = ledger.header.sums;
	return r;
}

int commitments_read(const struct berth *berth, struct commitments *ret, struct berth_error *err)
{
	CLEAN(ledger_close) struct ledger ledger = { .fd = -EBADF };
	int r = ledger_open(berth, &ledger, err);

	if (r == 0)
		*ret = ledger.header.sums;
	return r;
}

void commitments_invalidate(const struct berth *berth)
{
	struct berth_error ignored;
	CLEAN(ledger_close) struct ledger ledger = { .fd = -EBADF };
	uint64_t none = 0;

	if (ledger_open(berth, &ledger, &ignored) == 0)
		(void)put(&ledger, &none, sizeof(none), 0, &ignored);
}

int commitments_protect(const struct container_cgroup *cgroup, const struct commitments *commitments, struct berth_error *err)
{
	if (cgroup->host->version[CONTROLLER_MEMORY] != CONTROLLER_V2)
		return 0;
	return limits_set_guarantees(cgroup->host, cgroup->parent, commitments->running.guarantee, commitments->running.hard_guarantee, err);
}
