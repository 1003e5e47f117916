#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# cpus, cpu-burst, cpu-weight, cpuset: exceeded, changed live, kept over a restart, refused.

load helpers

setup_file() {
	berth_setup
	berth create cpu --template busybox --memory 64M --pids 100
	berth create other --template busybox --memory 64M --pids 100
	programs_into cpu other
	berth start cpu other
}
teardown_file() { berth_teardown; }

# Microseconds of CPU time that a container uses in SECONDS of an endless loop.
used_in() {
	local before after
	before=$(status_of "$1" cpu-microseconds)
	berth exec "$1" -- timeout "$2" sh -c 'while :; do :; done' > /dev/null 2>&1 || true
	after=$(status_of "$1" cpu-microseconds)
	echo $((after - before))
}

@test "cpus: half a core gets half a core's time, live, and after a restart" {
	ok set cpu --cpus 0.5
	local used
	used=$(used_in cpu 4)
	# 2 s of 4; some room for the start and end of the loop.
	[ "$used" -lt 2600000 ] || { echo "used $used us in 4 s"; false; }
	[ "$used" -gt 1000000 ] || { echo "used $used us in 4 s"; false; }
	[ "$(limit cpu cpus hits)" -gt 0 ]
	ok restart cpu --kill
	[ "$(limit cpu cpus effective)" = 0.5 ]
	ok set cpu --cpus unlimited
	used=$(used_in cpu 3)
	[ "$used" -gt 2000000 ] || { echo "without the limit: $used us in 3 s"; false; }
}

@test "cpu-burst: what was saved up is spent on top of the limit" {
	ok set cpu --cpus 0.2 --cpu-burst 0.2
	[ "$(limit cpu cpu-burst effective)" = 0.2 ]
	# A fifth of a second of work in one go, after a pause, over and over.
	berth exec cpu -- sh -c 'for i in 1 2 3 4 5; do sleep 0.5; work cpu 0.1 > /dev/null; done'
	[ "$(limit cpu cpu-burst hits)" -gt 0 ]
	refused 2 "more than cpus" set cpu --cpu-burst 0.5
	refused 2 "more than cpus" set cpu --cpus 0.1
	ok set cpu --cpus 0.1 --cpu-burst 0.05
	[ "$(limit cpu cpus effective)" = 0.1 ]
	ok set cpu --cpus 1 --cpu-burst 0
	[ "$(limit cpu cpu-burst effective)" = 0 ]
	ok set cpu --cpus unlimited
}

@test "cpu-weight: shares when there is not enough, live" {
	ok set cpu --cpu-weight 300 --cpuset 0
	ok set other --cpuset 0
	if is_hybrid; then
		[ "$(kernel cpu cpu.shares)" = 3072 ]
	else
		[ "$(kernel cpu cpu.weight)" = 300 ]
	fi
	berth exec cpu -- work cpu 6 > "$BATS_TEST_TMPDIR/a" &
	local one=$!
	berth exec other -- work cpu 6 > "$BATS_TEST_TMPDIR/b"
	wait $one
	local a b
	a=$(cat "$BATS_TEST_TMPDIR/a") b=$(cat "$BATS_TEST_TMPDIR/b")
	echo "# weights 300 and 100 on one core: $a and $b" >&3
	# Three to one, as far as six seconds on a busy machine can tell.
	[ $((a * 10)) -gt $((b * 18)) ]
	ok set cpu --cpu-weight 100 --cpuset all
	ok set other --cpuset all
}

@test "cpuset: the cores and their number are what was sold" {
	ok set cpu --cpuset 0
	ok exec cpu -- nproc
	is 1
	[ "$(limit cpu cpuset effective)" = 0 ]
	ok restart cpu --kill
	ok exec cpu -- nproc
	is 1
	ok set cpu --cpuset all
	ok exec cpu -- nproc
	is "$(nproc)"
}

@test "cpuset auto: as many cores as cpus needs, the least promised ones, and nproc agrees" {
	ok set cpu --cpus 1 --cpuset auto
	ok set other --cpus 1 --cpuset auto
	ok exec cpu -- nproc
	is 1
	if [ "$(nproc)" -ge 2 ]; then
		[ "$(limit cpu cpuset effective)" != "$(limit other cpuset effective)" ]
		ok set cpu --cpus 1.5
		ok exec cpu -- nproc
		is 2
		ok set cpu --cpus 1
		ok exec cpu -- nproc
		is 1
	fi
	ok get cpu cpuset
	is auto
	local chosen
	ok restart other --kill
	chosen=$(limit other cpuset effective)
	[ "$(nproc)" -lt 2 ] || [ "$chosen" != "$(limit cpu cpuset effective)" ]
	refused 2 "give cpus too" set cpu --cpus unlimited
	ok set cpu --cpus unlimited --cpuset all
	ok set other --cpus unlimited --cpuset all
}

@test "cpu keys: nonsense is refused and changes nothing" {
	refused 2 "cores" set cpu --cpus 0
	refused 2 "cores" set cpu --cpus 0.0001
	refused 2 "1 to 10000" set cpu --cpu-weight 0
	refused 2 "1 to 10000" set cpu --cpu-weight 10001
	refused 2 "core numbers" set cpu --cpuset 3-1
	refused 7 "cpuset.cpus" set cpu --cpuset 4000
	ok get cpu cpu-weight
	is 100
}

@test "a container that wants all CPU time leaves its neighbour what it was sold" {
	ok set cpu --cpus 0.4 --cpuset 0
	ok set other --cpus 0.4 --cpuset 0
	neighbours other "cpu 5" cpu "for i in 1 2 3 4 5 6 7 8; do work cpu 20 & done; wait"
	ok set cpu --cpus unlimited --cpuset all
	ok set other --cpus unlimited --cpuset all
}
