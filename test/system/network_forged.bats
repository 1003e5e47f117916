#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A hostile guest: everything it can forge by a packet socket of its own, and what is seen of it elsewhere. Each test has its control: what is
# honest arrives.

load helpers
load world

setup_file() {
	berth_setup
	world_setup
	berth create evil --template busybox --ip 10.77.4.1 --ip 2001:db8:4::1 --route 2001:db8:4:1::/64 --net-mac 02:00:00:00:00:01
	berth create good --template busybox --ip 10.77.4.2 --ip 2001:db8:4::2
	programs_into evil good
	# A network of the operator's own, with a router on it.
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add 10.9.0.254/24 dev br0
	ip link add wire type veth peer name lan netns "$(cat "$BERTH_ROOT/world")"
	ip link set wire master br0
	ip link set wire up
	world ip link set lan up
	world ip addr add 10.9.0.1/24 dev lan
	world ip addr add 2001:db8:900::1/64 dev lan nodad
	berth create bevil --template busybox --net bridge --net-bridge br0 --ip 10.9.0.5/24 --ip 2001:db8:900::5/64 --net-gateway 10.9.0.1 \
		--net-gateway 2001:db8:900::1 --net-mac 02:00:00:00:00:05
	berth create bgood --template busybox --net bridge --net-bridge br0 --ip 10.9.0.6/24 --ip 2001:db8:900::6/64 --net-gateway 10.9.0.1
	programs_into bevil bgood
	berth start evil good bevil bgood
}
teardown_file() {
	world ip link del lan
	ip link del br0
	world_teardown
	berth_teardown
}

HOST=fe:00:00:00:00:01
BAD=$(printf BADBAD | xxd -p 2> /dev/null || echo 424144424144)

# A line for frames.py, as evil would send it.
routed() { echo "$* to_mac=${to:-$HOST} from_mac=${me:-$OWN}"; }
OWN=02:00:00:00:00:01

@test "routed: the control: honest packets arrive, whole and in fragments" {
	where=world on=eth0
	[[ $(heard deliver evil routed udp4 source=10.77.4.1 target=198.51.100.2) == *$BAD* ]]
	[[ $(heard deliver evil routed udp6 source=2001:db8:4::1 target=2001:db8:ffff::2) == *$BAD* ]]
	[[ $(heard deliver evil routed udp6 source=2001:db8:4:1::77 target=2001:db8:ffff::2) == *$BAD* ]]
	halves() {
		routed fragment1 source=10.77.4.1 target=198.51.100.2
		routed fragment2 source=10.77.4.1 target=198.51.100.2
	}
	[[ $(heard deliver evil halves) == *$BAD* ]]
	# A neighbour is heard when it is honest, too.
	where='' on=$(interface_of good)
	[[ $(heard deliver evil routed udp4 source=10.77.4.1 target=10.77.4.2) == *$BAD* ]]
	where=world on=eth0
	# What it gives itself as MAC is nobody's concern: it does not leave the host.
	me=02:99:99:99:99:99
	local frames
	frames=$(heard deliver evil routed udp4 source=10.77.4.1 target=198.51.100.2)
	[[ $frames == *$BAD* ]]
	[[ $frames != *029999999999* ]]
}

forge_sources() {
	local source
	for source in 10.77.4.2 198.51.100.1 198.51.100.99 169.254.0.1 8.8.8.8 127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.255; do
		routed udp4 source=$source target=198.51.100.2
		routed udp4 source=$source target=10.77.4.2
	done
	for source in 2001:db8:4::2 2001:db8:4:2::1 2001:db8:ffff::1 fe80::1 fe80::99 ::1 :: ff02::1; do
		routed udp6 source=$source target=2001:db8:ffff::2
		routed udp6 source=$source target=2001:db8:4::2
	done
	routed fragment1 source=10.77.4.2 target=198.51.100.2
	routed fragment2 source=10.77.4.2 target=198.51.100.2
	routed vlan vlan=5 source=10.77.4.1 target=198.51.100.2
	routed dhcp source=10.77.4.1 target=198.51.100.2
	routed dhcp source=10.77.4.1 target=255.255.255.255
}

@test "routed: no forged source gets out, to the world or to a neighbour" {
	local frames
	where=world on=eth0
	frames=$(heard deliver evil forge_sources)
	[[ $frames != *$BAD* ]] || story "$frames"
	where='' on=$(interface_of good)
	frames=$(heard deliver evil forge_sources)
	[[ $frames != *$BAD* ]] || story "$frames"
}

forge_claims() {
	local claimed
	for claimed in 10.77.4.2 169.254.0.1 198.51.100.1 198.51.100.2; do
		to=ff:ff:ff:ff:ff:ff routed arp source=$claimed target=$claimed
		to=ff:ff:ff:ff:ff:ff routed arp source=$claimed target=169.254.0.1 reply=1
		to=ff:ff:ff:ff:ff:ff routed arp source=$claimed target=169.254.0.1
	done
	for claimed in 2001:db8:4::2 fe80::1 2001:db8:ffff::1 fe80::77 2001:db8:4:1::5; do
		routed na source=$claimed target=ff02::1 about=$claimed
		routed na source=2001:db8:4::1 target=fe80::1 about=$claimed
		routed ns source=$claimed target=fe80::1 about=fe80::1
		routed na_hidden source=$claimed target=ff02::1 about=$claimed
	done
	routed ra source=fe80::2 target=ff02::1
	routed ra source=fe80::99 target=ff02::1
	routed redirect source=fe80::1 target=fe80::1 about=2001:db8:ffff::2
	routed stp
	routed ethertype
}

@test "routed: no claim to others' addresses, no advertisement, changes anything on the host" {
	local frames before after
	state() {
		ip -4 neigh show
		ip -6 neigh show
		ip route
		ip -6 route
		ip -6 addr
	} 2> /dev/null
	settled() { [[ $(ip neigh show) != *INCOMPLETE* ]]; }
	eventually 5 settled
	before=$(state | grep -v 'uplink\|br0\|wire' | sort)
	where='' on=$(interface_of good)
	frames=$(heard deliver evil forge_claims)
	after=$(state | grep -v 'uplink\|br0\|wire' | sort)
	[ "$before" = "$after" ] || { diff <(echo "$before") <(echo "$after"); false; }
	[ -z "$(grep 020000000001 <<< "$frames")" ] || story "$frames"
	# And the control: it still has its network, by ARP and NDP of its own.
	berth exec evil -- ip neigh flush dev eth0
	ok exec evil -- ping -c 1 -W 2 198.51.100.2
	ok exec evil -- ping -c 1 -W 2 2001:db8:ffff::2
}

@test "routed: the neighbour table does not grow however many senders a guest invents" {
	local before
	senders() {
		local i
		for i in $(seq 1 40); do
			to=ff:ff:ff:ff:ff:ff routed arp source=10.250.0."$i" target=169.254.0.1
			routed ns source=fe80::1:"$i" target=fe80::1 about=fe80::1
			routed ns source=2001:db8:4:1::"$i" target=fe80::1 about=fe80::1
		done
	}
	before=$(($(ip neigh | wc -l) + $(ip -6 neigh | wc -l)))
	deliver evil senders
	[ "$(($(ip neigh | wc -l) + $(ip -6 neigh | wc -l)))" -le $((before + 1)) ]
}

# --- on a bridge ---------------------------------------------------------------------------------------------------------------

bridged() { echo "$* to_mac=${to:-ff:ff:ff:ff:ff:ff} from_mac=${me:-02:00:00:00:00:05}"; }
OWN6=fe80::ff:fe00:5

@test "bridge: the control: honest frames arrive, and the network works" {
	local frames
	ok exec bevil -- ping -c 1 -W 2 10.9.0.1
	ok exec bevil -- ping -c 1 -W 2 2001:db8:900::1
	ok exec bgood -- ping -c 1 -W 2 10.9.0.1
	world ping -c 1 -W 2 10.9.0.5
	world ping -c 1 -W 2 2001:db8:900::5
	where=world on=lan
	honest() {
		bridged udp4 source=10.9.0.5 target=10.9.0.1
		bridged arp source=10.9.0.5 target=10.9.0.1
		bridged na source=2001:db8:900::5 target=ff02::1 about=2001:db8:900::5
		bridged na source=$OWN6 target=ff02::1 about=$OWN6
		bridged ns source=2001:db8:900::5 target=2001:db8:900::1 about=2001:db8:900::1
		bridged arp source=0.0.0.0 target=10.9.0.5
	}
	frames=$(heard deliver bevil honest)
	[ "$(grep -cxF "$(honest | python3 "$BATS_TEST_DIRNAME/frames.py")" <<< "$frames")" -ge 6 ] || story "$frames"
}

forge_on_bridge() {
	local source
	for source in 10.9.0.6 10.9.0.1 10.9.0.254 8.8.8.8 0.0.0.0 127.0.0.1; do
		bridged udp4 source=$source target=10.9.0.1
		# From nobody is a question whether an address is free.
		[ $source != 0.0.0.0 ] || continue
		bridged arp source=$source target=$source
		bridged arp source=$source target=10.9.0.6 reply=1
	done
	for source in 2001:db8:900::6 2001:db8:900::1 fe80::1 fe80::99 ::1; do
		bridged udp6 source=$source target=2001:db8:900::1
		bridged na source=$source target=ff02::1 about=$source
		bridged na source=2001:db8:900::5 target=ff02::1 about=$source
		bridged ns source=$source target=ff02::1 about=2001:db8:900::1
		bridged na2 source=2001:db8:900::5 target=ff02::1 about=2001:db8:900::5 says_mac=02:00:00:00:00:66
		bridged na_hidden source=2001:db8:900::5 target=ff02::1 about=$source
		bridged na_fragment source=2001:db8:900::5 target=ff02::1 about=$source
	done
	# Its own addresses with another MAC, in the frame or in what the frame says.
	me=02:00:00:00:00:66 bridged udp4 source=10.9.0.5 target=10.9.0.1
	bridged arp source=10.9.0.5 target=10.9.0.5 says_mac=02:00:00:00:00:66
	bridged na source=2001:db8:900::5 target=ff02::1 about=2001:db8:900::5 says_mac=02:00:00:00:00:66
	bridged ra source=$OWN6 target=ff02::1
	bridged ra source=fe80::99 target=ff02::1
	bridged redirect source=$OWN6 target=ff02::1 about=2001:db8:900::1
	bridged dhcp source=10.9.0.5 target=255.255.255.255
	bridged vlan vlan=5 source=10.9.0.5 target=10.9.0.1
	bridged fragment1 source=10.9.0.6 target=10.9.0.1
	bridged fragment2 source=10.9.0.6 target=10.9.0.1
	bridged ethertype
}

@test "bridge: nothing forged is seen on the network, on the bridge or by a neighbour" {
	local frames interface sent
	# A bridge passes frames as they are: none that was sent may be among those that were heard.
	sent=$(forge_on_bridge | python3 "$BATS_TEST_DIRNAME/frames.py")
	[ "$(wc -l <<< "$sent")" -ge 50 ]
	for interface in lan br0 "$(interface_of bgood)"; do
		where='' on=$interface
		[ "$interface" != lan ] || where=world
		frames=$(heard deliver bevil forge_on_bridge)
		[ -z "$(grep -xF "$sent" <<< "$frames")" ] || story "$interface: $(grep -xF "$sent" <<< "$frames")"
		[[ $frames != *"$BAD"* ]] && [[ $frames != *020000000066* ]] || story "$interface: $frames"
	done
}

@test "bridge: neighbours are isolated and a guest's hello does not move the spanning tree" {
	try exec bevil -- ping -c 1 -W 1 10.9.0.6
	[ "$status" -ne 0 ]
	# A hello costs the guest its port, and the bridge nothing: it is still its own root.
	ip link set br0 type bridge stp_state 1
	eventually 40 eval '[[ $(bridge link show dev wire) == *"state forwarding"* ]]'
	deliver bevil bridged stp
	sleep 0.5
	[ "$(ip -j -d link show br0 | jq -r '.[0].linkinfo.info_data.root_id')" = "$(ip -j -d link show br0 | jq -r '.[0].linkinfo.info_data.bridge_id')" ]
	ok exec bgood -- ping -c 1 -W 2 10.9.0.1
	ip link set br0 type bridge stp_state 0
	ok restart bevil --kill
	ok exec bevil -- ping -c 1 -W 2 10.9.0.1
	[[ $(bridge -d link show dev "$(interface_of bevil)") == *"isolated on"* ]]
	[[ $(bridge -d link show dev "$(interface_of bevil)") == *"learning off"* ]]
	bridge fdb show br br0 | grep -q "02:00:00:00:00:05 dev $(interface_of bevil) master br0 static"
	# A frame with the router's MAC does not take the router's place.
	me=$(world ip -j link show dev lan | jq -r '.[0].address')
	deliver bevil bridged udp4 source=10.9.0.5 target=10.9.0.6
	ok exec bgood -- ping -c 1 -W 2 10.9.0.1
}

@test "the filter goes after the link, and comes before it: a guest that floods through start and stop gets nothing out" {
	local frames
	churn() {
		local i
		for i in 1 2 3; do
			berth stop --kill evil
			berth start evil
			deliver evil routed udp4 source=10.77.4.2 target=198.51.100.2 || true
		done
	}
	where=world on=eth0
	cat > "$BERTH_ROOT/var/lib/berth/containers/evil/rootfs/bin/flood" <<- 'END'
		#!/bin/sh
		while :; do forge 10.77.4.2 198.51.100.2; done
	END
	chmod +x "$BERTH_ROOT/var/lib/berth/containers/evil/rootfs/bin/flood"
	churn_and_flood() {
		berth exec evil -- flood > /dev/null 2>&1 &
		churn
		wait $! || true
	}
	frames=$(heard churn_and_flood)
	[[ $frames != *666f72676564* ]] || story "$frames"
}
