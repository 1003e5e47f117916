#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# check, help and version: what a newcomer runs first.

load helpers

setup_file() { berth_setup; }
teardown_file() { berth_teardown; }

@test "check says what the host has and lacks, with a remedy for each lack" {
	ok check
	has cgroup
	has nsdelegate
	local what
	ok check --json
	for what in "cgroup controllers" "memory guarantees" "swap limit" swap "pressure (PSI)" "disk quota" disk berth.conf nftables "network filters" NetworkManager kernel.core_pattern \
		kernel.pid_max fs.inotify.max_user_watches kernel.keys.maxbytes net.ipv6.neigh.default.gc_thresh3 fs.aio-max-nr kernel.pty.max; do
		[ "$(json_get "[.findings[] | select(.what==\"$what\")] | length" <<< "$output")" = 1 ] || story "no finding $what"
	done
	ok check --json
	[ "$(json_get .schema <<< "$output")" = 1 ]
	[ "$(json_get '[.findings[] | select(.verdict=="missing")] | length' <<< "$output")" = 0 ]
	[ "$(json_get '[.findings[] | select(.verdict!="ok" and .remedy=="")] | length' <<< "$output")" = 0 ]
	if is_hybrid; then
		[[ $(json_get '.findings[] | select(.what=="cgroup") | .found' <<< "$output") == *hybrid* ]]
	else
		[ "$(json_get '.findings[] | select(.what=="cgroup") | .verdict' <<< "$output")" = ok ]
		[ "$(json_get '.findings[] | select(.what=="cgroup nsdelegate") | .verdict' <<< "$output")" = ok ]
	fi
}

@test "help names every command and every key" {
	local word
	local all
	ok help
	all=$output
	for word in create start stop restart destroy set get list status wait exec enter console pause resume template storage host check recover traffic push pull; do
		[[ $all == *"  $word "* ]] || story "help does not name $word"
		try help "$word"
		[ "$status" -eq 0 ] || story "no help for $word"
	done
	ok help keys
	for word in memory memory-high memory-guarantee swap cpus cpu-burst cpu-weight cpuset pids cgroups io-weight io-read-rate io-write-rate \
		io-read-iops io-write-iops disk inodes plan hostname nameserver ip description init autostart net-nat \
		route net-mode net-bridge net-vlan net-gateway net-mac net-mtu nic net-uplink net-proxy net-rate-in net-rate-out net-packets net-connections \
		net-connection-rate smtp net-block port-forward net-port-block traffic-quota traffic-counted traffic-action traffic-throttle traffic-reset-day \
		timezone locale mount device tun fuse nesting credential init-reaper; do
		has "--$word "
	done
	ok create --help
	has --template
	ok --version
	has berthctl
}

@test "get shows every key of the file, and --json has raw units" {
	ok create keys --template busybox --memory 1.5G --cpus 1.5 --ip 10.77.9.1 --ip 2001:db8:9::1 --autostart yes
	ok get keys --json
	[ "$(json_get .memory <<< "$output")" = 1610612736 ]
	[ "$(json_get .cpus <<< "$output")" = 1.5 ]
	[ "$(json_get .swap <<< "$output")" = 0 ]
	[ "$(json_get '."memory-high"' <<< "$output")" = null ]
	[ "$(json_get '.ip | length' <<< "$output")" = 2 ]
	[ "$(json_get '.nameserver | length' <<< "$output")" = 0 ]
	[ "$(json_get .autostart <<< "$output")" = true ]
	[ "$(json_get .template <<< "$output")" = busybox ]
	ok get keys memory
	is 1536M
	ok destroy keys
}
