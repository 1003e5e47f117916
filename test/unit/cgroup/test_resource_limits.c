/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On directory trees that look like cgroupfs, with and without each of its files; and on hosts of either version. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroup/memory_events.h"
#include "cgroup/resource_limits.h"
#include "tap.h"

static struct cgroup_host host = { .v2_root = -1, .recursiveprot = true };
static struct container_cgroup cgroup = { .host = &host, .parent = "berth", .path = "berth/web" };

static void all(enum controller_version version)
{
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		host.version[c] = version;
}

static struct container_config with(const char *key, const char *value)
{
	struct berth_setting setting = { BERTH_ASSIGN, key, value };
	struct container_config config;
	struct berth_error err;

	config_init(&config);
	config_assign(&config, &setting, 1, &err);
	return config;
}

static bool refused(struct container_config config, const char *because)
{
	struct berth_error err = { 0 };

	return limits_check(&cgroup, &config, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, because);
}

static bool taken(struct container_config config)
{
	struct berth_error err;

	return limits_check(&cgroup, &config, &err) == 0;
}

static void test_versions(void)
{
	static const char *const given[][2] = { { "memory", "1M" }, { "swap", "1M" }, { "cpus", "1" }, { "cpu-weight", "5" }, { "cpuset", "0" },
						{ "pids", "5" }, { "cpu-burst", "0.5" } };
	struct container_config both;

	all(CONTROLLER_V2);
	for (size_t i = 0; i < 7; i++)
		check(taken(with(given[i][0], given[i][1])), "v2 takes %s", given[i][0]);
	check(taken(with("memory-high", "1M")), "v2 takes memory-high");
	check(taken(with("memory-guarantee", "1M")), "v2 takes memory-guarantee");
	host.recursiveprot = false;
	check(refused(with("memory-guarantee", "1M"), "memory_recursiveprot"), "but not on a mount where guests' own cgroups would not have it");
	check(taken(with("memory-guarantee", "0")), "none is none");
	host.recursiveprot = true;
	all(CONTROLLER_ABSENT);
	for (size_t i = 0; i < 7; i++)
		check(refused(with(given[i][0], given[i][1]), "no "), "without its controller %s is refused", given[i][0]);
	check(taken(with("description", "x")), "what is not given needs no controller");
	check(taken(with("cgroups", "5")), "the cgroup core is always there");
	all(CONTROLLER_V1);
	check(refused(with("memory-high", "1M"), "cgroup v1"), "v1 has no memory.high");
	check(refused(with("memory-guarantee", "1M"), "cgroup v1"), "v1 has no memory.low");
	check(taken(with("memory-high", "unlimited")), "but no limit is fine");
	check(refused(with("swap", "1M"), "give memory too"), "v1 limits swap only with memory");
	both = with("swap", "1M");
	both.memory = 1 << 20;
	check(taken(both), "with memory it does");
	check(refused(with("swap", "0"), "give memory too"), "no swap at all is a limit too");
	check(taken(with("swap", "unlimited")) && taken(with("memory", "1M")), "unlimited swap is none, and memory alone is fine");
	both = with("memory-high", "1M");
	both.memory = 1 << 20;
	check(refused(both, "memory-high"), "memory-high is refused beside memory, by its name");

	/* Hybrid hosts: each controller counts for itself. */
	all(CONTROLLER_V2);
	host.version[CONTROLLER_MEMORY] = CONTROLLER_V1;
	check(refused(with("memory-high", "1M"), "cgroup v1") && taken(with("cpus", "1")), "only memory held by v1");
	all(CONTROLLER_V1);
	host.version[CONTROLLER_MEMORY] = CONTROLLER_V2;
	check(taken(with("memory-high", "1M")) && taken(with("swap", "1M")), "only memory held by v2");
	all(CONTROLLER_V2);
	host.version[CONTROLLER_PIDS] = CONTROLLER_ABSENT;
	check(refused(with("pids", "5"), "pids") && taken(with("memory", "1M")), "only pids absent");
	host.version[CONTROLLER_CPUSET] = CONTROLLER_ABSENT;
	check(taken(with("cpuset", "all")) && refused(with("cpuset", "0-1"), "cpuset"), "all cores need no controller, some do");
	host.version[CONTROLLER_IO] = CONTROLLER_ABSENT;
	check(taken(with("cpus", "unlimited")), "a controller without a key is not needed");
	check(refused(with("io-read-rate", "1M"), "no io controller"), "with a key it is");
}

static void test_disks(void)
{
	all(CONTROLLER_V2);
	strcpy(cgroup.disk.why_not, "is on tmpfs, which has no disk of its own");
	check(refused(with("io-read-rate", "1M"), "tmpfs"), "a rate needs a disk, and the refusal says why there is none");
	check(refused(with("io-weight", "5"), "tmpfs"), "so does a weight");
	check(taken(with("io-read-rate", "unlimited")) && taken(with("io-weight", "100")), "no limit needs none");
	cgroup.disk = (struct block_device){ .found = true, .major = 8, .minor = 16 };
	check(taken(with("io-read-rate", "1M")) && taken(with("io-write-iops", "5")), "with a disk rates are taken");
	check(refused(with("io-weight", "5"), "8:16 obeys no weights"), "a disk that obeys no weights is named");
	cgroup.disk.weights = DISK_WEIGHTS_BFQ;
	check(taken(with("io-weight", "5")), "bfq obeys them");
	all(CONTROLLER_V1);
	check(taken(with("io-read-rate", "1M")) && taken(with("io-read-iops", "5")), "v1 holds reads");
	check(refused(with("io-write-rate", "1M"), "page cache") && refused(with("io-write-iops", "5"), "page cache"), "v1 does not hold writes");
	check(limits_need_disk(&(struct container_config){ 0 }) == false, "nothing given, no disk needed");
}

/* --- a tree like cgroupfs ------------------------------------------------------------------------------------------------- */

static const char *const files[] = {
	"memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max", "cpu.max", "cpu.max.burst", "cpu.weight", "cpuset.cpus", "pids.max",
	"cgroup.max.descendants", "io.max", "io.bfq.weight",
};

static char directory[] = "/tmp/berth-unit.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "berth/web/%s", name);
	fd = openat(host.v2_root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

/* A kernel's file takes a value whole; one on disk keeps what is longer, which the values here therefore never are. */
static const char *get(const char *name)
{
	static char text[4096];
	char path[128];

	snprintf(path, sizeof(path), "berth/web/%s", name);
	return read_small_at(host.v2_root, path, text, sizeof(text)) < 0 ? "(missing)" : text;
}

static void fill(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i], "");
}

static struct container_config everything(void)
{
	static const struct berth_setting settings[] = {
		{ BERTH_ASSIGN, "memory", "64M" }, { BERTH_ASSIGN, "memory-high", "32M" }, { BERTH_ASSIGN, "memory-guarantee", "80M" },
		{ BERTH_ASSIGN, "swap", "16M" }, { BERTH_ASSIGN, "cpus", "1.5" }, { BERTH_ASSIGN, "cpu-burst", "0.5" }, { BERTH_ASSIGN, "cpu-weight", "300" },
		{ BERTH_ASSIGN, "cpuset", "0-1" }, { BERTH_ASSIGN, "pids", "77" }, { BERTH_ASSIGN, "cgroups", "5" }, { BERTH_ASSIGN, "io-write-iops", "9" },
		{ BERTH_ASSIGN, "io-weight", "10000" },
	};
	struct container_config config;
	struct berth_error err;

	config_init(&config);
	config_assign(&config, settings, sizeof(settings) / sizeof(settings[0]), &err);
	return config;
}

static void test_apply(void)
{
	struct container_config config = everything();
	struct berth_error err = { 0 };

	fill();
	check(limits_apply(&cgroup, &config, &err) == 0, "all limits at once (%s)", err.text);
	check(!strcmp(get("memory.max"), "67108864") && !strcmp(get("memory.high"), "33554432") && !strcmp(get("memory.swap.max"), "16777216"), "sizes are bytes");
	check(!strcmp(get("memory.low"), "83886080") && !strcmp(get("memory.min"), "67108864"), "a guarantee is memory.low, and memory.min up to 64M");
	check(!strcmp(get("cpu.max"), "150000 100000") && !strcmp(get("cpu.max.burst"), "50000"), "cores are microseconds of 100 ms");
	check(!strcmp(get("cpu.weight"), "300") && !strcmp(get("cpuset.cpus"), "0-1") && !strcmp(get("pids.max"), "77"), "the rest as it is");
	check(!strcmp(get("cgroup.max.descendants"), "6"), "the guest's own root does not count");
	check(!strcmp(get("io.max"), "8:16 wiops=9") && !strcmp(get("io.bfq.weight"), "1000"), "the disk by its number, the weight in bfq's scale");
	check(!strcmp(get("io.weight"), "(missing)"), "and not by the file that would not be obeyed");

	config_init(&config);
	fill();
	check(limits_apply(&cgroup, &config, &err) == 0 && !strcmp(get("memory.max"), "max") && !strcmp(get("cpu.max"), "max 100000"), "no limits are written as such");
	check(!strcmp(get("io.max"), ""), "on the disk nothing is written that nobody asked for");
	check(!strcmp(get("pids.max"), "4096") && !strcmp(get("memory.swap.max"), "0"), "defaults that are limits are limits");
}

/* Every kernel lacks something; which file that is must not matter to those who did not ask for it. */
static void test_missing_files(void)
{
	static const char *const keys_of[] = {
		"memory", "memory-high", "memory-guarantee", "memory-guarantee", "swap", "cpus", "cpu-burst", "cpu-weight", "cpuset", "pids", "cgroups",
		"io-write-iops", "io-weight",
	};
	struct container_config config = everything(), none;
	struct berth_error err;

	config_init(&none);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[128];

		fill();
		snprintf(path, sizeof(path), "berth/web/%s", files[i]);
		unlinkat(host.v2_root, path, 0);
		check(limits_apply(&cgroup, &config, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, files[i]) && strstr(err.text, keys_of[i]),
		      "without %s the key %s is refused, and both are named", files[i], keys_of[i]);
		fill();
		unlinkat(host.v2_root, path, 0);
		check(limits_apply(&cgroup, &none, &err) == 0, "without %s a container that did not ask for it starts", files[i]);
	}
}

static void test_change(void)
{
	struct container_config old, new;
	struct berth_error err;
	char path[128];

	fill();
	old = everything();
	check(limits_apply(&cgroup, &old, &err) == 0, "before the change");
	put("memory.current", "10000000");
	new = old;
	new.memory = 48 << 20;
	new.pids = 55;
	check(limits_change(&cgroup, &old, &new, &err) == 0 && !strcmp(get("memory.max"), "50331648") && !strcmp(get("pids.max"), "55"), "a change is written");
	put("memory.current", "60000000");
	put("memory.reclaim", "");
	check(limits_change(&cgroup, &new, &(struct container_config){ .memory = 1 << 20, .memory_high = UNLIMITED, .pids = 55 }, &err) < 0 &&
	      err.kind == BERTH_REFUSED && strstr(err.text, "58M are in use"), "what is in use and cannot be freed is a refusal with the figure (%s)", err.text);
	check(!strcmp(get("memory.max"), "50331648") && !strcmp(get("memory.high"), "33554432"), "and all is as before");

	/* The last of several is refused by the kernel: the earlier ones go back. */
	put("memory.current", "1000");
	old = new;
	new.memory = 64 << 20;
	new.cpu_weight = 9;
	new.pids = 6;
	snprintf(path, sizeof(path), "berth/web/pids.max");
	unlinkat(host.v2_root, path, 0);
	check(limits_change(&cgroup, &old, &new, &err) < 0, "a change whose last part fails, fails");
	check(!strcmp(get("memory.max"), "50331648") && !strcmp(get("cpu.weight"), "300"), "and leaves nothing changed");
}

static void test_meters(void)
{
	struct limits_meter meter;
	struct limits_usage usage;

	fill();
	put("memory.max", "67108864\n");
	put("memory.current", "1048576\n");
	put("memory.peak", "2097152\n");
	put("memory.events", "low 0\nhigh 7\nmax 3\noom 2\noom_kill 1\n");
	check(limits_read_meter(&cgroup, KEY_MEMORY, &meter) && meter.known && meter.effective == 67108864 && meter.used == 1048576 &&
	      meter.peak == 2097152 && meter.hits == 3, "memory's meter");
	put("memory.high", "max\n");
	check(limits_read_meter(&cgroup, KEY_MEMORY_HIGH, &meter) && meter.effective == UNLIMITED && meter.hits == 7, "max is no limit");
	put("cpu.max", "150000 100000\n");
	put("cpu.stat", "usage_usec 5\nnr_throttled 4\nnr_bursts 2\n");
	put("cpu.max.burst", "50000\n");
	check(limits_read_meter(&cgroup, KEY_CPUS, &meter) && meter.effective == 1500 && meter.hits == 4, "a quota in thousandths of a core");
	check(limits_read_meter(&cgroup, KEY_CPU_BURST, &meter) && meter.effective == 500 && meter.hits == 2, "a burst too");
	put("cpu.max", "max 100000\n");
	check(limits_read_meter(&cgroup, KEY_CPUS, &meter) && meter.effective == UNLIMITED, "no quota");
	put("cpuset.cpus.effective", "0-1,3\n");
	check(limits_read_meter(&cgroup, KEY_CPUSET, &meter) && !strcmp(meter.text, "0-1,3"), "a list is told as it is");
	put("io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=4096 wbps=max riops=7 wiops=max\n");
	check(limits_read_meter(&cgroup, KEY_IO_READ_RATE, &meter) && meter.effective == 4096, "the line of the container's disk");
	check(limits_read_meter(&cgroup, KEY_IO_WRITE_RATE, &meter) && meter.effective == UNLIMITED, "a rate without a limit");
	put("io.bfq.weight", "1000\n");
	check(limits_read_meter(&cgroup, KEY_IO_WEIGHT, &meter) && meter.effective == 10000, "bfq's scale and back");
	put("cgroup.max.descendants", "6\n");
	put("cgroup.stat", "nr_descendants 4\nnr_dying_descendants 0\n");
	check(limits_read_meter(&cgroup, KEY_CGROUPS, &meter) && meter.effective == 5 && meter.used == 3, "the guest's root counts on neither side");
	unlinkat(host.v2_root, "berth/web/pids.max", 0);
	check(limits_read_meter(&cgroup, KEY_PIDS, &meter) && !meter.known, "what the kernel has not is not known");
	check(!limits_read_meter(&cgroup, KEY_HOSTNAME, &meter), "a host name is no limit");
	put("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=1\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n");
	limits_read_usage(&cgroup, BERTH_USAGE_ALL, &usage);
	check(usage.memory == 1048576 && usage.oom_kills == 1 && usage.io_read == 11 && usage.io_written == 22, "what is used");
	unlinkat(host.v2_root, "berth/web/io.stat", 0);
	limits_read_usage(&cgroup, BERTH_USAGE_ALL, &usage);
	check(usage.io_read == UNLIMITED, "what is not counted is not zero");
}

static void test_exhausted(void)
{
	put("memory.max", "67108864\n");
	put("memory.high", "max\n");
	put("memory.swap.max", "0\n");
	put("memory.swap.current", "0\n");
	put("memory.current", "66000000\n");
	put("memory.stat", "anon 60000000\nactive_file 1000000\ninactive_file 2000000\n");
	check(memory_is_exhausted(&cgroup), "full of what cannot be reclaimed: exhausted");
	put("memory.stat", "anon 40000000\nactive_file 10000000\ninactive_file 10000000\n");
	check(!memory_is_exhausted(&cgroup), "page cache makes way: slow, not stuck");
	put("memory.stat", "anon 60000000\nactive_file 0\ninactive_file 0\n");
	put("memory.current", "30000000\n");
	check(!memory_is_exhausted(&cgroup), "far from its limit it waits for the host, which is not its doing");
	put("memory.high", "31000000\n");
	check(memory_is_exhausted(&cgroup), "memory-high is a limit too");
	put("memory.max", "max\n");
	put("memory.high", "max\n");
	check(!memory_is_exhausted(&cgroup), "without a limit never");
}

int main(void)
{
	test_versions();
	test_disks();
	all(CONTROLLER_V2);
	cgroup.disk = (struct block_device){ .found = true, .major = 8, .minor = 16, .weights = DISK_WEIGHTS_BFQ };
	if (!mkdtemp(directory) || (host.v2_root = open(directory, O_RDONLY | O_DIRECTORY)) < 0 || mkdirat(host.v2_root, "berth", 0700) < 0 ||
	    mkdirat(host.v2_root, "berth/web", 0700) < 0)
		return 1;
	test_apply();
	test_missing_files();
	test_change();
	test_meters();
	test_exhausted();
	struct berth_error err;
	remove_tree_at(AT_FDCWD, directory, &err);
	return tap_done();
}
