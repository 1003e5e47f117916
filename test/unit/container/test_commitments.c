/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sums, by an instance in a directory of its own; no container runs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/commitments.h"
#include "container/host.h"
#include "tap.h"

#define MIB UINT64_C(1048576)

static struct berth *berth;
static struct commitments sums;
static struct policy policy;
static char list[257];

static struct container one(const char *name, uint64_t id, uint64_t memory)
{
	struct container container = { .berth = berth, .directory = -EBADF };

	strcpy(container.name, name);
	config_init(&container.config);
	container.config.id = id;
	container.config.memory = memory;
	return container;
}

static int take(const struct container *container, bool running, struct berth_error *err)
{
	return commitments_take(container, &container->config, running, &policy, list, &sums, err);
}

static void damage(const char *path, off_t at)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%s/run/berth/.commitments", path);
	fd = open(name, O_WRONLY);
	if (fd < 0 || pwrite(fd, "\0\0\0\0\0\0\0\0", 8, at) != 8)
		abort();
	close(fd);
}

static void test_sums(void)
{
	struct container a = one("a", berth->id_first, 100 * MIB), b = one("b", berth->id_last, UNLIMITED);
	struct berth_error err = { 0 };

	check(take(&a, false, &err) == 0 && sums.sold.containers == 1 && sums.sold.memory == 100 * MIB && sums.running.containers == 0, "one is sold (%s)", err.text);
	check(take(&b, true, &err) == 0 && sums.sold.containers == 2 && sums.sold.no_memory == 1 && sums.running.containers == 1, "one without a limit runs");
	check(take(&b, true, &err) == 0 && sums.sold.containers == 2, "said twice it counts once");
	a.config.memory = 50 * MIB;
	check(take(&a, true, &err) == 0 && sums.sold.memory == 50 * MIB && sums.running.memory == 50 * MIB, "a change counts in place of what was");
	check(take(&b, false, &err) == 0 && sums.running.containers == 1, "one has stopped");
	check(commitments_drop(&a, &sums, &err) == 0 && sums.sold.containers == 1 && sums.sold.memory == 0 && sums.running.memory == 0, "one is gone");
	check(commitments_drop(&b, &sums, &err) == 0 && sums.sold.containers == 0 && sums.sold.no_memory == 0, "and the other");
	check(commitments_drop(&b, &sums, &err) == 0 && sums.sold.containers == 0, "gone twice is gone");
}

static void test_policy(void)
{
	struct container a = one("a", berth->id_first, 0), b = one("b", berth->id_first + 1, 0);
	struct host_resources host;
	struct berth_error err;
	uint64_t usable;

	host_resources_read(berth, &host, &err);
	usable = host_usable_memory(&host, &policy);
	check(usable < host.memory && usable > host.memory / 2, "a tenth is the host's own");
	policy.memory_oversell = 1500;
	a.config.memory = usable;
	b.config.memory = usable / 2 + MIB;
	check(take(&a, false, &err) == 0, "all of the memory can be sold");
	check(take(&b, false, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, "memory-oversell"), "and half of it again, not more: %s", err.text);
	commitments_read(berth, &sums, &err);
	check(sums.sold.containers == 1, "what is refused is not recorded");
	b.config.memory -= 2 * MIB;
	check(take(&b, false, &err) == 0, "half of it fits");
	policy.memory_oversell = 1000;
	b.config.memory -= MIB;
	check(take(&b, false, &err) == 0, "whoever takes less is not refused, oversold as the host is");
	b.config.memory = UNLIMITED;
	check(take(&b, false, &err) < 0 && strstr(err.text, "whole host"), "no limit is all there is: %s", err.text);
	policy.warn = true;
	check(take(&b, false, &err) == 0 && strstr(berth_warning(berth), "whole host"), "with warn it is said and done");
	policy.warn = false;
	commitments_drop(&b, &sums, &err);
	policy.memory_oversell = UNLIMITED;
	b.config.memory = UNLIMITED;
	b.config.memory_guarantee = usable;
	check(take(&b, false, &err) == 0, "all can be guaranteed");
	a.config.memory_guarantee = MIB;
	policy.warn = true;
	check(take(&a, false, &err) < 0 && strstr(err.text, "memory-guarantee"), "and nothing more, whatever the policy: %s", err.text);
	policy.warn = false;
	policy.cpus_oversell = 1000;
	a.config.memory_guarantee = 0;
	a.config.cpus = host.cpus + 1;
	check(take(&a, false, &err) < 0 && strstr(err.text, "cpus-oversell"), "cores are counted too: %s", err.text);
	policy.cpus_oversell = UNLIMITED;
	commitments_drop(&a, &sums, &err);
	commitments_drop(&b, &sums, &err);
}

static void test_cores(void)
{
	struct container a = one("a", berth->id_first, UNLIMITED), b = one("b", berth->id_first + 1, UNLIMITED);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	char first[257];
	struct berth_error err;

	strcpy(a.config.cpuset, CPUSET_AUTO);
	strcpy(b.config.cpuset, CPUSET_AUTO);
	a.config.cpus = b.config.cpus = 500;
	check(take(&a, true, &err) == 0 && list[0] && !strchr(list, ','), "half a core needs one: %s", list);
	strcpy(first, list);
	check(take(&b, true, &err) == 0 && (online < 2 || strcmp(first, list) != 0), "the next one gets another: %s", list);
	check(take(&a, true, &err) == 0 && !strcmp(first, list), "who has cores keeps them");
	a.config.cpus = 1000 * (uint64_t)online + 1000;
	check(take(&a, true, &err) == 0 && (online < 2 || strchr(list, ',')), "who needs more than there are gets all: %s", list);
	commitments_drop(&a, &sums, &err);
	commitments_drop(&b, &sums, &err);
	commitments_read(berth, &sums, &err);
	for (int i = 0; i < COMMITMENT_CORES; i++)
		if (sums.core_load[i])
			check(false, "core %d is free again", i);
	check(true, "every core is free again");
}

/* A container's files, for the count of all. */
static void make_container(const char *path, const char *name, const char *more)
{
	char directory[PATH_MAX], file[PATH_MAX + 32];
	FILE *out;

	snprintf(directory, sizeof(directory), "%s/var/lib/berth/containers/%s", path, name);
	mkdir(directory, 0700);
	snprintf(file, sizeof(file), "%s/container.conf", directory);
	out = fopen(file, "w");
	fprintf(out, "version = 1\n%stemplate = t\ncreated = 1\nuuid = u\nid = %u\n", more, berth->id_first + (name[0] == '.' ? 9 : (unsigned int)name[0] - 'a'));
	fclose(out);
}

static void test_count(const char *path)
{
	struct berth_error err = { 0 };

	make_container(path, "a", "memory = 1G\n");
	make_container(path, "b", "memory = 2G\nmemory-guarantee = 512M\n");
	make_container(path, ".c.creating", "memory = 4G\n");
	make_container(path, ".d.destroying", "memory = 8G\n");
	commitments_invalidate(berth);
	check(commitments_read(berth, &sums, &err) == 0 && sums.sold.containers == 3 && sums.sold.memory == 7 * 1024 * MIB && sums.sold.guarantee == 512 * MIB,
	      "counted anew: what is there and what is being created (%s)", err.text);
	damage(path, 0);
	check(commitments_read(berth, &sums, &err) == 0 && sums.sold.memory == 7 * 1024 * MIB, "a change that was broken off: counted anew");
	char name[PATH_MAX];
	snprintf(name, sizeof(name), "%s/run/berth/.commitments", path);
	unlink(name);
	check(commitments_read(berth, &sums, &err) == 0 && sums.sold.containers == 3, "no file: counted anew");
	if (truncate(name, 100) < 0)
		abort();
	check(commitments_read(berth, &sums, &err) == 0 && sums.sold.containers == 3, "cut short: counted anew");
	make_container(path, "a", "memory = rubbish\n");
	commitments_invalidate(berth);
	check(commitments_read(berth, &sums, &err) == 0 && sums.sold.containers == 2, "one that cannot be read is left out");
}

int main(void)
{
	char path[] = "/tmp/berth-unit.XXXXXX";
	struct berth_error err;
	int fd;

	if (!mkdtemp(path) || berth_open(path, &berth, &err) < 0 || (fd = instance_directory(berth, DIRECTORY_CONTAINERS, &err)) < 0)
		return 1;
	close(fd);
	policy_init(&policy);
	test_sums();
	test_policy();
	test_cores();
	test_count(path);
	berth_close(berth);
	remove_tree_at(AT_FDCWD, path, &err);
	return tap_done();
}
