#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# set and get as such: both the kernel and the file or neither, what needs a restart, what is inside the guest.

load helpers

setup_file() {
	berth_setup
	berth create lim --template busybox --memory 64M --pids 50
	berth start lim
}
teardown_file() { berth_teardown; }

@test "a refused value changes neither the kernel nor the file" {
	local before
	before=$(kernel lim pids.max)
	refused 7 "cpuset" set lim --pids 77 --cpuset 4000
	[ "$(kernel lim pids.max)" = "$before" ]
	ok get lim pids
	is 50
}

@test "set on a stopped container is checked by the kernel too" {
	ok stop lim --kill
	refused 7 "cpuset" set lim --cpuset 4000
	ok set lim --pids 60
	ok start lim
	[ "$(kernel lim pids.max)" = 60 ]
}

@test "keys that need a restart are named" {
	ok set lim --init /bin/init2
	has "takes effect at the next start: init"
	ok set lim --init /sbin/init --json
	[ "$(json_get .changed <<< "$output")" = true ]
	[ "$(json_get '.pending[0]' <<< "$output")" = init ]
}

@test "hostname and nameserver are changed live" {
	ok set lim --hostname www.example.org --nameserver 192.0.2.1 --nameserver 192.0.2.2 --search "example.org example.net"
	ok exec lim -- sh -c 'hostname; cat /etc/hostname /etc/resolv.conf; grep 127.0.1.1 /etc/hosts'
	has "www.example.org"
	has "nameserver 192.0.2.2"
	has "search example.org example.net"
	has "127.0.1.1 www.example.org www"
	[ "$(hostname)" != www.example.org ]
	ok exec lim -- chmod u-w /etc/resolv.conf
	ok set lim --nameserver 192.0.2.3
	ok exec lim -- cat /etc/resolv.conf
	hasnt 192.0.2.3
}

@test "status shows every limit: as configured, in force, used" {
	ok status lim --json
	local key
	for key in memory memory-high memory-guarantee swap cpus cpu-burst cpu-weight cpuset pids cgroups io-weight io-read-rate io-write-rate \
		io-read-iops io-write-iops disk inodes net-rate-in net-rate-out net-packets net-connections net-connection-rate; do
		[ "$(json_get ".limits | has(\"$key\")" <<< "$output")" = true ] || story "no limit $key"
	done
	[ "$(json_get '.limits.memory.configured' <<< "$output")" = $((64 * 1024 * 1024)) ]
	[ "$(json_get '.limits.memory.effective' <<< "$output")" = $((64 * 1024 * 1024)) ]
	[ "$(json_get '.limits.pids.used' <<< "$output")" -ge 1 ]
	ok status lim
	has "CONFIGURED"
	ok stop lim --kill
	ok status lim --json
	[ "$(json_get '.limits.memory."in-force"' <<< "$output")" = false ]
	ok start lim
}
