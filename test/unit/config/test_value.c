/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "tap.h"

static bool parses(const struct value_type *type, const char *text)
{
	char why[128] = "";
	void *field = calloc(1, type->size);
	bool good = type->parse(text, field, why, sizeof(why));

	free(field);
	return good;
}

/* Whether text parses and is shown as expected, and that parses to the same again. */
static bool shows(const struct value_type *type, const char *text, const char *expected)
{
	char why[128], shown[VALUE_TEXT_MAX], again[VALUE_TEXT_MAX];
	void *field = calloc(2, type->size);
	bool good = type->parse(text, field, why, sizeof(why));

	if (good) {
		type->format(field, 0, shown);
		memset(field, 0, type->size);
		good = type->parse(shown, field, why, sizeof(why));
		type->format(field, 0, again);
		if (strcmp(shown, expected) != 0)
			printf("# '%s' is shown as '%s'\n", text, shown);
		good = good && !strcmp(shown, expected) && !strcmp(again, expected);
	}
	free(field);
	return good;
}

static void test_sizes(void)
{
	static const char *const good[][2] = {
		{ "0", "0" }, { "1", "1" }, { "512M", "512M" }, { "512m", "512M" }, { "1.5G", "1536M" }, { "1024K", "1M" }, { "4T", "4T" },
		{ "unlimited", "unlimited" }, { "0.5K", "512" }, { "1000", "1000" }, { "4000000000000000001", "4000000000000000001" }, { "122122221.1G", "131127736434845286" }, { "2097152T", "2097152T" },
	};
	static const char *const bad[] = {
		"", "-1", "1.5X", "99999999999999999T", " 1", "1 ", "0x10", "1e3", "+5", "1.0005G", "1.5", "M", ".5M", "1..5M", "1.M", "1MB", "1,5M",
		"18446744073709551616", "18446744073709551615", "9223372036854775807", "8388608T", "infinity", "nan", "Unlimited", "1\n",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		check(shows(&type_SIZE, good[i][0], good[i][1]), "size %s", good[i][0]);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!parses(&type_SIZE, bad[i]), "no size: '%.20s'", i == ARRAY_LENGTH(bad) - 1 ? "with a newline" : bad[i]);
}

static void test_numbers(void)
{
	check(shows(&type_CORES, "0.5", "0.5") && shows(&type_CORES, "2", "2") && shows(&type_CORES, "1.250", "1.25") && shows(&type_CORES, "unlimited", "unlimited"), "cores");
	check(!parses(&type_CORES, "0") && !parses(&type_CORES, "0.009") && !parses(&type_CORES, "9000") && !parses(&type_CORES, "1.2345") && !parses(&type_CORES, "-1") && !parses(&type_CORES, ""), "no cores");
	check(shows(&type_WEIGHT, "1", "1") && shows(&type_WEIGHT, "10000", "10000"), "weights");
	check(!parses(&type_WEIGHT, "0") && !parses(&type_WEIGHT, "10001") && !parses(&type_WEIGHT, "1.5") && !parses(&type_WEIGHT, "unlimited"), "no weights");
	check(shows(&type_COUNT, "4194304", "4194304") && shows(&type_COUNT, "unlimited", "unlimited"), "counts");
	check(!parses(&type_COUNT, "0") && !parses(&type_COUNT, "4194305") && !parses(&type_COUNT, "1k"), "no counts");
	check(shows(&type_YES_NO, "yes", "yes") && shows(&type_YES_NO, "no", "no") && !parses(&type_YES_NO, "YES") && !parses(&type_YES_NO, "true") && !parses(&type_YES_NO, ""), "yes and no");
}

static void test_texts(void)
{
	char long_text[300];

	memset(long_text, 'a', sizeof(long_text));
	long_text[256] = '\0';
	check(parses(&type_TEXT, long_text) && parses(&type_TEXT, "ünïcode, 'quotes' = # all") && parses(&type_TEXT, ""), "texts");
	long_text[256] = 'a';
	long_text[257] = '\0';
	check(!parses(&type_TEXT, long_text) && !parses(&type_TEXT, "two\nlines") && !parses(&type_TEXT, "\033[2J") && !parses(&type_TEXT, " x") && !parses(&type_TEXT, "x "), "no texts");
	check(parses(&type_HOST_NAME, "web1") && parses(&type_HOST_NAME, "a.b-c.example") && parses(&type_HOST_NAME, "1"), "host names");
	long_text[65] = '\0';
	check(!parses(&type_HOST_NAME, "-a") && !parses(&type_HOST_NAME, "a-") && !parses(&type_HOST_NAME, "a..b") && !parses(&type_HOST_NAME, ".a") && !parses(&type_HOST_NAME, "a.") &&
	      !parses(&type_HOST_NAME, "a_b") && !parses(&type_HOST_NAME, "a b") && !parses(&type_HOST_NAME, long_text), "no host names");
	check(parses(&type_DOMAINS, "example.org example.net") && !parses(&type_DOMAINS, "a  b") && !parses(&type_DOMAINS, " a") && !parses(&type_DOMAINS, "a "), "search domains");
	check(parses(&type_INIT_PATH, "/sbin/init") && !parses(&type_INIT_PATH, "sbin/init") && !parses(&type_INIT_PATH, "/") && !parses(&type_INIT_PATH, ""), "init paths");
	check(shows(&type_CPU_LIST, "0-3,6", "0-3,6") && shows(&type_CPU_LIST, "all", "all") && shows(&type_CPU_LIST, "0", "0"), "cpu lists");
	check(!parses(&type_CPU_LIST, "3-1") && !parses(&type_CPU_LIST, "0-") && !parses(&type_CPU_LIST, "9999") && !parses(&type_CPU_LIST, ",") && !parses(&type_CPU_LIST, "1,") && !parses(&type_CPU_LIST, "") && !parses(&type_CPU_LIST, "a"), "no cpu lists");
}

static void test_addresses(void)
{
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4/32", "300.1.1.1", "01.2.3.4", "127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "169.254.0.1",
		"::", "::1", "fe80::1", "ff02::1", "::ffff:1.2.3.4", "2001:db8::/64", "2001:db8::1%eth0", "g::", " 1.2.3.4",
	};
	struct address_list list = { 0 };
	char why[128], text[32];

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!parses(&type_ADDRESSES, bad[i]), "no address: '%s'", bad[i]);
	check(shows(&type_ADDRESSES, "192.0.2.10", "192.0.2.10") && shows(&type_ADDRESSES, "2001:DB8:0:0::10", "2001:db8::10"), "addresses");
	check(type_ADDRESSES.parse("192.0.2.1", &list, why, sizeof(why)) && !type_ADDRESSES.parse("192.0.2.1", &list, why, sizeof(why)), "one twice is refused");
	for (int i = 2; i <= ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		type_ADDRESSES.parse(text, &list, why, sizeof(why));
	}
	check(list.count == ADDRESSES_MAX && !type_ADDRESSES.parse("192.0.2.200", &list, why, sizeof(why)), "there is room for %d and no more", ADDRESSES_MAX);
	check(type_ADDRESSES.remove("192.0.2.5", &list) && list.count == ADDRESSES_MAX - 1 && !type_ADDRESSES.remove("192.0.2.5", &list), "one is removed once");
}

static void test_names(void)
{
	static const char *const bad[] = { "", "-a", "A", "a/b", "..", ".", "a b", "a.b", "ä", "123456789012345678901234567890123", "a\n" };

	check(name_is_valid("101") && name_is_valid("web-1") && name_is_valid("a") && name_is_valid("12345678901234567890123456789012"), "container names");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!name_is_valid(bad[i]), "no container name (%zu)", i);
	check(template_name_is_valid("busybox") && template_name_is_valid("debian:12") && template_name_is_valid("ubuntu:24.04"), "template names");
	check(!template_name_is_valid("debian:") && !template_name_is_valid(":12") && !template_name_is_valid("../x") && !template_name_is_valid("a:../b") &&
	      !template_name_is_valid("a:.b") && !template_name_is_valid("a-b") && !template_name_is_valid("a:b/c") && !template_name_is_valid(""), "no template names");
}

int main(void)
{
	struct container_config config;

	/* A row whose type writes more than its member has would corrupt the next one. */
#define KEY(id, name, field, type, ...) check(type_##type.size == sizeof(config.field), "%s: its type and its member have one size", name);
#include "config/keys.def"
#undef KEY
	test_sizes();
	test_numbers();
	test_texts();
	test_addresses();
	test_names();
	return tap_done();
}
