/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/cleanup.h"
#include "config/policy.h"
#include "tap.h"

static bool refused(const char *text, const char *because)
{
	struct berth_error err = { .text = "" };
	CLEAN_POLICY struct policy policy;
	bool bad = policy_parse(text, strlen(text), &policy, &err) < 0;

	if (!bad || !strstr(err.text, because))
		printf("# %s\n", err.text);
	return bad && strstr(err.text, because);
}

static void test_whole(void)
{
	static const char text[] =
		"version = 1\n# what is sold\nmemory-reserve = 2G\nmemory-oversell = 1.5\ncpus-oversell=4\noversold = warn\n\n"
		"[defaults]\nmemory = 256M\n  pids = 100  \n\n[plan small]\nmemory = 512M\nnameserver = 192.0.2.1\nnameserver = 192.0.2.2\n"
		"\t[plan large]\nmemory = 4G\ncpus = 2\n";
	CLEAN_POLICY struct policy policy;
	const struct plan *plan;
	struct container_config config;
	struct berth_error err = { .text = "" };

	check(policy_parse(text, strlen(text), &policy, &err) == 0, "a whole file (%s)", err.text);
	check(policy.memory_reserve == UINT64_C(2) << 30 && policy.memory_oversell == 1500 && policy.cpus_oversell == 4000, "its own keys");
	check(policy.disk_oversell == UNLIMITED && policy.swap_oversell == UNLIMITED, "what is not given does not limit");
	check(policy.warn && policy.plan_count == 2, "warn, and two plans");
	check(policy.defaults.given[KEY_MEMORY] && policy.defaults.memory == 256 << 20 && policy.defaults.pids == 100, "defaults");
	check(policy_find_plan(&policy, "small", &plan, &err) == 0 && plan->config.memory == 512 << 20 && plan->config.nameserver.count == 2, "a plan");
	check(!plan->config.given[KEY_PIDS], "a plan has nothing of the defaults");
	check(policy_find_plan(&policy, "huge", &plan, &err) < 0 && err.kind == BERTH_USAGE && strstr(err.text, "small, large"), "the plans there are, are named");
	config_init(&config);
	config_merge(&config, &policy.defaults);
	config_merge(&config, &policy.plans[1].config);
	check(config.memory == UINT64_C(4) << 30 && config.pids == 100 && config.cpus == 2000, "a plan goes over the defaults");
}

static void test_bad(void)
{
	check(refused("", "no newline"), "an empty file");
	check(refused("version = 1\nmemory-oversell = 2", "no newline"), "cut short");
	check(refused("memory-oversell = 2\n", "first line"), "without a version");
	check(refused("version = 2\n", "first line"), "another version");
	check(refused("version = 1\nmemory = 1G\n", "below [defaults]"), "a container's key outside a section");
	check(refused("version = 1\nmemory-oversell = much\n", "accepted is a number"), "a bad ratio");
	check(refused("version = 1\nmemory-oversell = 2000\n", "accepted is a number"), "a ratio past all reason");
	check(refused("version = 1\noversold = maybe\n", "refuse or warn"), "a bad word");
	check(refused("version = 1\nport-range = 66560-70000\n", "a range of ports"), "ports past the last one");
	check(refused("version = 1\nswap-oversell = 1\nswap-oversell = 1\n", "given twice"), "a key twice");
	check(refused("version = 1\n[plan]\n", "no section"), "a plan without a name");
	check(refused("version = 1\n[plan a b]\n", "no plan's name"), "a plan with a bad name");
	check(refused("version = 1\n[plan a\n", "no section"), "a section that does not end");
	check(refused("version = 1\n[plan a]\n[plan a]\n", "already"), "a plan twice");
	check(refused("version = 1\n[plan a]\nmemory = lots\n", "line 3"), "a bad value names its line");
	check(refused("version = 1\n[plan a]\nmemory = 1G\nmemory = 2G\n", "given twice"), "a key twice in a plan");
	check(refused("version = 1\n[plan a]\nip = 192.0.2.1\n", "one container's own"), "an address is no plan's");
	check(refused("version = 1\n[defaults]\nhostname = x\n", "one container's own"), "nor is a host name a default");
	check(refused("version = 1\n[plan a]\nuuid = x\n", "never changed"), "nor an identity");
	check(refused("version = 1\nbare\n", "no 'key = value'"), "a bare word");
	check(refused("version = 1\nx\x01 = 1\n", "no text"), "control bytes");
	CLEAN_POLICY struct policy policy;
	struct berth_error err;

	check(policy_parse("version = 1\n", 12, &policy, &err) == 0 && policy.memory_oversell == UNLIMITED && !policy.warn, "a file that says nothing");
}

static void test_together(void)
{
	static const struct { struct berth_setting settings[2]; const char *because; } bad[] = {
		{ { { BERTH_ASSIGN, "memory", "1G" }, { BERTH_ASSIGN, "memory-guarantee", "2G" } }, "more than memory" },
		{ { { BERTH_ASSIGN, "cpus", "1" }, { BERTH_ASSIGN, "cpu-burst", "1.5" } }, "more than cpus" },
		{ { { BERTH_ASSIGN, "cpu-burst", "1" }, { BERTH_ASSIGN, "pids", "5" } }, "give cpus too" },
		{ { { BERTH_ASSIGN, "cpuset", "auto" }, { BERTH_ASSIGN, "pids", "5" } }, "give cpus too" },
	};
	struct berth_error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct container_config config;

		config_init(&config);
		check(config_assign(&config, bad[i].settings, 2, &err) == 0 && config_check(&config, &err) < 0 && err.kind == BERTH_USAGE &&
		      strstr(err.text, bad[i].because), "%s with %s: %s", bad[i].settings[0].key, bad[i].settings[1].key, err.text);
	}
}

int main(void)
{
	test_whole();
	test_bad();
	test_together();
	return tap_done();
}
