#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Rates and bounds: sold, exceeded, measured, changed live, lifted; and the neighbour that does not notice.

load helpers
load world

setup_file() {
	berth_setup
	world_setup
	berth create shaped --template busybox --ip 10.77.5.1 --ip 2001:db8:5::1
	berth create neighbour --template busybox --ip 10.77.5.2
	programs_into shaped neighbour
	berth start shaped neighbour
	world iperf3 -s -D -I "$BERTH_ROOT/iperf.pid" > /dev/null
}
teardown_file() {
	kill "$(tr -d '\0' < "$BERTH_ROOT/iperf.pid")" || true
	world_teardown
	berth_teardown
}

# Bits a second that arrive: out (from the container) or in, after the first second.
measure() {
	local direction=$1 flag=
	shift
	[ "$direction" = out ] || flag=-R
	inside shaped iperf3 -c 198.51.100.2 -t "${seconds:-4}" -O 1 $flag --json "$@" | jq '.end.sum_received.bits_per_second // .end.sum.bits_per_second | floor'
}

# within PERCENT of WANTED: the sold rate is of whole frames, what iperf3 counts is what is in them.
near() {
	local got=$1 wanted=$2
	echo "# sold $wanted bit/s, measured $got: $((got * 100 / wanted)) %" >&3
	[ "$got" -ge $((wanted * 90 / 100)) ] || return 1
	[ "$got" -le $((wanted * 110 / 100)) ]
}

@test "a sold rate is what is had, within a tenth, in each direction" {
	ok set shaped --net-rate-in 20M --net-rate-out 10M
	near "$(measure in)" 20000000
	near "$(measure out)" 10000000
}

@test "rates are changed live, and each for itself" {
	ok set shaped --net-rate-out 40M
	near "$(measure out)" 40000000
	ok set shaped --net-rate-in 5M
	near "$(measure in)" 5000000
	near "$(measure out)" 40000000
}

@test "a rate holds for what does not slow down by itself, and after a restart" {
	local got
	ok set shaped --net-rate-out 10M --net-rate-in 10M
	ok restart shaped --kill
	got=$(inside shaped iperf3 -c 198.51.100.2 -u -b 30M -t 4 --json | jq '.end.sum_received.bits_per_second // (.end.sum.bits_per_second * (100 - .end.sum.lost_percent) / 100) | floor')
	near "$got" 10000000
}

@test "larger rates, where the machine can" {
	[ "$(nproc)" -gt 1 ] || skip "an emulated processor does not do more"
	ok set shaped --net-rate-out 300M --net-rate-in 300M
	near "$(measure out)" 300000000
	near "$(measure in)" 300000000
}

@test "a lifted rate is lifted, and leaves nothing" {
	ok set shaped --net-rate-out unlimited --net-rate-in unlimited
	[ "$(ip -o link show | grep -c vi-)" = 0 ]
	[ -z "$(tc qdisc show dev "$(interface_of shaped)" | grep -v noqueue)" ]
	seconds=2
	[ "$(measure out)" -gt 60000000 ]
}

@test "a guest at its rate leaves the neighbour its network" {
	local pid worst
	ok set shaped --net-rate-out 5M
	background shaped iperf3 -c 198.51.100.2 -u -b 100M -t 6
	pid=$!
	sleep 1
	worst=$(berth exec neighbour -- ping -c 20 -i 0.1 -W 2 198.51.100.2 | sed -n 's/.*min\/avg\/max = [^/]*\/\([0-9.]*\)\/.*/\1/p')
	finish "$pid"
	echo "# the neighbour's ping: $worst ms on average" >&3
	[ "${worst%.*}" -lt 20 ]
	ok set shaped --net-rate-out unlimited
}

# What arrived at the other end of uplink, of packets.
arrived() { world ip -s -j link show dev eth0 | jq '.[0].stats64.rx.packets'; }
reached_guest() { inside shaped ip -s -j link show dev eth0 | jq '.[0].stats64.rx.packets'; }

# spray COUNT [SAME]: that many small packets from the container, each from a port of its own (a connection of its own), or all from one.
spray() {
	inside "${who:-shaped}" python3 -c "
import socket, sys
for i in range($1):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if i == 0 or not '${2:-}' else s
    s.sendto(b'x', ('198.51.100.2', 9))"
}

@test "net-packets: no more packets a second, out and in, live" {
	local before got
	ok set shaped --net-packets 100
	spray 1 > /dev/null
	sleep 1.2
	before=$(arrived)
	spray 3000 same
	got=$(($(arrived) - before))
	echo "# net-packets 100: $got of 3000 arrived" >&3
	[ "$got" -ge 90 ]
	[ "$got" -lt 600 ]
	sleep 1.2
	before=$(reached_guest)
	world python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b'x', ('10.77.5.1', 9))"
	got=$(($(reached_guest) - before))
	echo "# net-packets 100: $got of 3000 got in" >&3
	[ "$got" -ge 90 ]
	[ "$got" -lt 600 ]
	ok set shaped --net-packets unlimited
	before=$(arrived)
	spray 500 same
	[ $(($(arrived) - before)) -ge 500 ]
}

@test "net-connections: no more at a time, whoever begins them; the neighbour has its own" {
	local before got
	ok set shaped --net-connections 20 --net-connection-rate unlimited
	ok restart shaped --kill
	before=$(arrived)
	spray 100
	got=$(($(arrived) - before))
	echo "# net-connections 20: $got of 100 arrived" >&3
	[ "$got" -ge 15 ]
	[ "$got" -le 24 ]
	# From outside no further ones begin either.
	before=$(reached_guest)
	world python3 -c "
import socket
for i in range(50):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.77.5.1', 9))"
	[ $(($(reached_guest) - before)) -le 10 ]
	# What is there goes on.
	who=neighbour
	before=$(arrived)
	spray 100
	[ $(($(arrived) - before)) -ge 100 ]
	who=shaped
	ok set shaped --net-connections 100
	before=$(arrived)
	spray 60
	[ $(($(arrived) - before)) -ge 50 ]
	ok set shaped --net-connections unlimited
}

@test "net-connection-rate: no more new ones a second; those that are there go on" {
	local before got
	ok set shaped --net-connection-rate 20
	sleep 1.2
	before=$(arrived)
	spray 500
	got=$(($(arrived) - before))
	echo "# net-connection-rate 20: $got of 500 arrived" >&3
	[ "$got" -ge 15 ]
	[ "$got" -lt 150 ]
	sleep 1.2
	before=$(arrived)
	spray 500 same
	[ $(($(arrived) - before)) -ge 500 ]
	ok set shaped --net-connection-rate unlimited
}

@test "smtp: refused at once unless it is allowed, and submission is not concerned" {
	local mail submission begin
	background world socat TCP-LISTEN:25,fork,reuseaddr SYSTEM:'echo 220 mail'
	mail=$!
	background world socat TCP-LISTEN:587,fork,reuseaddr SYSTEM:'echo 220 submission'
	submission=$!
	sleep 0.5
	begin=$SECONDS
	[[ $(inside shaped socat -T 3 - TCP:198.51.100.2:25,connect-timeout=5 < /dev/null 2>&1) == *refused* ]]
	[ $((SECONDS - begin)) -lt 4 ]
	[[ $(inside shaped socat -T 3 - TCP:198.51.100.2:587 < /dev/null 2>&1) == *submission* ]]
	ok set shaped --smtp yes
	[[ $(inside shaped socat -T 3 - TCP:198.51.100.2:25 < /dev/null 2>&1) == *mail* ]]
	ok set shaped --smtp no
	[[ $(inside shaped socat -T 3 - TCP:198.51.100.2:25 < /dev/null 2>&1) == *refused* ]]
	finish "$mail" "$submission"
}

@test "net-block: cut off from the outside, not from the host" {
	ok set shaped --net-block yes
	try exec shaped -- ping -c 1 -W 1 198.51.100.2
	[ "$status" -ne 0 ]
	run ! world ping -c 1 -W 1 10.77.5.1
	run ! world ping -c 1 -W 1 2001:db8:5::1
	ping -c 1 -W 2 10.77.5.1
	ok exec shaped -- ping -c 1 -W 2 10.77.5.2
	ok set shaped --net-block no
	world ping -c 1 -W 2 10.77.5.1
}

@test "bridge mode: rates and packets are bounded there too" {
	local before got
	ip link add br0 type bridge
	ip link set br0 up
	ip link add wire type veth peer name lan netns "$(cat "$BERTH_ROOT/world")"
	ip link set wire master br0
	ip link set wire up
	world ip link set lan up
	world ip addr add 10.9.5.1/24 dev lan
	ok create port --template busybox --net bridge --net-bridge br0 --ip 10.9.5.5/24 --net-rate-out 10M --net-rate-in 20M
	ok start port
	got=$(inside port iperf3 -c 10.9.5.1 -t 4 -O 1 --json | jq '.end.sum_received.bits_per_second | floor')
	near "$got" 10000000
	got=$(inside port iperf3 -c 10.9.5.1 -t 4 -O 1 -R --json | jq '.end.sum_received.bits_per_second | floor')
	near "$got" 20000000
	ok set port --net-packets 100 --net-rate-out unlimited
	sleep 1.2
	before=$(world ip -s -j link show dev lan | jq '.[0].stats64.rx.packets')
	inside port python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b'x', ('10.9.5.1', 9))"
	got=$(($(world ip -s -j link show dev lan | jq '.[0].stats64.rx.packets') - before))
	[ "$got" -ge 90 ]
	[ "$got" -lt 600 ]
	ok set port --net-packets unlimited
	background world socat TCP-LISTEN:25,fork,reuseaddr SYSTEM:'echo 220 mail'
	local mail=$!
	sleep 0.5
	[[ $(inside port socat -T 3 - TCP:10.9.5.1:25,connect-timeout=2 < /dev/null 2>&1) != *mail* ]]
	ok set port --smtp yes
	[[ $(inside port socat -T 3 - TCP:10.9.5.1:25,connect-timeout=5 < /dev/null 2>&1) == *mail* ]]
	finish "$mail"
	ok destroy --force port
	ip link del br0
	world ip link del lan
}
