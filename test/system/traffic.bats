#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Traffic: counted by direction, family and whether it leaves the host; kept over everything; a quota that does something.

load helpers
load world

MB=1000000

setup_file() {
	berth_setup
	world_setup
	mkdir -p "$BERTH_ROOT/etc/berth"
	cat > "$BERTH_ROOT/etc/berth/berth.conf" <<- 'END'
		version = 1
		[plan small]
		net-rate-in = 100M
		net-rate-out = 100M
		traffic-quota = 500G
		traffic-action = throttle
		traffic-throttle = 1M
	END
	berth create count --template busybox --ip 10.77.7.1 --ip 2001:db8:7::1
	berth create other --template busybox --ip 10.77.7.2
	berth start count other
}
teardown_file() {
	world_teardown
	berth_teardown
}

# send FROM ADDRESS BYTES: that many bytes by TCP from a container (or the world) to whoever has the address.
send() {
	local from=$1 to=$2 bytes=$3 run at=host listen=TCP4 address=$2 listener
	run="inside $from"
	[ "$from" != world ] || run=world
	[[ $to != *:* ]] || { listen=TCP6 address="[$to]"; }
	case $to in
	198.51.100.2 | 2001:db8:ffff::2) at=world ;;
	10.77.7.2) at=other ;;
	10.77.7.1 | 2001:db8:7::1) at=count ;;
	esac
	background $at socat -u "$listen-LISTEN:7777,reuseaddr" OPEN:/dev/null
	listener=$!
	sleep 0.4
	head -c "$bytes" /dev/zero | $run socat -u - "TCP:$address:7777,connect-timeout=5"
	wait "$listener"
}

counted() { berth traffic count --json | jq ".months[-1].$1"; }

# grew WHAT BEFORE BYTES: with headers, and not much more.
grew() {
	local got=$(($(counted "$1") - $2))
	[ "$got" -ge "$3" ] && [ "$got" -le $(($3 * 112 / 100 + 3000)) ] || { echo "$1 grew by $got, not $3"; false; }
}

@test "each direction and family is counted, and what stays on the host apart" {
	local public internal
	send count 198.51.100.2 $((2 * MB))
	grew public.out.ipv4 0 $((2 * MB))
	[ "$(counted public.in.ipv4)" -lt 150000 ]
	send world 10.77.7.1 $((3 * MB))
	grew public.in.ipv4 "$(counted public.in.ipv4 | awk '{print $1 * 0}')" $((3 * MB))
	send count 2001:db8:ffff::2 $MB
	grew public.out.ipv6 0 $MB
	send world 2001:db8:7::1 $MB
	[ "$(counted public.in.ipv6)" -ge $MB ]
	public=$(counted public.out.ipv4)
	internal=$(counted internal.out.ipv4)
	send count 10.77.7.2 $MB
	grew internal.out.ipv4 "$internal" $MB
	[ "$(counted public.out.ipv4)" = "$public" ]
	internal=$(counted internal.out.ipv4)
	send count 198.51.100.1 $MB
	grew internal.out.ipv4 "$internal" $MB
	[ "$(berth traffic other --json | jq .months[-1].internal.in.ipv4)" -ge $MB ]
}

@test "text for people: a line for the month, and the quota" {
	ok traffic count
	has "MONTH FROM"
	has "$(date -u +%Y-%m)-01"
	ok set count --traffic-quota 1G
	ok traffic count
	has "of 1.0G used"
	ok set count --traffic-quota unlimited
	refused 3 "no container nobody" traffic nobody
	refused 2 "of which container" traffic
}

@test "what was counted survives restarts of the guest, kills of everything, and the tables" {
	local before
	before=$(counted public.out.ipv4)
	ok restart count --kill
	[ "$(counted public.out.ipv4)" -ge "$before" ]
	[ "$(counted public.out.ipv4)" -lt $((before + 20000)) ]
	send count 198.51.100.2 $MB
	grew public.out.ipv4 "$before" $MB
	before=$(counted public.out.ipv4)
	ok traffic --collect
	ok traffic --collect count
	kill -KILL "$(status_of count init-pid)"
	eventually 10 eval '[ "$(status_of count state)" = stopped ]'
	[ "$(counted public.out.ipv4)" -ge "$before" ]
	ok start count
	kill -KILL "$(status_of count monitor-pid)"
	send count 198.51.100.2 $MB
	ok stop count --kill
	[ "$(counted public.out.ipv4)" -ge $((before + MB)) ]
	before=$(counted public.out.ipv4)
	ok start count
	send count 198.51.100.2 $MB
	ok recover --network
	[ "$(counted public.out.ipv4)" -ge $((before + MB)) ]
	# A change that makes the interface anew loses nothing either.
	before=$(counted public.out.ipv4)
	ok set count --net-mac 02:00:00:00:07:01
	ok set count --net-mac ""
	[ "$(counted public.out.ipv4)" -ge "$before" ]
	[ "$(counted public.out.ipv4)" -lt $((before + 20000)) ]
	berth traffic other --json > /dev/null
}

@test "a file that a crash cut short, or that a host's restart left, is gone on with" {
	local file=$BERTH_ROOT/var/lib/berth/containers/other/traffic before
	ok traffic --collect
	# After a restart of the host the boot is another one, and the counters are at zero.
	before=$(berth traffic other --json | jq .months[-1].internal.in.ipv4)
	sed -i 's/^epoch .*/epoch another-boot 1 1/; s/^last .*/last 900 900 900 900 900 900 900 900/' "$file"
	[ "$(berth traffic other --json | jq .months[-1].internal.in.ipv4)" -ge "$before" ]
	echo "berth traffic 1" > "$file"
	ok traffic other
	ok traffic --collect
	ok traffic other --json
}

@test "months: a new one on its day, the old ones kept" {
	local file=$BERTH_ROOT/var/lib/berth/containers/count/traffic day today used
	ok traffic --collect count
	sed -i "s/^month [0-9-]*/month 2020-02-01/" "$file"
	used=$(counted public.out.ipv4)
	[ "$used" -lt 20000 ]
	ok traffic count --month --json
	[ "$(jq '.months | length' <<< "$output")" = 2 ]
	[ "$(jq -r '.months[0].start' <<< "$output")" = 2020-02-01 ]
	[ "$(jq -r '.months[0].public.out.ipv4' <<< "$output")" -gt $MB ]
	ok traffic count --month
	has 2020-02-01
	ok traffic count
	hasnt 2020-02-01
	day=$(date -u +%-d)
	[ "$day" -le 28 ] || day=28
	ok set count --traffic-reset-day "$day"
	[ "$(berth traffic count --json | jq -r '.months[-1].start')" = "$(date -u +%Y-%m)-$(printf %02d "$day")" ]
	ok set count --traffic-reset-day 1
}

over() { berth traffic count --json | jq .over; }

@test "quota, warn: told once, and nothing else" {
	rm -f "$BERTH_ROOT/var/lib/berth/containers/count/traffic"
	ok restart count --kill
	ok set count --traffic-quota 2M --traffic-counted out
	[ "$(over)" = false ]
	send count 198.51.100.2 $((3 * MB))
	ok traffic --collect
	ok traffic --collect
	[ "$(over)" = true ]
	[ "$(berth status count --json | jq '[.events[] | select(.event=="traffic-quota")] | length')" = 1 ]
	ok traffic count
	has "the quota is used up"
	ok status count
	has traffic-quota
	ok exec count -- ping -c 1 -W 2 198.51.100.2
}

@test "quota, block: the outside is gone until there is more, or a new month" {
	ok set count --traffic-action block
	try exec count -- ping -c 1 -W 1 198.51.100.2
	[ "$status" -ne 0 ]
	ok exec count -- ping -c 1 -W 2 10.77.7.2
	ok restart count --kill
	try exec count -- ping -c 1 -W 1 198.51.100.2
	[ "$status" -ne 0 ]
	ok set count --traffic-quota 1G
	ok exec count -- ping -c 1 -W 2 198.51.100.2
	ok set count --traffic-quota 2M
	try exec count -- ping -c 1 -W 1 198.51.100.2
	[ "$status" -ne 0 ]
	sed -i "s/^month [0-9-]*/month 2020-03-01/" "$BERTH_ROOT/var/lib/berth/containers/count/traffic"
	ok traffic --collect
	ok exec count -- ping -c 1 -W 2 198.51.100.2
	# It is not the operator's own net-block.
	ok get count net-block
	is no
}

@test "quota, throttle: the rate falls to what was agreed, and comes back" {
	ok set count --traffic-action throttle --traffic-throttle 2M --net-rate-out 50M
	send count 198.51.100.2 $((3 * MB))
	ok traffic --collect
	[[ $(tc qdisc show dev "$(interface_of count)") == *2Mbit* ]]
	local begin=$EPOCHREALTIME took
	send count 198.51.100.2 $MB
	took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 10 }')
	[ "$took" -ge 35 ]
	ok set count --traffic-quota unlimited
	[[ $(tc qdisc show dev "vi-$(status_of count id)") == *50Mbit* ]]
	ok set count --net-rate-out unlimited
}

@test "only what was agreed counts" {
	ok set count --traffic-counted in --traffic-quota 100M
	[ "$(berth traffic count --json | jq .used)" -lt $MB ]
	ok set count --traffic-counted both
	[ "$(berth traffic count --json | jq .used)" -gt $MB ]
	ok set count --traffic-quota unlimited
}

@test "a plan as it is sold: 500 GB a month on a port of 100 Mbit/s" {
	ok create sold --template busybox --ip 10.77.7.9 --plan small
	ok start sold
	ok get sold --json
	[ "$(jq '."traffic-quota"' <<< "$output")" = 536870912000 ]
	[ "$(jq '."net-rate-in"' <<< "$output")" = 100000000 ]
	[[ $(tc qdisc show dev "$(interface_of sold)") == *100Mbit* ]]
	ok destroy --force sold
}

@test "a bridged container's traffic is counted too" {
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add 10.9.7.254/24 dev br0
	ip link add wire type veth peer name lan netns "$(cat "$BERTH_ROOT/world")"
	ip link set wire master br0
	ip link set wire up
	world ip link set lan up
	world ip addr add 10.9.7.1/24 dev lan
	ok create port --template busybox --net bridge --net-bridge br0 --ip 10.9.7.5/24
	ok start port
	background world socat -u TCP4-LISTEN:7777,reuseaddr OPEN:/dev/null
	local listener=$!
	sleep 0.4
	head -c $MB /dev/zero | inside port socat -u - TCP:10.9.7.1:7777
	wait "$listener"
	[ "$(berth traffic port --json | jq .months[-1].public.out.ipv4)" -ge $MB ]
	ping -c 2 -W 2 10.9.7.5
	[ "$(berth traffic port --json | jq .months[-1].internal.in.ipv4)" -ge 100 ]
	ok destroy --force port
	ip link del br0
	world ip link del lan
}
