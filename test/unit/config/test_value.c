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
	check(parses(&type_COMMAND, "/sbin/init") && !parses(&type_COMMAND, "sbin/init") && !parses(&type_COMMAND, "/") && !parses(&type_COMMAND, ""), "init paths");
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

/* What no type but the free texts accepts. */
static void test_nonsense(void)
{
	static const struct { const char *name; const struct value_type *type; } types[] = {
		{ "size", &type_SIZE }, { "cores", &type_CORES }, { "weight", &type_WEIGHT }, { "count", &type_COUNT }, { "number", &type_NUMBER },
		{ "cpu list", &type_CPU_LIST }, { "yes or no", &type_YES_NO }, { "address", &type_ADDRESSES }, { "init path", &type_COMMAND },
	};
	static const char *const nonsense[] = {
		"-1", "-0", "1.5X", "99999999999999999T", "", " ", "   ", "0x10", "1e3", "+5", "1.0005G", "3-1", "0-", "-3", "9999-", "1,,2", "\t1", "1\t", "1\n", "\n",
		"\xff\xfe", "1\xc2\xa0", "..", "../..", "%s%n", "'1'", "$(id)", "1;2", "NaN", "inf", "UNLIMITED", "unlimited ", "None", "18446744073709551616",
		"340282366920938463463374607431768211456", "0.0.0.0", "1.2.3.4.5", "a b", "/../\n",
	};
	char name200[201], why[128];

	memset(name200, '9', 200);
	name200[200] = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		size_t accepted = 0;

		for (size_t j = 0; j < ARRAY_LENGTH(nonsense); j++) {
			bool good = parses(types[i].type, nonsense[j]);

			if (good)
				printf("# %s accepts number %zu\n", types[i].name, j);
			accepted += good;
		}
		check(accepted == 0, "no nonsense is a %s", types[i].name);
		check(!parses(types[i].type, name200), "nor are 200 nines");
		check(types[i].type->accepted[0] && types[i].type->syntax[0], "what is one can be said");
	}
	/* A reason must fit wherever it is put. */
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		for (size_t j = 0; j < ARRAY_LENGTH(nonsense); j++) {
			void *field = calloc(1, types[i].type->size);

			memset(why, 0x55, sizeof(why));
			(void)types[i].type->parse(nonsense[j], field, why, 8);
			if (why[8] != 0x55)
				check(0, "%s writes past its reason's end", types[i].name);
			free(field);
		}
}

static bool parse_into(const struct value_type *type, const char *text, void *field)
{
	char why[128];

	return type->parse(text, field, why, sizeof(why));
}

static uint64_t number_of(const struct value_type *type, const char *text)
{
	uint64_t value = 12345;

	return parse_into(type, text, &value) ? value : 54321;
}

static void test_exact(void)
{
	char raw[VALUE_TEXT_MAX];
	uint64_t value;
	bool yes = true;

	check(number_of(&type_SIZE, "1K") == 1024 && number_of(&type_SIZE, "1M") == 1u << 20 && number_of(&type_SIZE, "1G") == 1u << 30 &&
	      number_of(&type_SIZE, "1T") == UINT64_C(1) << 40, "units are powers of 1024");
	check(number_of(&type_SIZE, "1.5G") == 1536u << 20 && number_of(&type_SIZE, "0.125K") == 128 && number_of(&type_SIZE, "2.250M") == 2304 << 10, "with decimals");
	check(number_of(&type_SIZE, "4611686018427387903") == INT64_MAX >> 1 && !parses(&type_SIZE, "4611686018427387904"), "the largest size, and one byte more");
	check(shows(&type_SIZE, "4194303.999T", "4611686017327876276") && shows(&type_SIZE, "18014398509481.985K", "18446744073709552"), "large sizes with decimals are read back");
	check(number_of(&type_SIZE, "4194303T") == UINT64_C(4194303) << 40 && !parses(&type_SIZE, "4194304T"), "the same in terabytes");
	check(number_of(&type_SIZE, "000000000000000000000001") == 1, "zeros in front are no more than zeros");
	check(number_of(&type_CORES, "0.01") == 10 && number_of(&type_CORES, "8191") == 8191000 && !parses(&type_CORES, "8192.001") && !parses(&type_CORES, "18446744073709551616"), "the smallest and a large number of cores");
	check(number_of(&type_COUNT, "1") == 1 && number_of(&type_COUNT, "unlimited") == UNLIMITED, "counts");
	check(number_of(&type_NUMBER, "0") == 0 && number_of(&type_NUMBER, "9223372036854775807") == INT64_MAX && !parses(&type_NUMBER, "9223372036854775808") &&
	      !parses(&type_NUMBER, "unlimited"), "numbers");
	value = 77;
	check(!parse_into(&type_SIZE, "1X", &value) && !parse_into(&type_CORES, "0", &value) && !parse_into(&type_COUNT, "0", &value) && value == 77, "what is refused changes nothing");
	check(!parse_into(&type_YES_NO, "maybe", &yes) && yes, "nor in a yes or no");

	value = 3 << 20;
	type_SIZE.format_raw(&value, 0, raw);
	check(!strcmp(raw, "3145728"), "raw sizes are bytes");
	value = 1250;
	type_CORES.format_raw(&value, 0, raw);
	check(!strcmp(raw, "1.25"), "raw cores are cores");
	value = UNLIMITED;
	type_CORES.format_raw(&value, 0, raw);
	check(!strcmp(raw, "null"), "no limit is null");
	type_YES_NO.format_raw(&yes, 0, raw);
	check(!strcmp(raw, "true"), "yes is true");
}

static void test_cpu_lists(void)
{
	static const char *const bad[] = { "3-1", "0-", "9999", "8192", "0-8192", ",", "1,", ",1", "1,,2", "0-1-2", "0--1", "a", "0-a", "0, 1", "0-3:1/2", "ALL", "all,1" };
	char list[300];

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!parses(&type_CPU_LIST, bad[i]), "no cpu list: '%s'", bad[i]);
	check(shows(&type_CPU_LIST, "8191", "8191") && shows(&type_CPU_LIST, "0-8191", "0-8191") && shows(&type_CPU_LIST, "5-5,1", "5-5,1"), "cpu lists up to the last core");
	for (size_t i = 0; i < sizeof(list); i++)
		list[i] = i % 2 ? ',' : '1';
	list[255] = '\0';
	check(shows(&type_CPU_LIST, list, list), "a cpu list of 255 bytes");
	list[255] = ',';
	list[257] = '\0';
	check(!parses(&type_CPU_LIST, list), "none of 257");
}

static void test_more_texts(void)
{
	static const char *const bad_names[] = { "/", "..", "../x", "a/b", ".", "a..b", "a.-b", "a-.b", "-", "a!", "a\tb", "h\xc3\xb6st", "a:b", "a\nb" };
	static const char *const bad_paths[] = { "", "/", "init", "./init", "../init", "/a\nb", "/a\x7f", "/a ", " /a" };
	char text[300];

	for (size_t i = 0; i < ARRAY_LENGTH(bad_names); i++) {
		check(!parses(&type_HOST_NAME, bad_names[i]), "no host name (%zu)", i);
		check(!parses(&type_DOMAINS, bad_names[i]), "no search domain");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(bad_paths); i++)
		check(!parses(&type_COMMAND, bad_paths[i]), "no init path (%zu)", i);
	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	check(shows(&type_HOST_NAME, text, text), "a host name with a label of 63");
	text[63] = 'a';
	text[64] = '\0';
	check(!parses(&type_HOST_NAME, text), "none of 64");
	text[32] = '.';
	check(shows(&type_HOST_NAME, text, text), "but in two labels it is one");
	memset(text, 'a', sizeof(text));
	text[200] = '\0';
	check(!parses(&type_HOST_NAME, text) && !parses(&type_DOMAINS, text) && !name_is_valid(text) && !template_name_is_valid(text), "200 characters are no name of any kind");
	text[0] = '/';
	check(shows(&type_COMMAND, text, text), "but can be a path");
	memset(text, 'b', sizeof(text));
	text[64] = '\0';
	check(shows(&type_TEXT64, text, text) && !parses(&type_TEXT64, ""), "a text of 64 bytes");
	text[64] = 'b';
	text[65] = '\0';
	check(!parses(&type_TEXT64, text), "none of 65");
	check(shows(&type_TEXT, "# = \"quoted\" \\n %s", "# = \"quoted\" \\n %s"), "a text is shown as it is");
	check(!parses(&type_TEXT, "a\tb") && !parses(&type_TEXT, "a\x7f") && !parses(&type_TEXT, "a\r"), "control bytes are no text");
}

static void test_more_addresses(void)
{
	static const char *const bad[] = {
		"10.0.0.1/24", "10.0.0.1 ", "10.0.0.256", "10.0.0", "0x0a.0.0.1", "167772161", "127.255.255.255", "169.254.255.255", "239.1.2.3", "0.0.0.1",
		"::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:0:0:1", "0::0", "febf::1", "FE80::1", "ff00::", "ff0e::1", "fe80::1%lo", "[2001:db8::1]", "2001:db8::1::2",
		"2001:db8", "localhost", "10.0.0.1,10.0.0.2", "10.0.0.1\n", "2001:db8::10000",
	};
	static const char *const good[][2] = {
		{ "10.0.0.1", "10.0.0.1" }, { "223.255.255.254", "223.255.255.254" }, { "100.64.0.1", "100.64.0.1" }, { "128.0.0.1", "128.0.0.1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, { "fd00::1", "fd00::1" }, { "fec0::1", "fec0::1" }, { "2001:db8::192.0.2.1", "2001:db8::c000:201" },
	};
	struct address_list list = { 0 };
	struct address one, other;
	char text[VALUE_TEXT_MAX], why[128] = "";
	size_t removed = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		check(!parses(&type_ADDRESSES, bad[i]), "no address (%zu): %.20s", i, strchr(bad[i], '\n') ? "with a newline" : bad[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		check(shows(&type_ADDRESSES, good[i][0], good[i][1]), "address %s", good[i][0]);
	check(!type_ADDRESSES.parse("224.0.0.1", &list, why, sizeof(why)) && strstr(why, "multicast") && list.count == 0, "the reason is said and the list is as it was");
	parse_into(&type_ADDRESSES, "2001:db8::1", &list);
	check(!parse_into(&type_ADDRESSES, "2001:0DB8:0::1", &list) && list.count == 1, "an address in another spelling is given twice too");
	check(parse_into(&type_ADDRESSES, "192.0.2.1", &list) && list.count == 2 && type_ADDRESSES.count(&list) == 2, "the order is kept");
	type_ADDRESSES.format(&list, 1, text);
	check(!strcmp(text, "192.0.2.1"), "and each shown by its index");
	check(!type_ADDRESSES.remove("192.0.2", &list) && !type_ADDRESSES.remove("", &list) && list.count == 2, "what is no address is not removed");
	check(type_ADDRESSES.remove("2001:DB8::1", &list) && list.count == 1, "one is removed in any spelling");
	type_ADDRESSES.format(&list, 0, text);
	check(!strcmp(text, "192.0.2.1"), "those behind it move up");
	/* The list is compared byte by byte, so that nothing of a removed address may stay behind. */
	check(type_ADDRESSES.remove("192.0.2.1", &list) && !memcmp(&list, &(struct address_list){ 0 }, sizeof(list)), "an emptied list is as one that was never filled");
	for (int i = 0; i < ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		parse_into(&type_ADDRESSES, text, &list);
	}
	for (int i = ADDRESSES_MAX; i > 0; i--) {
		snprintf(text, sizeof(text), "2001:db8::%x", i);
		removed += type_ADDRESSES.remove(text, &list);
	}
	check(removed == ADDRESSES_MAX && list.count == 0, "a full list is emptied from its end");
	check(address_parse_usable("192.0.2.1", &one, why, sizeof(why)) && address_parse_usable("2001:db8::1", &other, why, sizeof(why)) && !address_equal(&one, &other) &&
	      address_equal(&one, &one), "addresses are equal to themselves only");
	address_format(&(struct address){ 0 }, text);
	check(!strcmp(text, "?"), "none is shown as none");
}

/* The fallback of a key is text that its own type reads. */
static void test_table(void)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];

		check(!key->outside.fallback[0] || parses(key->type, key->outside.fallback), "%s: its fallback is a value", key->outside.name);
		check(key->type->list == (key->type->count && key->type->remove), "%s: a list, or not", key->outside.name);
		check(key_find(key->outside.name) == key && key->outside.help[0] && key->outside.manual[0], "%s: found by its name, and explained", key->outside.name);
		check(key->offset + key->type->size <= sizeof(struct container_config), "%s: inside the struct", key->outside.name);
	}
	check(!key_find("") && !key_find("Memory") && !key_find("memory ") && !key_find("version"), "other names are no keys");
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
	test_nonsense();
	test_exact();
	test_cpu_lists();
	test_more_texts();
	test_more_addresses();
	test_table();
	return tap_done();
}
