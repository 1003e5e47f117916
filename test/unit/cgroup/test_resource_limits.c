/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cgroup/resource_limits.h"
#include "tap.h"

static void all(struct cgroup_host *host, enum controller_version version)
{
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		host->version[c] = version;
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

static bool refused(const struct cgroup_host *host, struct container_config config, const char *because)
{
	struct berth_error err = { 0 };

	return limits_check(host, &config, &err) < 0 && err.kind == BERTH_REFUSED && strstr(err.text, because);
}

static bool taken(const struct cgroup_host *host, struct container_config config)
{
	struct berth_error err;

	return limits_check(host, &config, &err) == 0;
}

int main(void)
{
	static const char *const given[][2] = { { "memory", "1M" }, { "swap", "1M" }, { "cpus", "1" }, { "cpu-weight", "5" }, { "cpuset", "0" }, { "pids", "5" } };
	struct cgroup_host host = { .v2_root = -1 };
	struct container_config both;

	all(&host, CONTROLLER_V2);
	for (size_t i = 0; i < 6; i++)
		check(taken(&host, with(given[i][0], given[i][1])), "v2 takes %s", given[i][0]);
	check(taken(&host, with("memory-high", "1M")), "v2 takes memory-high");
	all(&host, CONTROLLER_ABSENT);
	for (size_t i = 0; i < 6; i++)
		check(refused(&host, with(given[i][0], given[i][1]), "no "), "without its controller %s is refused", given[i][0]);
	check(taken(&host, with("description", "x")), "what is not given needs no controller");
	all(&host, CONTROLLER_V1);
	check(refused(&host, with("memory-high", "1M"), "cgroup v1"), "v1 has no memory.high");
	check(taken(&host, with("memory-high", "unlimited")), "but no limit is fine");
	check(refused(&host, with("swap", "1M"), "give memory too"), "v1 limits swap only with memory");
	both = with("swap", "1M");
	both.memory = 1 << 20;
	check(taken(&host, both), "with memory it does");
	check(refused(&host, with("swap", "0"), "give memory too"), "no swap at all is a limit too");
	check(taken(&host, with("swap", "unlimited")) && taken(&host, with("memory", "1M")), "unlimited swap is none, and memory alone is fine");
	both = with("memory-high", "1M");
	both.memory = 1 << 20;
	check(refused(&host, both, "memory-high"), "memory-high is refused beside memory, by its name");

	/* Hybrid hosts: each controller counts for itself. */
	all(&host, CONTROLLER_V2);
	host.version[CONTROLLER_MEMORY] = CONTROLLER_V1;
	check(refused(&host, with("memory-high", "1M"), "cgroup v1") && taken(&host, with("cpus", "1")), "only memory held by v1");
	all(&host, CONTROLLER_V1);
	host.version[CONTROLLER_MEMORY] = CONTROLLER_V2;
	check(taken(&host, with("memory-high", "1M")) && taken(&host, with("swap", "1M")), "only memory held by v2");
	all(&host, CONTROLLER_V2);
	host.version[CONTROLLER_PIDS] = CONTROLLER_ABSENT;
	check(refused(&host, with("pids", "5"), "pids") && taken(&host, with("memory", "1M")), "only pids absent");
	host.version[CONTROLLER_CPUSET] = CONTROLLER_ABSENT;
	check(taken(&host, with("cpuset", "all")) && refused(&host, with("cpuset", "0-1"), "cpuset"), "all cores need no controller, some do");
	host.version[CONTROLLER_IO] = CONTROLLER_ABSENT;
	check(taken(&host, with("cpus", "unlimited")), "a controller without a key is not needed");
	return tap_done();
}
