/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of cgroups, of either version, of the disks and of the mounts: every one of them says what the input says. They are names of one file
 * in a directory that stands for the host's hierarchies.
 */
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static FILE *fuzz_setmntent(const char *path, const char *mode);
#define setmntent fuzz_setmntent
#include "cgroup/controllers.c"
#undef setmntent

#include "base/block_device.h"
#include "cgroup/container_cgroup.h"
#include "cgroup/memory_events.h"
#include "cgroup/resource_limits.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char place[] = "/dev/shm/berth-fuzz.XXXXXX";
static int root, file, disk;
static char *mounts;

static FILE *fuzz_setmntent(const char *path, const char *mode)
{
	(void)path;
	return fmemopen(mounts, strlen(mounts) + 1, mode);
}

static void link_all(const char *directory, const char *const *names)
{
	char path[128];

	for (; *names; names++) {
		snprintf(path, sizeof(path), "%s/%s", directory, *names);
		must(linkat(root, "text", root, path, 0) == 0);
	}
}

static void clean_up(void)
{
	struct berth_error err;

	(void)remove_tree_at(AT_FDCWD, place, &err);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {
		"cgroup.events", "cgroup.procs", "cgroup.stat", "cgroup.max.descendants", "cgroup.subtree_control", "memory.max", "memory.high",
		"memory.low", "memory.current", "memory.peak", "memory.events", "memory.stat", "memory.swap.max", "memory.swap.current",
		"memory.swap.peak", "memory.swap.events", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes",
		"memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", "memory.memsw.failcnt", "memory.failcnt", "memory.oom_control", "cpu.max",
		"cpu.max.burst", "cpu.weight", "cpu.stat", "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_burst_us", "cpuset.cpus.effective",
		"cpuset.effective_cpus", "pids.max", "pids.current", "pids.peak", "pids.events", "io.stat", "io.max", "io.weight", "io.bfq.weight",
		"blkio.bfq.weight", "blkio.throttle.read_bps_device", "blkio.throttle.read_iops_device", "blkio.throttle.io_service_bytes_recursive",
		NULL
	};
	static const char *const top[] = { "io.cost.qos", NULL }, *const procs[] = { "cgroup.procs", NULL };
	static const char *const device[] = { "dev", "queue/scheduler", "slaves/sda/dev", NULL };
	char path[80];
	struct stat st;

	(void)argc;
	(void)argv;
	must(mkdtemp(place));
	atexit(clean_up);
	root = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = openat(root, "text", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	must(file >= 0 && mkdirat(root, "berth", 0700) == 0 && mkdirat(root, "berth/c1", 0700) == 0 && mkdirat(root, "berth/c1/guest", 0700) == 0);
	link_all("berth/c1", names);
	link_all(".", top);
	link_all("berth/c1/guest", procs);
	/* The disk of this directory, as /sys shows it; without one of its own there is nothing to look at. */
	disk = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(disk >= 0 && fstat(disk, &st) == 0);
	must(mkdirat(root, "dev", 0700) == 0 && mkdirat(root, "dev/block", 0700) == 0);
	snprintf(path, sizeof(path), "dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	for (const char *const *one = (const char *const[]){ "", "/queue", "/slaves", "/slaves/sda", NULL }; *one; one++) {
		char below[100];

		snprintf(below, sizeof(below), "%s%s", path, *one);
		must(mkdirat(root, below, 0700) == 0);
	}
	link_all(path, device);
	return 0;
}

static void count_process(pid_t pid, void *data)
{
	(void)pid;
	(*(size_t *)data)++;
}

static void read_everything(const struct container_cgroup *cgroup, const char *text)
{
	struct limits_usage usage;
	size_t processes = 0;

	memset(&usage, 0, sizeof(usage));
	limits_read_usage(cgroup, ~0U, &usage);
	limits_read_usage(cgroup, 0, &usage);
	must(usage.memory == UNLIMITED && usage.io_read == UNLIMITED);
	for (enum key_id key = 0; key < KEY_COUNT; key++) {
		struct limits_meter meter;

		if (limits_read_meter(cgroup, key, &meter) && meter.known)
			must(memchr(meter.text, 0, sizeof(meter.text)) && !strchr(meter.text, '\n'));
	}
	(void)memory_is_exhausted(cgroup);
	(void)memory_major_faults(cgroup);
	container_cgroup_each_process(cgroup, count_process, &processes);
	must(processes <= 2 * (strlen(text) + 1));
	must(!container_cgroup_populated(cgroup) || strstr(text, "populated 1"));
	must(!container_cgroup_is_frozen(cgroup) || strstr(text, "frozen 1"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup_host host = { .v2_root = root }, found = { .v2_root = -1 };
	struct container_cgroup cgroup = { .host = &host, .parent = "berth", .path = "berth/c1", .disk = { .found = true, .major = 8 } };
	char *text = fuzz_text(data, size);
	struct block_device device;
	uint64_t number;

	must(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
	for (int version = CONTROLLER_V1; version <= CONTROLLER_V2; version++) {
		for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
			host.version[c] = (enum controller_version)version;
			snprintf(host.v1_mount[c], sizeof(host.v1_mount[c]), "%s", place);
		}
		cgroup.disk.weights = size % 2 ? DISK_WEIGHTS_COST : DISK_WEIGHTS_BFQ;
		read_everything(&cgroup, text);
	}
	number = controller_read_number(&host, CONTROLLER_MEMORY, "berth/c1", "memory.max");
	must(number == UINT64_MAX || (text[0] >= '0' && text[0] <= '9'));
	number = controller_keyed(text, "oom_kill");
	must(number == UINT64_MAX || strstr(text, "oom_kill "));
	must(!has_word(text, "cpu") || strstr(text, "cpu"));
	mounts = text;
	find_mounts(&found);
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
		must((found.version[c] == CONTROLLER_V1) == (found.v1_mount[c][0] != '\0') || found.version[c] == CONTROLLER_V1);
		must(memchr(found.v1_mount[c], 0, sizeof(found.v1_mount[c])));
	}
	block_device_find(disk, root, root, &device);
	must(device.found || device.why_not[0]);
	free(text);
	return 0;
}
