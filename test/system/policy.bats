#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# berth.conf: defaults, plans, and how far the host may be oversold; host, which shows it.

load helpers

setup_file() {
	berth_setup
	mkdir -p "$BERTH_ROOT/etc/berth"
}
# Each test has the host for itself, whatever became of the one before.
setup() {
	rm -f "$BERTH_ROOT/etc/berth/berth.conf"
	for name in $(berth list -Ho name); do berth destroy --force "$name"; done
}
teardown_file() { berth_teardown; }

policy() {
	{ echo "version = 1"; cat; } > "$BERTH_ROOT/etc/berth/berth.conf"
}

memory() { awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo; }

@test "defaults are what is not given; a plan is a named set of keys" {
	policy <<-END
		[defaults]
		memory = 96M
		pids = 70
		[plan small]
		memory = 128M
		cpus = 0.5
		[plan large]
		memory = 256M
		cpus = 2
	END
	ok create plain --template busybox
	ok get plain memory pids
	is "memory = 96M
pids = 70"
	ok create sold --template busybox --plan small --cpus 0.25
	ok get sold memory cpus pids plan
	is "memory = 128M
cpus = 0.25
pids = 70
plan = small"
	ok start sold
	ok set sold --plan large
	ok get sold memory cpus plan
	is "memory = 256M
cpus = 2
plan = large"
	[ "$(limit sold memory effective)" = $((256 * 1024 * 1024)) ]
	ok list -H -o name,plan -f plan=large
	has "sold"
	hasnt "plain"
	refused 2 "there are small, large" set sold --plan huge
	refused 2 "there are small, large" create other --template busybox --plan huge
	ok set sold --plan ''
	ok get sold plan memory
	is "plan = 
memory = 256M"
	ok destroy --force plain sold
}

@test "a berth.conf that cannot be read is an error that names the line, and nothing is done" {
	policy <<< "memory-oversell = much"
	refused 1 "line 2: memory-oversell" create x --template busybox
	[ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/containers" 2> /dev/null)" ]
	ok check --json
	[ "$(json_get '.findings[] | select(.what=="berth.conf") | .verdict' <<< "$output")" = weak ]
}

@test "memory-oversell: create, set and start refuse past it" {
	policy <<-END
		memory-reserve = 0
		memory-oversell = 0.5
	END
	local half=$(($(memory) / 2 / 1048576))
	ok create a --template busybox --memory $((half - 100))M
	refused 7 "memory-oversell" create b --template busybox --memory 200M
	refused 7 "unlimited would sell the whole host" create b --template busybox
	ok create b --template busybox --memory 50M
	refused 7 "memory-oversell" set b --memory 200M
	ok get b memory
	is 50M
	ok set b --memory 60M
	ok start a b
	ok stop a b --kill
	# The operator thinks better of it: what is sold stays sold, what starts is asked again.
	policy <<-END
		memory-reserve = 0
		memory-oversell = 0.1
	END
	ok set b --memory 55M
	ok start b
	refused 7 "memory-oversell" start a
	ok list -H -o name -f state=stopped
	is a
	ok destroy --force a b
}

@test "oversold = warn: says so and goes on" {
	policy <<-END
		cpus-oversell = 1
		oversold = warn
	END
	ok create w --template busybox --cpus $(($(nproc) + 1))
	has "warning: "
	has "cpus-oversell"
	ok start w
	has "warning: "
	ok set w --cpus $(($(nproc) + 2)) --json
	[[ $(json_get .warning <<< "$output") == *"cpus-oversell"* ]]
	ok destroy --force w
}

@test "guarantees are never more than the memory there is" {
	is_hybrid && skip "cgroup v1 has no guarantees"
	policy <<< "oversold = warn"
	local most=$(($(memory) * 9 / 10 / 1048576))
	ok create g --template busybox --memory-guarantee $((most - 50))M
	refused 7 "memory-guarantee" create h --template busybox --memory-guarantee 100M
	ok create h --template busybox --memory-guarantee 40M
	refused 7 "memory-guarantee" set h --memory-guarantee 100M
	ok start g h
	ok destroy --force g h
}

@test "host: physical, sold, guaranteed, used and pressure, and it follows what happens" {
	policy <<-END
		memory-oversell = 2
		[plan small]
		memory = 128M
	END
	ok create one --template busybox --memory 100M --cpus 0.5
	ok create two --template busybox --memory 200M --swap 50M
	ok start one
	ok host --json
	[ "$(json_get .containers <<< "$output")" = 2 ]
	[ "$(json_get .running <<< "$output")" = 1 ]
	[ "$(json_get .resources.memory.physical <<< "$output")" = "$(memory)" ]
	[ "$(json_get .resources.memory.sold <<< "$output")" = $((300 * 1024 * 1024)) ]
	[ "$(json_get .resources.memory.running <<< "$output")" = $((100 * 1024 * 1024)) ]
	[ "$(json_get .resources.memory.oversell <<< "$output")" = 2 ]
	[ "$(json_get .resources.memory.usable <<< "$output")" -lt "$(memory)" ]
	[ "$(json_get '.resources.memory."used-by-containers"' <<< "$output")" -gt 0 ]
	[ "$(json_get '.resources.memory."pressure-some"' <<< "$output")" != null ]
	[ "$(json_get .resources.swap.sold <<< "$output")" = $((50 * 1024 * 1024)) ]
	[ "$(json_get .resources.cpus.sold <<< "$output")" = 0.5 ]
	[ "$(json_get '.resources.cpus."without-limit"' <<< "$output")" = 1 ]
	[ "$(json_get .plans.small.memory <<< "$output")" = $((128 * 1024 * 1024)) ]
	ok host
	has "RESOURCE"
	has "plan small"
	ok stop one --kill
	ok destroy one two
	ok host --json
	[ "$(json_get .containers <<< "$output")" = 0 ]
	[ "$(json_get .resources.memory.sold <<< "$output")" = 0 ]
	[ "$(json_get .resources.cpus.sold <<< "$output")" = 0 ]
}

@test "host counts right after commands were killed at any moment" {
	local i
	ok create k --template busybox --memory 100M
	for i in 1 2 3 4 5 6 7 8 9; do
		timeout -s KILL "0.00$i" berthctl set k --memory "$((100 + i))M" || true
		timeout -s KILL "0.00$i" berthctl create "k$i" --template busybox --memory 100M || true
		timeout -s KILL "0.00$i" berthctl start k || true
	done
	ok recover
	ok host --json
	local sold
	sold=$(berth list -H -o name,memory --json | jq '[.containers[].memory] | add')
	[ "$(json_get .resources.memory.sold <<< "$output")" = "$sold" ]
	[ "$(json_get .containers <<< "$output")" = "$(berth list -H | wc -l)" ]
	[ "$(json_get .running <<< "$output")" = "$(berth list -H -f state=running | wc -l)" ]
}
