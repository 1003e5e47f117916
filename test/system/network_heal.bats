#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A host that has other things on it: a firewall of its own that is loaded anew, managers of networks, hands that delete what is not theirs.

load helpers
load world

setup_file() {
	berth_setup
	world_setup
	berth create heal --template busybox --ip 10.77.6.1 --ip 2001:db8:6::1 --route 2001:db8:6:1::/64 --net-rate-out 10M --port-forward 2222:22
	berth create second --template busybox --ip 10.77.6.2 --nic eth1,ip=10.77.6.3
	programs_into heal second
	berth start heal second
}
teardown_file() {
	world_teardown
	berth_teardown
}

filters() { berth check --json | jq -r '.findings[] | select(.what=="network filters") | .verdict'; }

# A forged packet that arrives: then nothing filters.
leaks() { where=world on=eth0 heard deliver heal echo udp4 source=10.77.6.2 target=198.51.100.2 to_mac=fe:00:00:00:00:01 from_mac=02:00:00:00:00:01 | grep -q 424144424144; }

@test "a firewall that flushes everything is noticed by check and healed by recover --network" {
	local before
	[ "$(filters)" = ok ]
	run ! leaks
	before=$(berth traffic heal --json | jq '[.months[].internal.out.ipv4] | add')
	nft flush ruleset
	[ "$(filters)" = weak ]
	leaks
	ok recover --network
	is "2 mended"
	[ "$(filters)" = ok ]
	run ! leaks
	world ping -c 1 -W 2 10.77.6.1
	world ping -c 1 -W 2 10.77.6.3
	nft list map inet berth forward4 | grep -q 2222
	# What was counted is kept.
	[ "$(berth traffic heal --json | jq '[.months[].internal.out.ipv4] | add')" -ge "$before" ]
	ok recover --network
}

@test "containers that start after a flush bring the tables back; check still names those that lack in them" {
	nft flush ruleset
	ok create third --template busybox --ip 10.77.6.9
	ok start third
	run berth check
	[[ $output == *"2 of 3 running containers are not in nftables"* ]]
	ok recover --network
	[ "$(filters)" = ok ]
	ok destroy --force third
}

@test "tables of another Berth's rules are not taken for this one's" {
	nft delete table inet berth
	nft add table inet berth
	refused 1 "recover --network puts it right" set second --ip-add 10.77.6.4
	[ "$(filters)" = weak ]
	ok recover --network
	ok set second --ip-add 10.77.6.4
	ok set second --ip-del 10.77.6.4
}

@test "a deleted route, neighbour, rate or interface is put back" {
	local interface
	interface=$(interface_of heal)
	ip route del 10.77.6.1
	ip -6 route del 2001:db8:6:1::/64
	ip neigh flush dev "$interface" nud permanent
	tc qdisc del dev "$interface" ingress
	run ! world ping -c 1 -W 1 10.77.6.1
	ok recover --network
	world ping -c 1 -W 2 10.77.6.1
	world ping -c 1 -W 2 2001:db8:6::1
	[ -n "$(ip -6 route show 2001:db8:6:1::/64)" ]
	[[ $(tc qdisc show dev "$interface") == *ingress* ]]
	ip link set "$interface" down
	ok recover --network
	world ping -c 1 -W 2 10.77.6.1
	ip link del "$interface"
	run ! world ping -c 1 -W 1 10.77.6.1
	ok recover --network
	world ping -c 1 -W 2 10.77.6.1
	world ping -c 1 -W 2 2001:db8:6::1
}

@test "stop and start after a flush, a lost interface or a lost table leave and want nothing" {
	nft flush ruleset
	ok stop --kill heal
	ok start heal
	ip link del "$(interface_of heal)"
	ok stop --kill heal
	# Somebody has taken its name meanwhile.
	ip link add "ve-$(status_of heal id)" type veth peer name stray
	ok start heal
	world ping -c 1 -W 2 10.77.6.1
	run ! ip link show stray
	ok recover --network
}

@test "the host's own firewall, nftables or iptables, is left as it is, and containers work beside it" {
	local before
	nft -f - <<- 'END'
		table inet filter {
			chain input { type filter hook input priority 0; policy drop; iifname "lo" accept; ct state established accept; icmp type echo-request accept; meta l4proto icmpv6 accept; }
			chain forward { type filter hook forward priority 0; policy drop; iifname "ve-*" accept; oifname "ve-*" accept; }
		}
	END
	iptables-nft -A FORWARD -p tcp --dport 4444 -j REJECT
	before=$(nft list table inet filter; iptables-nft -S)
	ok restart heal second --kill
	world ping -c 1 -W 2 10.77.6.1
	ok exec heal -- ping -c 1 -W 2 198.51.100.2
	ok set heal --ip-add 10.77.6.8
	ok set heal --ip-del 10.77.6.8
	ok recover --network
	[ "$(nft list table inet filter; iptables-nft -S)" = "$before" ]
	# What the host's own firewall drops is dropped, and not counted as the container's.
	before=$(berth traffic heal --json | jq .months[-1].public.out.ipv4)
	inside heal socat -T 1 - TCP:198.51.100.2:4444,connect-timeout=1 < /dev/null > /dev/null 2>&1 || true
	[ "$(berth traffic heal --json | jq .months[-1].public.out.ipv4)" = "$before" ]
	nft delete table inet filter
	iptables-nft -D FORWARD -p tcp --dport 4444 -j REJECT
}

@test "what managers of networks are told is installed" {
	local file
	grep -q '^Name=ve-\*' "$BERTH_PREFIX/lib/systemd/network/80-berth.network"
	grep -q '^Unmanaged=yes' "$BERTH_PREFIX/lib/systemd/network/80-berth.network"
	grep -q 'unmanaged-devices=.*interface-name:ve-\*' "$BERTH_PREFIX/share/berth/80-berth.conf"
	for file in berth-traffic.service berth-traffic.timer; do
		[ -s "$BERTH_PREFIX/lib/systemd/system/$file" ]
	done
	grep -q "^ExecStart=.*berthctl traffic --collect" "$BERTH_PREFIX/lib/systemd/system/berth-traffic.service"
}

@test "bad values leave running containers untouched" {
	local before after
	picture() {
		ip -o addr
		ip route
		ip -6 route
		nft list ruleset | grep -v counter
		tc qdisc
	}
	before=$(picture)
	try set heal --ip-add 10.77.6.2
	try set heal --ip-add 198.51.100.1
	try set heal --ip-add 224.0.0.1
	try set heal --net-rate-in 0
	try set heal --net bridge --net-bridge nowhere --ip 10.0.0.1/24
	try set heal --port-forward 70000:1
	try set heal --nic eth1,ip=10.77.6.2
	try set heal --route 10.77.6.2/32
	after=$(picture)
	[ "$before" = "$after" ] || { diff <(echo "$before") <(echo "$after"); false; }
	world ping -c 1 -W 2 10.77.6.1
}
