/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "tap.h"

static const char good[] =
	"version = 1\n# a comment\n\nmemory = 64M\ncpus = 0.5\nip = 192.0.2.1\nip = 2001:db8::1\ndescription = a = b # c\n"
	"template = debian:12\ncreated = 1700000000\nuuid = 00000000-0000-4000-8000-000000000000\nid = 17\n";

static bool refuses(const char *text, const char *because)
{
	struct container_config config;
	struct berth_error err = { 0 };

	if (config_parse(text, strlen(text), &config, &err) == 0)
		return false;
	if (!strstr(err.text, because))
		printf("# said: %s\n", err.text);
	return strstr(err.text, because) && err.kind == BERTH_FAILED;
}

static bool refuses_with(const char *line, const char *because)
{
	char text[2048];

	snprintf(text, sizeof(text), "version = 1\n%s\n%s", line, good + strlen("version = 1\n"));
	return refuses(text, because);
}

static void test_parse(void)
{
	struct container_config config, again;
	struct berth_error err;
	CLEAN_FREE char *text = NULL;
	size_t length, accepted = 0;

	check(config_parse(good, strlen(good), &config, &err) == 0, "a good file is parsed");
	check(config.memory == 64u << 20 && config.cpus == 500 && config.ip.count == 2 && config.id == 17 && !strcmp(config.description, "a = b # c"), "into its values");
	check(config.given[KEY_MEMORY] && !config.given[KEY_SWAP] && config.swap == 0 && config.pids == 4096 && config.memory_high == UNLIMITED, "what is not given has its fallback");
	check(config_format(&config, &text, &length, &err) == 0 && config_parse(text, length, &again, &err) == 0 && !memcmp(&config, &again, sizeof(config)), "written and read it is the same");
	for (size_t cut = 0; cut < length; cut++)
		accepted += config_parse(text, cut, &again, &err) == 0;
	check(accepted == 0, "cut short at any byte it is refused");

	check(refuses("", "empty"), "an empty file");
	check(refuses("version = 2\n", "version '2'"), "a later version");
	check(refuses("memory = 1M\n", "first line"), "no version");
	check(refuses_with("frob = 1", "there is no key 'frob'"), "an unknown key");
	check(refuses_with("memory = 1M", "given twice"), "a key twice");
	check(refuses_with("swap = -1", "swap: '-1'"), "a bad value");
	check(refuses_with("swap", "no 'key = value'"), "no value");
	check(refuses_with("swap = 1\001M", "is no text"), "a control byte");
	check(refuses_with("ip = 192.0.2.1\nip = 192.0.2.1", "given twice"), "an address twice");
}

static bool assign(struct container_config *config, struct berth_setting setting)
{
	struct berth_error err;

	return config_assign(config, &setting, 1, &err) == 0;
}

static void test_assign(void)
{
	struct container_config config;
	struct berth_error err;
	const struct berth_setting two[] = { { BERTH_ASSIGN, "ip", "192.0.2.1" }, { BERTH_ASSIGN, "ip", "192.0.2.2" } };
	const struct berth_setting twice[] = { { BERTH_ASSIGN, "memory", "1M" }, { BERTH_ASSIGN, "memory", "2M" } };

	config_init(&config);
	check(config_assign(&config, two, 2, &err) == 0 && config.ip.count == 2, "a list is given value by value");
	check(assign(&config, (struct berth_setting){ BERTH_ADD, "ip", "192.0.2.3" }) && config.ip.count == 3, "one is added");
	check(assign(&config, (struct berth_setting){ BERTH_DELETE, "ip", "192.0.2.2" }) && config.ip.count == 2, "one is deleted");
	check(!assign(&config, (struct berth_setting){ BERTH_DELETE, "ip", "192.0.2.2" }), "but not twice");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "ip", "192.0.2.9" }) && config.ip.count == 1, "a new list replaces the old one");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "ip", "" }) && config.ip.count == 0, "an empty value empties it");
	check(config_assign(&config, twice, 2, &err) < 0 && err.kind == BERTH_USAGE, "a plain key twice is refused");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "memory", "" }) && config.memory == UNLIMITED && !config.given[KEY_MEMORY], "an empty value is the fallback again");
	check(!assign(&config, (struct berth_setting){ BERTH_ADD, "memory", "1M" }), "nothing can be added to a plain key");
	check(!assign(&config, (struct berth_setting){ BERTH_ASSIGN, "id", "5" }), "identity cannot be set");
	check(!assign(&config, (struct berth_setting){ BERTH_ASSIGN, "frob", "5" }), "an unknown key cannot be set");
}

int main(void)
{
	test_parse();
	test_assign();
	return tap_done();
}
