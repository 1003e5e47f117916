/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "tap.h"

static bool parses(const struct value_type *type, const char *text)
{
	char why[160] = "";
	void *field = calloc(1, type->size);
	bool good = type->parse(text, field, why, sizeof(why));

	free(field);
	return good;
}

/* Whether text parses and is shown as expected, and that parses to the same again. */
static bool shows(const struct value_type *type, const char *text, const char *expected)
{
	char why[160], shown[VALUE_TEXT_MAX] = "", again[VALUE_TEXT_MAX];
	void *field = calloc(2, type->size);
	bool good = type->parse(text, field, why, sizeof(why));

	if (good) {
		type->format(field, 0, shown);
		memset(field, 0, type->size);
		good = type->parse(shown, field, why, sizeof(why));
		type->format(field, 0, again);
		good = good && !strcmp(shown, expected) && !strcmp(again, expected);
	}
	if (!good)
		printf("# '%s' is shown as '%s'\n", text, shown);
	free(field);
	return good;
}

#define ALL_REFUSED(type, ...) do { \
	static const char *const bad_[] = { __VA_ARGS__ }; \
	for (size_t i_ = 0; i_ < ARRAY_LENGTH(bad_); i_++) \
		check(!parses(&type, bad_[i_]), #type " refuses '%s'", bad_[i_]); \
} while (0)

static void test_prefixes(void)
{
	struct address prefix = { AF_INET6, 65, { 0x20, 1, 0xd, 0xb8, [8] = 0x80 } }, address = prefix;
	struct address_list list = { 0 };
	char why[160];

	check(shows(&type_PREFIXES, "2001:DB8:1::/64", "2001:db8:1::/64") && shows(&type_PREFIXES, "198.51.100.8/29", "198.51.100.8/29") &&
	      shows(&type_PREFIXES, "192.0.2.1/32", "192.0.2.1/32"), "prefixes");
	ALL_REFUSED(type_PREFIXES, "2001:db8:1::", "2001:db8:1::1/64", "198.51.100.9/29", "0.0.0.0/0", "::/0", "127.0.0.0/8", "224.0.0.0/8", "fe80::/64", "ff00::/16",
		    "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/-8", "10.0.0.0/08x", "10.0.0.0/7", "2001::/15", "10.0.0.0/8/8", "/64", "");
	check(shows(&type_INTERFACE_ADDRESSES, "192.0.2.10/24", "192.0.2.10/24") && shows(&type_INTERFACE_ADDRESSES, "192.0.2.10", "192.0.2.10"),
	      "an interface's address has a prefix length, or none");
	ALL_REFUSED(type_INTERFACE_ADDRESSES, "192.0.2.10/0", "192.0.2.10/33", "192.0.2.10/x", "127.0.0.1/8", "224.0.0.1/24", "192.0.2.10/24/");
	check(prefix_contains(&prefix, &address), "a prefix has its own bits");
	address.bytes[15] = 7;
	check(prefix_contains(&prefix, &address), "and what differs behind them");
	address.bytes[8] = 0;
	check(!prefix_contains(&prefix, &address), "but not in its last one");
	address = (struct address){ AF_INET, 0, { 0x20, 1, 0xd, 0xb8 } };
	check(!prefix_contains(&prefix, &address), "nor of the other family");
	check(type_PREFIXES.parse("10.0.0.0/8", &list, why, sizeof(why)) && !type_PREFIXES.remove("10.0.0.0/16", &list) && type_PREFIXES.remove("10.0.0.0/8", &list),
	      "a prefix is removed by its whole name");
}

static void test_rates(void)
{
	uint64_t rate;
	char why[8];

	check(shows(&type_BIT_RATE, "100M", "100M") && shows(&type_BIT_RATE, "1.5M", "1500k") && shows(&type_BIT_RATE, "8000", "8k") &&
	      shows(&type_BIT_RATE, "100G", "100G") && shows(&type_BIT_RATE, "1000000001", "1000000001") && shows(&type_BIT_RATE, "unlimited", "unlimited") &&
	      shows(&type_BIT_RATE, "64K", "64k"), "rates");
	check(type_BIT_RATE.parse("1.234M", &rate, why, sizeof(why)) && rate == 1234000, "in bits, powers of 1000");
	ALL_REFUSED(type_BIT_RATE, "0", "-1M", "7999", "101G", "100.001G", "1000G", "99999999999999999999", "1.5", "M", "10 M", "10Mbit", "1T", "", "1.2345M");
}

static void test_interfaces(void)
{
	check(shows(&type_INTERFACE_NAME, "enp3s0.100", "enp3s0.100") && shows(&type_INTERFACE_NAME, "fifteen-bytes-x", "fifteen-bytes-x"), "interfaces' names");
	ALL_REFUSED(type_INTERFACE_NAME, "", ".", "..", "sixteen-bytes-xy", "a/b", "a b", "a:b", "a,b", "\xc3\xa9");
	check(shows(&type_VLAN, "1", "1") && shows(&type_VLAN, "4094", "4094") && shows(&type_VLAN, "none", "none"), "VLANs");
	ALL_REFUSED(type_VLAN, "0", "4095", "-1", "1-2", "");
	check(shows(&type_MTU, "1500", "1500") && shows(&type_MTU, "9000", "9000"), "MTUs");
	ALL_REFUSED(type_MTU, "0", "575", "65536", "1500b");
	check(shows(&type_MAC, "02:00:5E:10:00:01", "02:00:5e:10:00:01"), "MACs");
	ALL_REFUSED(type_MAC, "", "00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02-00-5e-10-00-01", "2:0:5e:10:0:1",
		    "02:00:5e:10:00:0g");
	check(shows(&type_NET_MODE, "routed", "routed") && shows(&type_NET_MODE, "bridge", "bridge") && shows(&type_NET_MODE, "none", "none"), "modes");
	ALL_REFUSED(type_NET_MODE, "", "Routed", "nat", "0");
}

static void test_nics(void)
{
	struct nic_list list = { 0 };
	char why[160];

	check(shows(&type_NICS, "eth1,ip=192.0.2.11,ip=2001:db8::11,rate-in=10M", "eth1,ip=192.0.2.11,ip=2001:db8::11,rate-in=10M"), "a routed interface");
	check(shows(&type_NICS, "lan0,gateway=10.0.0.1,ip=10.0.0.5/24,vlan=5,bridge=br0,mtu=9000,mac=02:00:00:00:00:05",
		    "lan0,bridge=br0,vlan=5,mac=02:00:00:00:00:05,mtu=9000,ip=10.0.0.5/24,gateway=10.0.0.1"), "one on a bridge, in one order");
	ALL_REFUSED(type_NICS, "", "eth1", "eth0,ip=192.0.2.11", "lo,ip=192.0.2.11", "eth1,ip=", "eth1,ip", "eth1,frob=1,ip=192.0.2.11", "eth1,ip=192.0.2.11/24",
		    "eth1,bridge=br0", "eth1,bridge=br0,ip=10.0.0.5", "eth1,bridge=br0,ip=10.0.0.5/24,gateway=10.0.1.1", "eth1,bridge=br0,ip=10.0.0.5/24,gateway=10.0.0.5",
		    "eth1,bridge=br0,ip=10.0.0.5/24,route=10.1.0.0/16", "eth1,vlan=5,ip=192.0.2.11", "eth1,gateway=10.0.0.1,ip=192.0.2.11", "eth1,route=192.0.2.0/24",
		    "eth1,mtu=600,ip=2001:db8::1", "eth1,ip=192.0.2.11,ip=192.0.2.11", "eth1,mtu=1500,mtu=1500,ip=192.0.2.11", "a b,ip=192.0.2.11",
		    "eth1,bridge=br0,ip=10.0.0.5/24,gateway=10.0.0.1,gateway=10.0.0.2", "eth1,,ip=192.0.2.11", ",ip=192.0.2.11");
	check(parses(&type_NICS, "eth1,route=2001:db8:1::/64"), "an IPv6 prefix needs no address");
	check(type_NICS.parse("eth1,ip=192.0.2.11", &list, why, sizeof(why)) && !type_NICS.parse("eth1,ip=192.0.2.12", &list, why, sizeof(why)) &&
	      strstr(why, "given twice"), "no two have the same name");
	check(type_NICS.parse("eth2,ip=192.0.2.12", &list, why, sizeof(why)) && !type_NICS.remove("eth", &list) && !type_NICS.remove("eth11", &list) &&
	      type_NICS.remove("eth1", &list) && list.count == 1 && !strcmp(list.at[0].name, "eth2"), "one is removed by its name");
	check(type_NICS.remove("eth2,whatever", &list) && !memcmp(&list, &(struct nic_list){ 0 }, sizeof(list)), "an emptied list is as one that was never filled");
	for (int i = 0; i < NICS_MAX; i++) {
		char text[64];

		snprintf(text, sizeof(text), "eth%d,ip=192.0.2.%d", i + 1, i + 1);
		check(type_NICS.parse(text, &list, why, sizeof(why)), "there is room for %s", text);
	}
	check(!type_NICS.parse("eth99,ip=192.0.2.99", &list, why, sizeof(why)) && strstr(why, "already"), "and for no more");
}

static void test_ports(void)
{
	struct port_forward_list list = { 0 };
	char why[160];

	check(shows(&type_PORT_FORWARDS, "2222:22/tcp", "2222:22/tcp") && shows(&type_PORT_FORWARDS, "2222:22", "2222:22/tcp") &&
	      shows(&type_PORT_FORWARDS, "80", "80:80/tcp") && shows(&type_PORT_FORWARDS, "53/tcp+udp", "53:53/tcp+udp") &&
	      shows(&type_PORT_FORWARDS, "10000-10020:8000-8020/udp", "10000-10020:8000-8020/udp") &&
	      shows(&type_PORT_FORWARDS, "10000-10020:8000/udp", "10000-10020:8000-8020/udp"), "forwards");
	ALL_REFUSED(type_PORT_FORWARDS, "", "0:22", "22:0", "65536:1", "1:65536", "10-5:1", "10000-10020:8000-8010", "1000-3000", "22/icmp", "22:", ":22", "22/", "22:22:22",
		    "1-2-3", "60000-60010:65530", "22:x/tcp", "-1:22");
	check(type_PORT_FORWARDS.parse("1000-1009:1000", &list, why, sizeof(why)) && !type_PORT_FORWARDS.parse("1009:22/tcp", &list, why, sizeof(why)) &&
	      strstr(why, "already") && !type_PORT_FORWARDS.parse("995-1000:1/tcp+udp", &list, why, sizeof(why)), "ranges that overlap");
	check(type_PORT_FORWARDS.parse("1009:22/udp", &list, why, sizeof(why)) && type_PORT_FORWARDS.parse("1010:22", &list, why, sizeof(why)),
	      "not with the other protocol, nor beside it");
	check(!type_PORT_FORWARDS.remove("1009:23/udp", &list) && type_PORT_FORWARDS.remove("1009:22/udp", &list) && list.count == 2, "one is removed by its whole name");
	check(shows(&type_PORT_BLOCK, "20", "20") && shows(&type_PORT_BLOCK, "20000-20019", "20000-20019") && shows(&type_PORT_BLOCK, "none", "none"), "blocks");
	ALL_REFUSED(type_PORT_BLOCK, "", "0", "1", "1025", "20019-20000", "20000-", "-20", "20000-20000", "65530-65540", "70000");
	check(shows(&type_DAY, "1", "1") && shows(&type_DAY, "28", "28"), "days");
	ALL_REFUSED(type_DAY, "0", "29", "31", "-1", "");
}

static bool refused(const char *settings[][2], size_t count, const char *because)
{
	struct container_config config;
	struct berth_error err = { .text = "" };
	bool good;

	config_init(&config);
	good = true;
	for (size_t i = 0; i < count; i++) {
		struct berth_setting setting = { BERTH_ASSIGN, settings[i][0], settings[i][1] };

		good = good && config_assign(&config, &setting, 1, &err) == 0;
	}
	if (good && config_check(&config, &err) < 0 && strstr(err.text, because))
		return true;
	printf("# %s\n", err.text);
	return false;
}
#define REFUSED(because, ...) check(refused((const char *[][2]){ __VA_ARGS__ }, sizeof((const char *[][2]){ __VA_ARGS__ }) / (2 * sizeof(char *)), because), because)

static void test_contradictions(void)
{
	REFUSED("no prefix length", { "ip", "192.0.2.1/24" });
	REFUSED("needs the name of a bridge", { "net-mode", "bridge" }, { "ip", "192.0.2.1/24" });
	REFUSED("needs addresses", { "net-mode", "bridge" }, { "net-bridge", "br0" });
	REFUSED("have a prefix length", { "net-mode", "bridge" }, { "net-bridge", "br0" }, { "ip", "192.0.2.1" });
	REFUSED("in none of the addresses' networks", { "net-mode", "bridge" }, { "net-bridge", "br0" }, { "ip", "192.0.2.1/24" }, { "net-gateway", "192.0.3.1" });
	REFUSED("of bridge mode", { "ip", "192.0.2.1" }, { "net-bridge", "br0" });
	REFUSED("there are no addresses", { "net-mode", "none" }, { "ip", "192.0.2.1" });
	REFUSED("first IPv4 address", { "route", "192.0.2.0/24" });
	REFUSED("1280", { "ip", "2001:db8::1" }, { "net-mtu", "1000" });
	REFUSED("given to two interfaces", { "ip", "192.0.2.1" }, { "nic", "eth1,ip=192.0.2.1" });
	REFUSED("first IPv4 address of eth0", { "port-forward", "80" });
	REFUSED("first IPv4 address of eth0", { "ip", "2001:db8::1" }, { "net-port-block", "20" });
	REFUSED("forwards it already", { "ip", "192.0.2.1" }, { "net-port-block", "20000-20019" }, { "port-forward", "20010" });
	REFUSED("tracks no connections", { "net-mode", "bridge" }, { "net-bridge", "br0" }, { "ip", "192.0.2.1/24" }, { "net-connections", "5" });
	REFUSED("net-nat", { "net-mode", "bridge" }, { "net-bridge", "br0" }, { "ip", "192.0.2.1/24" }, { "net-nat", "yes" });
}

int main(void)
{
	test_prefixes();
	test_rates();
	test_interfaces();
	test_nics();
	test_ports();
	test_contradictions();
	return tap_done();
}
