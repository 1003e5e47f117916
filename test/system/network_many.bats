#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two hundred containers with addresses at once: the last is up as fast as the first, and a packet costs the same.

load helpers
load world

MANY=200

setup_file() {
	berth_setup
	world_setup
	# A guest that is as small as one can be: what is measured is the host.
	berth create first --template busybox --ip 10.77.100.1 --ip 2001:db8:100::1
	berth create last --template busybox --ip 10.77.100.2 --ip 2001:db8:100::2
}
teardown_file() {
	world_teardown
	berth_teardown
}

# Median of five starts, in microseconds.
start_time() {
	local i begin
	for i in 1 2 3 4 5; do
		begin=${EPOCHREALTIME/./}
		berthctl start "$1"
		echo $((${EPOCHREALTIME/./} - begin))
		berthctl stop --kill "$1"
		# The kernel takes namespaces down behind a stop's back.
		sleep 0.2
	done | sort -n | sed -n 3p
}

# Packets a second that the host forwards from a container to the world, the best of three seconds.
packet_rate() {
	local i
	for i in 1 2 3; do
		inside first iperf3 -c 198.51.100.2 -u -b 0 -l 64 -t 1 --json | jq '.end.sum.packets'
	done | sort -n | tail -n 1
}

@test "200 containers: the last one's start takes at most 1.3 times the first one's, and packets cost the same" {
	local alone among rate_alone rate_among i round
	berth start first
	berth set first --net-connections unlimited --net-connection-rate unlimited
	background world iperf3 -s
	local server=$!
	sleep 0.5
	alone=$(start_time last)
	rate_alone=$(packet_rate)
	for i in $(seq 3 $MANY); do
		berthctl create "many$i" --template busybox --ip "10.77.101.$i" --ip "2001:db8:100::1:$i" --net-packets 100000 --memory 16M
		berthctl start "many$i"
	done
	[ "$(nft list set inet berth connections | grep -o 'ct count' | wc -l)" -ge $((MANY - 3)) ]
	for round in 1 2 3; do
		among=$(start_time last)
		rate_among=$(packet_rate)
		echo "# start alone $alone us, as the ${MANY}th $among us: $((among * 100 / alone)) %; packets a second alone $rate_alone, among $MANY $rate_among: $((rate_among * 100 / rate_alone)) % (round $round)" >&3
		[ $((among * 100)) -gt $((alone * 130)) ] || [ $((rate_among * 100)) -lt $((rate_alone * 80)) ] || break
	done
	finish "$server"
	[ $((among * 100)) -le $((alone * 130)) ]
	[ $((rate_among * 100)) -ge $((rate_alone * 80)) ]
	# All of them are reached, by both families.
	for i in 3 77 $MANY; do
		world ping -c 1 -W 2 "10.77.101.$i"
		world ping -c 1 -W 2 "2001:db8:100::1:$i"
	done
	ok check
	has "in place for $((MANY - 1)) running containers"
	ok recover --network
	is "$((MANY - 1)) mended"
	ok traffic --collect
	seq 3 $MANY | sed 's/^/many/' | xargs berthctl destroy --force
}
