#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The routed network: addresses, routes, filter, translation. The test's network namespace is the host; a second one, joined by
# a veth, is the world outside.

load helpers
load world

setup_file() {
	berth_setup
	world_setup
	berth create net1 --template busybox --ip 10.77.3.1 --ip 2001:db8:3::1
	berth create net2 --template busybox --ip 10.77.3.2
	berth create private --template busybox --ip 192.168.77.5 --net-nat yes
	berth start net1 net2 private
	programs_into net1 net2
}
teardown_file() {
	world_teardown
	berth_teardown
}

# Runs a listener in the world on UDP port 9999 for two seconds and prints what arrived.
heard_by_world() {
	local family=$1
	shift
	world timeout 2 socat -u "UDP$family-RECVFROM:9999,fork" STDOUT > "$BATS_TEST_TMPDIR/heard" &
	local listener=$!
	sleep 0.5
	"$@" || true
	wait $listener || true
	cat "$BATS_TEST_TMPDIR/heard"
}

@test "a guest without network tooling has its addresses, routes and loopback" {
	ok exec net1 -- ip addr show dev eth0
	has "inet 10.77.3.1/32"
	has "inet6 2001:db8:3::1/128"
	[[ $output != *"2001:db8:3::1/128 scope global tentative"* ]]
	ok exec net1 -- ip route
	has "default via 169.254.0.1 dev eth0"
	ok exec net1 -- ip -6 route
	has "default via fe80::1 dev eth0"
	ok exec net1 -- ping -c 1 -W 2 127.0.0.1
}

@test "host and guest reach each other, IPv4 and IPv6" {
	ping -c 1 -W 2 10.77.3.1
	ping -c 1 -W 2 2001:db8:3::1
	ok exec net1 -- ping -c 1 -W 2 198.51.100.1
	ok exec net1 -- ping -c 1 -W 2 2001:db8:ffff::1
}

@test "guests reach each other and the world, and the world them, by their own addresses" {
	ok exec net1 -- ping -c 1 -W 2 10.77.3.2
	ok exec net1 -- ping -c 1 -W 2 198.51.100.2
	ok exec net1 -- ping -c 1 -W 2 2001:db8:ffff::2
	world ping -c 1 -W 2 10.77.3.1
	world ping -c 1 -W 2 2001:db8:3::1
}

@test "net-nat: a private address goes out as the host's" {
	ok exec private -- ping -c 1 -W 2 198.51.100.2
	world timeout 4 socat -u TCP4-LISTEN:8080,reuseaddr,fork SYSTEM:'echo "$SOCAT_PEERADDR" >&2; cat >&2' 2> "$BATS_TEST_TMPDIR/peer" &
	local listener=$!
	sleep 0.5
	berth exec private -- sh -c 'echo hello | nc -w 1 198.51.100.2 8080' || true
	wait $listener || true
	grep -q 198.51.100.1 "$BATS_TEST_TMPDIR/peer"
	# Switched off live, the world gets the private address, to which it has no route.
	ok set private --net-nat no
	try exec private -- ping -c 1 -W 1 198.51.100.2
	[ "$status" -ne 0 ]
	ok set private --net-nat yes
	ok exec private -- ping -c 1 -W 2 198.51.100.2
}

@test "forged sources do not leave the container, IPv4 and IPv6" {
	# The control first: with its own address the same packet arrives.
	[ "$(heard_by_world 4 berth exec net1 -- forge 10.77.3.1 198.51.100.2)" = forged ]
	[ "$(heard_by_world 6 berth exec net1 -- forge 2001:db8:3::1 2001:db8:ffff::2)" = forged ]
	[ -z "$(heard_by_world 4 berth exec net1 -- forge 10.77.3.2 198.51.100.2)" ]
	[ -z "$(heard_by_world 4 berth exec net1 -- forge 198.51.100.1 198.51.100.2)" ]
	[ -z "$(heard_by_world 4 berth exec net1 -- forge 8.8.8.8 198.51.100.2)" ]
	[ -z "$(heard_by_world 6 berth exec net1 -- forge 2001:db8:3::2 2001:db8:ffff::2)" ]
	# An address that the guest gives itself is as good as forged.
	berth exec net1 -- ip addr add 10.77.3.99/32 dev eth0
	try exec net1 -- ping -c 1 -W 1 -I 10.77.3.99 198.51.100.2
	[ "$status" -ne 0 ]
	berth exec net1 -- ip addr del 10.77.3.99/32 dev eth0
}

@test "the filter is in place before the link is up" {
	# Follow the start by the system calls of the host side: the firewall's batch is sent before the veth is made.
	command -v strace > /dev/null || skip "strace is not here"
	ok stop net2 --kill
	timeout 5 strace -I 1 -f -e trace=sendto,sendmsg -o "$BATS_TEST_TMPDIR/trace" berthctl start net2 || true
	ok start net2 --if-needed
	local filter up
	filter=$(grep -n 'NFT_MSG_NEWSETELEM\|NFNL_SUBSYS_NFTABLES<<8|0xc\|nlmsg_type=0xa0c' "$BATS_TEST_TMPDIR/trace" | head -n 1 | cut -d: -f1)
	up=$(grep -n 'RTM_NEWLINK' "$BATS_TEST_TMPDIR/trace" | grep -n 'ifi_index=0\|veth\|NLM_F_EXCL' | head -n 1 | cut -d: -f2)
	[ -n "$filter" ] && [ -n "$up" ] || { grep -E 'NEWLINK|NFNL|nlmsg_type' "$BATS_TEST_TMPDIR/trace" | cut -c1-200; false; }
	[ "$filter" -lt "$up" ]
}

@test "addresses are added and removed on a running container" {
	ok set net2 --ip-add 10.77.3.20
	ping -c 1 -W 2 10.77.3.20
	world ping -c 1 -W 2 10.77.3.20
	ok get net2 ip
	is "10.77.3.2"$'\n'"10.77.3.20"
	ok set net2 --ip-del 10.77.3.2
	run ! ping -c 1 -W 1 10.77.3.2
	# The default route's preferred source was removed: it has the new one.
	ok exec net2 -- ping -c 1 -W 2 198.51.100.2
	ok set net2 --ip 10.77.3.2
	ok exec net2 -- ping -c 1 -W 2 198.51.100.2
	run ! ping -c 1 -W 1 10.77.3.20
	run nft list set arp berth neighbour4
	[[ $output != *10.77.3.20* ]]
}

@test "an address in use by another container is refused, and free again when it is given up" {
	refused 4 "in use by net1" set net2 --ip-add 10.77.3.1
	refused 4 "in use by net1" create net9 --template busybox --ip 10.77.3.1
	ok set net2 --ip-add 10.77.3.30
	ok set net2 --ip-del 10.77.3.30
	ok create net9 --template busybox --ip 10.77.3.30
	ok destroy net9
}

@test "from no address to one and back, live" {
	ok create bare --template busybox
	ok start bare
	ok exec bare -- ip link
	hasnt eth0
	ok set bare --ip 10.77.3.40
	ping -c 1 -W 2 10.77.3.40
	ok set bare --ip ""
	run ! ping -c 1 -W 1 10.77.3.40
	ok destroy --force bare
}

@test "stop leaves neither interface nor route nor element; the address works again after start" {
	local interface
	interface=$(status_of net1 interface)
	ok stop net1 --kill
	run ! ip link show "$interface"
	[ -z "$(ip route show 10.77.3.1)" ]
	run nft list table inet berth
	[[ $output != *10.77.3.1\ * ]]
	[[ $output != *2001:db8:3::1* ]]
	ok start net1
	ping -c 1 -W 2 10.77.3.1
}

@test "the rules are as many with three containers as with one" {
	local many
	many=$(nft list ruleset | grep -cE 'drop|accept|masquerade|dnat|reject')
	ok stop net2 private --kill
	[ "$(nft list ruleset | grep -cE 'drop|accept|masquerade|dnat|reject')" = "$many" ]
	ok start net2 private
}

@test "a prefix is routed as a whole, and any address of it can be used" {
	ok set net1 --route 2001:db8:5::/64
	berth exec net1 -- ip addr add 2001:db8:5::abcd/128 dev eth0
	# The guest's own kernel looks for a duplicate first.
	eventually 5 ping -c 1 -W 1 2001:db8:5::abcd
	world ping -c 1 -W 2 2001:db8:5::abcd
	ok exec net1 -- ping -c 1 -W 2 -I 2001:db8:5::abcd 2001:db8:ffff::2
	# However much of it is asked for, the host's neighbour table does not grow.
	local before
	before=$(ip -6 neigh show dev "$(interface_of net1)" | wc -l)
	world ping -c 1 -W 1 2001:db8:5::1 || true
	for i in 2 3 4 5 6 7 8 9; do ping -c 1 -W 1 "2001:db8:5::$i" > /dev/null & done
	wait
	[ "$(ip -6 neigh show dev "$(interface_of net1)" | wc -l)" = "$before" ]
	ok set net1 --route-del 2001:db8:5::/64
	run ! ping -c 1 -W 1 2001:db8:5::abcd
	berth exec net1 -- ip addr del 2001:db8:5::abcd/128 dev eth0
}

@test "an IPv4 prefix goes to the first address" {
	ok set net2 --route 10.77.8.0/29
	berth exec net2 -- ip addr add 10.77.8.5/32 dev eth0
	world ping -c 1 -W 2 10.77.8.5
	ok exec net2 -- ping -c 1 -W 2 -I 10.77.8.5 198.51.100.2
	ok set net2 --ip 10.77.3.22
	world ping -c 1 -W 2 10.77.8.5
	ok set net2 --ip 10.77.3.2 --route ""
	run ! ping -c 1 -W 1 10.77.8.5
	berth exec net2 -- ip addr del 10.77.8.5/32 dev eth0
}

@test "prefixes and addresses of two containers do not overlap" {
	ok set net1 --route 2001:db8:6::/48
	refused 4 "routed to net1" set net2 --ip-add 2001:db8:6::1
	refused 4 "routed to net1" set net2 --route 2001:db8:6:1::/64
	refused 4 "in use by net1" set net2 --route 2001:db8::/36
	refused 4 "in use by net1" set net2 --nic eth1,ip=10.77.3.1
	# A container's own address may lie in its own prefix.
	ok set net1 --ip-add 2001:db8:6::1
	ok set net1 --ip-del 2001:db8:6::1
	ok set net1 --route ""
	ok set net2 --route 2001:db8:6:1::/64
	refused 4 "2001:db8:6:1::/64 in 2001:db8:6::/48 is in use by net2" set net1 --route 2001:db8:6::/48
	ok set net2 --route ""
	refused 4 "has an address of this host in it" set net2 --route 2001:db8:ffff::/64
}

@test "several interfaces: added and removed live, and the answer leaves where the question came" {
	ok set net1 --nic-add eth1,ip=10.77.3.101,ip=2001:db8:3::101
	ok exec net1 -- ip addr show dev eth1
	has "inet 10.77.3.101/32"
	world ping -c 1 -W 2 10.77.3.101
	world ping -c 1 -W 2 2001:db8:3::101
	world ping -c 1 -W 2 10.77.3.1
	ok restart net1 --kill
	world ping -c 1 -W 2 10.77.3.101
	ok set net1 --nic-add lan0,ip=10.77.3.102,mtu=1400
	ok exec net1 -- ip link show dev lan0
	has "mtu 1400"
	ok set net1 --nic-del eth1
	try exec net1 -- ip link show dev eth1
	[ "$status" -ne 0 ]
	world ping -c 1 -W 2 10.77.3.102
	run ! ping -c 1 -W 1 10.77.3.101
	ok set net1 --nic ""
	[ "$(ip -o link show | grep -c " $(interface_of net1)-")" = 0 ]
	world ping -c 1 -W 2 10.77.3.1
}

@test "MTU and MAC: as asked for, the MTU live, the MAC the same at every start" {
	local mac
	ok set net2 --net-mtu 1300
	ok exec net2 -- cat /sys/class/net/eth0/mtu
	is 1300
	[ "$(cat "/sys/class/net/$(interface_of net2)/mtu" 2> /dev/null || ip -j link show "$(interface_of net2)" | jq '.[0].mtu')" = 1300 ]
	mac=$(berth exec net2 -- cat /sys/class/net/eth0/address)
	ok restart net2 --kill
	[ "$(berth exec net2 -- cat /sys/class/net/eth0/address)" = "$mac" ]
	ok set net2 --net-mac 02:00:5e:10:00:01
	[ "$(berth exec net2 -- cat /sys/class/net/eth0/address)" = 02:00:5e:10:00:01 ]
	world ping -c 1 -W 2 10.77.3.2
	ok set net2 --net-mac "" --net-mtu 1500
	[ "$(berth exec net2 -- cat /sys/class/net/eth0/address)" = "$mac" ]
	world ping -c 1 -W 2 10.77.3.2
}

@test "a guest that renames, moves or deletes its interface harms itself alone, and can be helped" {
	ok exec net2 -- ip link set dev eth0 down
	ok exec net2 -- ip link set dev eth0 name wan
	ok exec net2 -- ip link set dev wan up
	ok set net2 --ip-add 10.77.3.55
	ok exec net2 -- ip addr show dev wan
	has 10.77.3.55
	berth exec net2 -- ip link del wan
	refused 1 "recover --network makes it anew" set net2 --ip-add 10.77.3.56
	ok recover --network
	ping -c 1 -W 2 10.77.3.2
	ok set net2 --ip-del 10.77.3.55
	ok restart net2 --kill
	world ping -c 1 -W 2 10.77.3.2
}

@test "--net none: lo and nothing else" {
	ok create alone --template busybox --net none
	ok start alone
	ok exec alone -- ip -o link
	[ "$(wc -l <<< "$output")" = 1 ]
	ok get alone net-mode
	is none
	refused 2 "there are no addresses" set alone --ip 10.77.3.60
	ok destroy --force alone
}

@test "net-proxy: the host answers on the uplink and announces the address" {
	ok create moved --template busybox --ip 198.51.100.77 --ip 2001:db8:ffff::77 --net-proxy yes --net-uplink uplink
	# The world knows it elsewhere.
	world ip neigh replace 198.51.100.77 lladdr 02:99:99:99:99:99 dev eth0 nud stale
	world ip neigh replace 2001:db8:ffff::77 lladdr 02:99:99:99:99:99 dev eth0 nud stale
	ok start moved
	eventually 3 eval '[[ $(world ip neigh show 198.51.100.77) != *99:99* ]]'
	world ping -c 1 -W 2 198.51.100.77
	world ping -c 1 -W 2 2001:db8:ffff::77
	[[ $(world ip -6 neigh show 2001:db8:ffff::77) != *99:99* ]]
	world ip neigh flush dev eth0
	world ping -c 1 -W 3 198.51.100.77
	world ping -c 1 -W 3 2001:db8:ffff::77
	ok exec moved -- ping -c 1 -W 2 198.51.100.2
	ok set moved --ip-del 198.51.100.77
	[ -z "$(ip -4 neigh show proxy)" ]
	ok stop --kill moved
	[ -z "$(ip -6 neigh show proxy)" ]
	ok set moved --net-uplink ""
	refused 7 "no default route" start moved
	refused 7 "no interface nowhere" set moved --net-uplink nowhere
	ok destroy moved
}

@test "the same private address may be on two bridges, but not twice on one" {
	ip link add br1 type bridge
	ip link add br2 type bridge
	ip addr add 10.44.0.9/24 dev br1
	ok create lan1 --template busybox --net bridge --net-bridge br1 --ip 10.44.0.5/24
	ok create lan2 --template busybox --net bridge --net-bridge br2 --ip 10.44.0.5/24
	refused 4 "in use by lan1" create lan3 --template busybox --net bridge --net-bridge br1 --ip 10.44.0.5/24
	refused 4 "is an address of this host" create lan3 --template busybox --net bridge --net-bridge br1 --ip 10.44.0.9/24
	ok start lan1 lan2
	ok stop --kill lan1 lan2
	ok destroy lan1 lan2
	ip link del br1
	ip link del br2
}

@test "net-vlan: the port is in that VLAN and in no other" {
	ip link add brv type bridge
	if ! ip link set brv type bridge vlan_filtering 1; then
		ip link del brv
		skip "this kernel's bridges do not filter VLANs; the virtual machine's do"
	fi
	ip link set brv up
	ip link add trunk type veth peer name trunk netns "$(cat "$BERTH_ROOT/world")"
	ip link set trunk master brv
	ip link set trunk up
	bridge vlan add dev trunk vid 5
	world ip link set trunk up
	world ip link add link trunk name trunk.5 type vlan id 5
	world ip link set trunk.5 up
	world ip addr add 10.45.0.1/24 dev trunk.5
	world ip addr add 10.46.0.1/24 dev trunk
	ok create tagged --template busybox --net bridge --net-bridge brv --net-vlan 5 --ip 10.45.0.5/24 --nic eth1,bridge=brv,ip=10.46.0.5/24
	ok start tagged
	world ping -c 1 -W 2 10.45.0.5
	world ping -c 1 -W 2 10.46.0.5
	[[ $(bridge vlan show dev "$(interface_of tagged)") == *"5 PVID Egress Untagged"* ]]
	[ "$(bridge -j vlan show dev "$(interface_of tagged)" | jq '.[0].vlans | length')" = 1 ]
	ok set tagged --net-vlan 6
	run ! world ping -c 1 -W 1 10.45.0.5
	ok set tagged --net-vlan 5
	world ping -c 1 -W 2 10.45.0.5
	ok destroy --force tagged
	ip link del brv
	world ip link del trunk
}

@test "a set that is killed is finished or undone by the next one" {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		timeout -s KILL "0.0$((i / 2))$((i % 2 * 5))" berthctl set net2 --ip 10.77.3.2 --ip 10.77.3.7 --net-rate-in "${i}M" --port-forward 7777:7 --nic eth1,ip=10.77.3.8 || true
		timeout -s KILL "0.0$((i / 2))$((i % 2 * 5))" berthctl set net2 --ip 10.77.3.2 --port-forward "" --net-rate-in unlimited --nic "" || true
	done
	ok recover
	ok set net2 --ip 10.77.3.2 --port-forward "" --net-rate-in unlimited --nic ""
	world ping -c 1 -W 2 10.77.3.2
	run ! ping -c 1 -W 1 10.77.3.7
	run ! ping -c 1 -W 1 10.77.3.8
	[ -z "$(nft list map inet berth forward4 | grep 7777)" ]
	ok create takes --template busybox --ip 10.77.3.7 --ip 10.77.3.8 --port-forward 7777:7
	ok destroy takes
}

@test "a host with IPv6 switched off: IPv4 works" {
	[ -e /proc/sys/net/ipv6/conf/all/disable_ipv6 ] || skip "this host has no IPv6 to be without"
	run unshare --net bash -c '
		echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
		echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
		ip link set lo up
		berthctl create v4 --template busybox --ip 10.77.4.1 && berthctl start v4 && ping -c 1 -W 2 10.77.4.1 && berthctl stop --kill v4 && berthctl destroy v4'
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}
