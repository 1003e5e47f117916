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
	char text[4096];

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
	check(config.memory == 64u << 20 && config.cpus == 500 && config.eth0.addresses.count == 2 && config.id == 17 && !strcmp(config.description, "a = b # c"), "into its values");
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
	check(config_assign(&config, two, 2, &err) == 0 && config.eth0.addresses.count == 2, "a list is given value by value");
	check(assign(&config, (struct berth_setting){ BERTH_ADD, "ip", "192.0.2.3" }) && config.eth0.addresses.count == 3, "one is added");
	check(assign(&config, (struct berth_setting){ BERTH_DELETE, "ip", "192.0.2.2" }) && config.eth0.addresses.count == 2, "one is deleted");
	check(!assign(&config, (struct berth_setting){ BERTH_DELETE, "ip", "192.0.2.2" }), "but not twice");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "ip", "192.0.2.9" }) && config.eth0.addresses.count == 1, "a new list replaces the old one");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "ip", "" }) && config.eth0.addresses.count == 0, "an empty value empties it");
	check(config_assign(&config, twice, 2, &err) < 0 && err.kind == BERTH_USAGE, "a plain key twice is refused");
	check(assign(&config, (struct berth_setting){ BERTH_ASSIGN, "memory", "" }) && config.memory == UNLIMITED && !config.given[KEY_MEMORY], "an empty value is the fallback again");
	check(!assign(&config, (struct berth_setting){ BERTH_ADD, "memory", "1M" }), "nothing can be added to a plain key");
	check(!assign(&config, (struct berth_setting){ BERTH_ASSIGN, "id", "5" }), "identity cannot be set");
	check(!assign(&config, (struct berth_setting){ BERTH_ASSIGN, "frob", "5" }), "an unknown key cannot be set");
}

/* A file with a value for every key. */
static const char full[] =
	"version = 1\nmemory = 1536M\nmemory-high = 1G\nmemory-guarantee = 512M\nswap = unlimited\ncpus = 1.25\ncpu-burst = 0.5\ncpu-weight = 10000\n"
	"cpuset = 0-3,6\npids = unlimited\ncgroups = 100\nio-weight = 500\nio-read-rate = 20M\nio-write-rate = 64K\nio-read-iops = 1000\n"
	"io-write-iops = unlimited\ndisk = 10G\ninodes = 500000\n"
	"hostname = web1.example.org\nnameserver = 192.0.2.53\nnameserver = 2001:db8::53\nsearch = example.org example.net\nip = 192.0.2.1\nip = 2001:db8::1\n"
	"route = 198.51.100.0/29\nroute = 2001:db8:1::/64\nnet-mode = routed\nnet-bridge = br0\nnet-vlan = 5\nnet-gateway = 192.0.2.254\nnet-mac = 02:00:00:00:00:01\n"
	"net-mtu = 1400\nnic = eth1,ip=192.0.2.11,rate-in=10M\nnic = eth2,bridge=br1,ip=10.0.0.2/24\nnet-uplink = enp1s0\nnet-proxy = yes\nnet-nat = yes\n"
	"net-rate-in = 100M\nnet-rate-out = 10M\nnet-packets = 50000\nnet-connections = unlimited\nnet-connection-rate = 500\nsmtp = yes\nnet-block = no\n"
	"port-forward = 2222:22/tcp\nport-forward = 10000-10020:8000-8020/udp\nnet-port-block = 20000-20019\ntraffic-quota = 500G\ntraffic-counted = out\n"
	"traffic-action = throttle\ntraffic-throttle = 1M\ntraffic-reset-day = 15\n"
	"timezone = Europe/Prague\nlocale = cs_CZ.UTF-8\nmount = /srv/data:/data:ro\nmount = /etc/one file:/etc/two\ndevice = /dev/kvm\ndevice = /dev/sdb:r\ntun = yes\nfuse = yes\n"
	"nesting = yes\ncredential = firstboot.locale=C.UTF-8\ncredential = a=b=c d\ninit = /lib/systemd/systemd --unit=\"a b\"\ninit-reaper = yes\nautostart = yes\ndescription = a = b # \xc3\xbc\nplan = small\nlinked = yes\ntemplate = debian:12\ncreated = 1700000000\n"
	"uuid = 00000000-0000-4000-8000-000000000000\nid = 17\n";

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void test_full(void)
{
	struct container_config config, again;
	CLEAN_FREE char *text = NULL, *second = NULL;
	size_t length, second_length, accepted = 0, given = 0;
	struct berth_error err;

	check(config_parse(full, strlen(full), &config, &err) == 0, "a file with every key is parsed");
	for (size_t i = 0; i < KEY_COUNT; i++)
		given += config.given[i];
	check(given == KEY_COUNT, "every key is given");
	check(config_format(&config, &text, &length, &err) == 0 && strlen(text) == length, "and written as text");
	/* Its own comment is the one line more. */
	check(count_lines(text) == count_lines(full) + 1, "with a line for every value");
	check(config_parse(text, length, &again, &err) == 0 && !memcmp(&config, &again, sizeof(config)), "which parses to the same");
	check(config_format(&again, &second, &second_length, &err) == 0 && !strcmp(text, second), "and is written the same again");
	for (size_t cut = 0; cut < strlen(full); cut++)
		accepted += config_parse(full, cut, &again, &err) == 0;
	check(accepted == 0, "cut short at any byte it is refused");
	for (size_t i = 0; i < KEY_COUNT; i++)
		check(config_same(&config, &config, &keys[i]) && key_field(&config, &keys[i]) != NULL, "%s is the same as itself", keys[i].outside.name);
}

static void test_bytes(void)
{
	static const char bad[] = { '\0', '\001', '\t', '\r', '\033', '\177' };
	struct container_config config, before;
	struct berth_error err;
	char text[sizeof(full)];
	size_t accepted = 0;

	memset(&config, 0x55, sizeof(config));
	before = config;
	for (size_t i = 0; i < strlen(full); i++)
		for (size_t j = 0; j < sizeof(bad); j++) {
			memcpy(text, full, sizeof(full));
			text[i] = bad[j];
			accepted += config_parse(text, strlen(full), &config, &err) == 0;
		}
	check(accepted == 0, "a byte that is no text is refused anywhere");
	check(!memcmp(&config, &before, sizeof(config)), "and nothing is returned");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + 128);
	check(config_parse(text, sizeof(text), &config, &err) < 0 && err.text[0] && !strchr(err.text, '\n'), "so is binary");
	memset(text, '\n', sizeof(text));
	check(config_parse(text, sizeof(text), &config, &err) < 0, "and nothing but newlines");
}

static void test_lines(void)
{
	char text[8192], because[64];
	struct container_config config;
	struct berth_error err;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *line = full, *name = keys[i].outside.name, *end;

		while (strncmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ' ')
			line = strchr(line, '\n') + 1;
		end = strchr(line, '\n') + 1;
		/* Once more at the end. */
		snprintf(text, sizeof(text), "%s%.*s", full, (int)(end - line), line);
		check(refuses(text, "given twice"), "%s twice is refused", name);
		snprintf(text, sizeof(text), "%.*s%s", (int)(line - full), full, end);
		snprintf(because, sizeof(because), "%s is missing", name);
		if (keys[i].outside.readonly && !keys[i].outside.fallback[0])
			check(refuses(text, because), "without %s it is refused", name);
		else
			check(config_parse(text, strlen(text), &config, &err) == 0, "without %s it is fine", name);
	}
	snprintf(text, sizeof(text), "%smemory-high = 1G", good);
	check(refuses(text, "no newline"), "a last line that is cut short is not passed over");
	check(refuses("version = 1\n", "is missing"), "a version alone");
	check(refuses("version = 10\n", "version '10'") && refuses("version = \n", "version ''") && refuses("version = 1 \n", "version") && refuses("version = x\n", "version 'x'"), "versions that are not this one");
	check(refuses_with("version = 1", "there is no key 'version'"), "a version twice");
	check(refuses_with("Memory2 = 1", "line 2"), "the line is named");
	check(refuses_with("ip =", "ip: ''") && refuses_with("swap =", "swap: ''") && refuses_with("= 5", "no key ''"), "half a line");
	check(refuses_with("swap = 1\xff", "swap"), "a byte that is no character");
	snprintf(text, sizeof(text), "version = 1\nswap=5\n  pids =  6  \n #x\n   \n%s", strstr(good, "template"));
	check(config_parse(text, strlen(text), &config, &err) == 0 && config.swap == 5 && config.pids == 6, "blanks around keys, values and comments are nothing");
	for (int i = 0; i <= ADDRESSES_MAX; i++)
		snprintf(text + (i ? strlen(text) : 0), sizeof(text) - (i ? strlen(text) : 0), "%sip = 10.0.0.%d\n", i ? "" : "version = 1\n", i + 1);
	check(refuses(text, "there are 64 already"), "more addresses than there is room for");
}

static void test_more_assign(void)
{
	struct container_config config, before;
	struct berth_error err = { 0 };
	const struct berth_setting mixed[] = {
		{ BERTH_ADD, "ip", "192.0.2.7" }, { BERTH_ASSIGN, "ip", "192.0.2.8" }, { BERTH_ADD, "ip", "2001:db8::1" }, { BERTH_DELETE, "ip", "192.0.2.8" },
	};
	const struct berth_setting lists[] = { { BERTH_ASSIGN, "ip", "192.0.2.1" }, { BERTH_ASSIGN, "nameserver", "192.0.2.1" } };

	config_init(&config);
	before = config;
	check(config_assign(&config, NULL, 0, &err) == 0 && !memcmp(&config, &before, sizeof(config)), "no settings change nothing");
	check(config_assign(&config, mixed, 4, &err) == 0 && config.eth0.addresses.count == 1 && config.eth0.addresses.at[0].family == 10, "settings are applied in their order; the first assignment empties the list");
	check(assign(&config, (struct berth_setting){ BERTH_ADD, "ip", "192.0.2.9" }) && config.eth0.addresses.count == 2, "what is added to a list leaves what is there");
	check(!assign(&config, (struct berth_setting){ BERTH_ADD, "ip", "192.0.2.9" }) && config.eth0.addresses.count == 2, "what is there is not added again");
	check(config_assign(&config, lists, 2, &err) == 0 && config.eth0.addresses.count == 1 && config.nameserver.count == 1, "each list is its own");
	check(!assign(&config, (struct berth_setting){ BERTH_DELETE, "search", "x" }) && !assign(&config, (struct berth_setting){ BERTH_DELETE, "memory", "" }), "nothing can be deleted from a plain key");
	check(config_assign(&config, &(struct berth_setting){ BERTH_ASSIGN, "memory", "-1" }, 1, &err) < 0 && err.kind == BERTH_USAGE && strstr(err.text, "memory") &&
	      strstr(err.text, "'-1'") && strstr(err.text, "512M"), "a refusal names the key, the value and what is accepted");
	check(config_assign(&config, &(struct berth_setting){ BERTH_ASSIGN, "description", "two\nlines\033[2J" }, 1, &err) < 0 && !strchr(err.text, '\n') && !strchr(err.text, '\033'), "in one printable line");
	check(config.memory == UNLIMITED && !config.given[KEY_MEMORY], "what is refused is not given");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		struct berth_setting empty = { BERTH_ASSIGN, keys[i].outside.name, "" };
		struct container_config cleared;

		config_parse(full, strlen(full), &cleared, &err);
		if (keys[i].outside.readonly)
			check(!assign(&cleared, empty), "%s cannot be emptied", keys[i].outside.name);
		else
			check(assign(&cleared, empty) && !cleared.given[i] && config_same(&cleared, &before, &keys[i]), "%s emptied is its fallback", keys[i].outside.name);
	}
}

int main(void)
{
	test_parse();
	test_assign();
	test_full();
	test_bytes();
	test_lines();
	test_more_assign();
	return tap_done();
}
