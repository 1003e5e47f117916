#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The routed network: addresses, routes, filter, translation. The test's network namespace is the host; a second one, joined by
# a veth, is the world outside.

load helpers

setup_file() {
	berth_setup
	# The world: 198.51.100.2 and 2001:db8:ffff::2, reached over "uplink".
	unshare --net sleep 3600 &
	echo $! > "$BERTH_ROOT/world"
	sleep 0.3
	ip link add uplink type veth peer name eth0 netns "$(cat "$BERTH_ROOT/world")"
	ip addr add 198.51.100.1/24 dev uplink
	ip addr add 2001:db8:ffff::1/64 dev uplink nodad
	ip link set uplink up
	world ip link set lo up
	world ip addr add 198.51.100.2/24 dev eth0
	world ip addr add 2001:db8:ffff::2/64 dev eth0 nodad
	world ip link set eth0 up
	world ip route add 10.77.3.0/24 via 198.51.100.1
	world ip -6 route add 2001:db8:3::/48 via 2001:db8:ffff::1
	# Link-local addresses are tentative for a second or two, and neighbours are not asked without one.
	settled() { [ -z "$(ip -6 addr show tentative)$(world ip -6 addr show tentative)" ]; }
	eventually 10 settled
	berth create net1 --template busybox --ip 10.77.3.1 --ip 2001:db8:3::1
	berth create net2 --template busybox --ip 10.77.3.2
	berth create private --template busybox --ip 192.168.77.5 --net-nat yes
	berth start net1 net2 private
	cp "$BERTH_TEST_PROGRAMS/forge" "$BERTH_ROOT/var/lib/berth/containers/net1/rootfs/bin/forge"
}
teardown_file() {
	local world
	world=$(cat "$BERTH_ROOT/world")
	ip link del uplink
	kill "$world"
	berth_teardown
}

world() { nsenter --net="/proc/$(cat "$BERTH_ROOT/world")/ns/net" "$@"; }

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
	run nft list set inet berth source4
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
	[[ $output != *10.77.3.1\ * ]] && [[ $output != *2001:db8:3::1* ]]
	ok start net1
	ping -c 1 -W 2 10.77.3.1
}

@test "the rules are as many with three containers as with one" {
	run nft list chain inet berth source
	[ "$(grep -c drop <<< "$output")" = 4 ]
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
