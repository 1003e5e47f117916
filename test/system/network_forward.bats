#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers without a public address: ports of the host that are theirs.

load helpers
load world

setup_file() {
	berth_setup
	world_setup
	mkdir -p "$BERTH_ROOT/etc/berth"
	printf 'version = 1\nport-range = 20000-20059\n' > "$BERTH_ROOT/etc/berth/berth.conf"
	berth create nat --template busybox --ip 192.168.76.1 --net-nat yes --port-forward 2222:22/tcp --port-forward 10000-10020:8000-8020/udp
	berth create other --template busybox --ip 192.168.76.2 --net-nat yes
	berth start nat other
}
teardown_file() {
	world_teardown
	berth_teardown
}

# A server inside that says who calls, and at which port: serve NAME PORT [UDP].
serve() {
	background "$1" socat "${3:-TCP}-LISTEN:$2,fork,reuseaddr" SYSTEM:'echo "$SOCAT_PEERADDR at '"$2"'"'
	servers+=($!)
	sleep 0.4
}
setup() { servers=(); }
teardown() {
	[ "${#servers[@]}" = 0 ] || finish "${servers[@]}"
}

# call PORT [UDP]: what the world hears when it calls the host there.
call() { world sh -c "echo hello | socat -T 1 - ${2:-TCP}:198.51.100.1:$1,connect-timeout=2" 2>&1 || true; }

@test "a port of the host is the container's, and the container sees the client's own address" {
	serve nat 22
	[ "$(call 2222)" = "198.51.100.2 at 22" ]
	[[ $(call 2223) == *refused* ]]
}

@test "a range of ports, each to its own" {
	serve nat 8000 UDP
	serve nat 8020 UDP
	[ "$(call 10000 UDP)" = "198.51.100.2 at 8000" ]
	[ "$(call 10020 UDP)" = "198.51.100.2 at 8020" ]
	[ "$(call 10021 UDP)" != "198.51.100.2 at 8020" ]
}

@test "hairpin: the host, a neighbour and the container itself reach it by the host's address" {
	serve nat 22
	[[ $(socat -T 1 - TCP:198.51.100.1:2222 < /dev/null) == *"at 22" ]]
	[ "$(inside other socat -T 1 - TCP:198.51.100.1:2222 < /dev/null)" = "192.168.76.2 at 22" ]
	[[ $(inside nat socat -T 1 - TCP:198.51.100.1:2222,connect-timeout=3 < /dev/null) == *"at 22" ]]
}

@test "forwards are added and removed live" {
	serve nat 80
	[[ $(call 8080) == *refused* ]]
	ok set nat --port-forward-add 8080:80
	[ "$(call 8080)" = "198.51.100.2 at 80" ]
	ok set nat --port-forward-del 8080:80/tcp
	[[ $(call 8080) == *refused* ]]
	ok get nat port-forward
	is "2222:22/tcp"$'\n'"10000-10020:8000-8020/udp"
}

@test "they follow the address and survive a restart" {
	ok set nat --ip 192.168.76.9
	serve nat 22
	[ "$(call 2222)" = "198.51.100.2 at 22" ]
	ok set nat --ip 192.168.76.1
	ok restart nat --kill
	serve nat 22
	[ "$(call 2222)" = "198.51.100.2 at 22" ]
}

@test "a block of ports: the first to 22, the others to themselves; chosen, kept, given back" {
	local first
	ok set other --net-port-block 20
	ok get other net-port-block
	[[ $output =~ ^(20[0-9]{3})-20[0-9]{3}$ ]]
	first=${BASH_REMATCH[1]}
	serve other 22
	serve other $((first + 7))
	[ "$(call "$first")" = "198.51.100.2 at 22" ]
	[ "$(call $((first + 7)))" = "198.51.100.2 at $((first + 7))" ]
	ok set other --net-port-block "$first-$((first + 19))"
	ok set other --net-port-block 20
	ok get other net-port-block
	is "$first-$((first + 19))"
	ok restart other --kill
	ok get other net-port-block
	is "$first-$((first + 19))"
	# Three blocks of twenty are all there are.
	ok create third --template busybox --ip 192.168.76.3 --net-port-block 20
	ok create fourth --template busybox --ip 192.168.76.4 --net-port-block 20
	refused 7 "no 20 ports in a row are left from 20000 to 20059" create fifth --template busybox --ip 192.168.76.5 --net-port-block 20
	refused 4 "in use by other" set third --net-port-block none --port-forward "$first:22"
	ok destroy third
	ok create fifth --template busybox --ip 192.168.76.5 --net-port-block 20
	ok destroy fourth fifth
	ok set other --net-port-block none
	[[ $(call "$first") == *refused* ]]
}

@test "ports that are another's are refused, and nothing changed" {
	refused 4 "port 2222/tcp is in use by nat" set other --port-forward 2222:22
	refused 4 "port 10010/udp is in use by nat" set other --port-forward 10010-10030:1/tcp+udp
	refused 4 "port 2222/tcp is in use by nat" create late --template busybox --ip 192.168.76.7 --port-forward 2222:22
	refused 2 "forwarded already" set other --port-forward 3000:1 --port-forward 2990-3000:5000/tcp
	ok get other port-forward
	is ""
	[ -z "$(ls "$BERTH_ROOT/var/lib/berth/ports" | grep -E '^(1002[1-9]|1003)')" ]
	# The other protocol is free.
	ok set other --port-forward 2222:22/udp
	ok set other --port-forward ""
}

@test "ports that the host itself listens on are refused" {
	background host socat TCP-LISTEN:8088,reuseaddr,fork SYSTEM:true
	local tcp=$!
	background host socat -u UDP-RECV:8089 OPEN:/dev/null
	local udp=$!
	sleep 0.4
	refused 4 "a program of this host has port 8088/tcp" set other --port-forward 8088:80
	refused 4 "a program of this host has port 8089/udp" set other --port-forward 8080-8095:80/udp
	finish "$tcp" "$udp"
	eventually 5 berth set other --port-forward 8088:80
	ok set other --port-forward ""
}

@test "forwards need an address to go to" {
	refused 2 "first IPv4 address of eth0 in routed mode" create six --template busybox --ip 2001:db8:76::1 --port-forward 80
	refused 2 "first IPv4 address of eth0 in routed mode" set nat --ip ""
	refused 2 "is in net-port-block" set nat --net-port-block 20000-20019 --port-forward 20005:5
}

@test "a stopped container's ports are nobody else's, a destroyed one's are free" {
	ok stop nat --kill
	[[ $(call 2222) == *refused* ]]
	refused 4 "in use by nat" set other --port-forward 2222:22
	ok destroy nat
	ok set other --port-forward 2222:22
	serve other 22
	[ "$(call 2222)" = "198.51.100.2 at 22" ]
}
