#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pids and cgroups: a bomb of either stops at the quota and the host stays responsive.

load helpers

setup_file() {
	berth_setup
	berth create bomb --template busybox --memory 64M --pids 50 --cpus 0.4
	berth create calm --template busybox --memory 64M --pids 50 --cpus 0.4
	programs_into bomb calm
	berth start bomb calm
}
teardown_file() { berth_teardown; }

@test "pids: a fork bomb stops at the limit, and the host and the neighbours stay usable" {
	ok set bomb --pids 30
	berthctl exec bomb -- sh -c 'b() { b | b & }; b; sleep 20' > /dev/null 2>&1 &
	local bomb=$! begin took
	sleep 1
	[ "$(status_of bomb pids-used)" -le 30 ]
	# Linux 6.11 and newer tell the owner of the limit; older ones the cgroup of the process that forked.
	! is_hybrid || [ "$(limit bomb pids hits)" -gt 0 ]
	# How long an exec into another container takes meanwhile.
	begin=$(date +%s%N)
	ok exec calm -- true
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# exec beside a fork bomb: $took ms" >&3
	[ "$took" -lt 3000 ]
	ok create third --template busybox
	ok start third
	ok destroy --force third
	ok stop bomb --kill
	wait $bomb || true
	ok start bomb
	ok exec bomb -- true
}

@test "pids: changed live and kept over a restart" {
	ok set bomb --pids 10
	[ "$(kernel bomb pids.max)" = 10 ]
	try exec bomb -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait'
	[ "$status" -ne 0 ] || [[ $stderr == *"fork"* ]]
	ok restart bomb --kill
	[ "$(kernel bomb pids.max)" = 10 ]
	ok set bomb --pids unlimited
	[ "$(kernel bomb pids.max)" = max ]
	ok set bomb --pids 50
}

@test "cgroups: a guest cannot make more, nor nest them without end, and exec still works" {
	ok set bomb --cgroups 12
	ok exec bomb -- sh -c 'i=0; while mkdir /sys/fs/cgroup/x$i 2> /dev/null; do i=$((i + 1)); done; echo $i'
	[ "$output" -le 12 ]
	[ "$(limit bomb cgroups used)" -le 12 ]
	ok exec bomb -- echo here
	is here
	# The leaf that exec makes is the guest's to remove: then there is no room for it.
	ok exec bomb -- sh -c 'rmdir /sys/fs/cgroup/x0; mkdir /sys/fs/cgroup/y /sys/fs/cgroup/y2 2> /dev/null; true'
	ok exec bomb -- echo here
	is here
	ok set bomb --cgroups 200
	ok exec bomb -- sh -c 'p=/sys/fs/cgroup/deep; i=0; mkdir $p; while mkdir $p/d 2> /dev/null; do p=$p/d; i=$((i + 1)); done; echo $i'
	[ "$output" -le 64 ]
	ok restart bomb --kill
	[ "$(limit bomb cgroups effective)" = 200 ]
	[ "$(limit bomb cgroups used)" -le 1 ]
}

@test "cgroups: a bomb of them leaves the host responsive" {
	berthctl exec bomb -- sh -c 'while :; do for i in 1 2 3 4 5 6 7 8 9; do mkdir /sys/fs/cgroup/b$i; done; rmdir /sys/fs/cgroup/b*; done' > /dev/null 2>&1 &
	local bomb=$! begin took
	sleep 1
	begin=$(date +%s%N)
	ok exec calm -- true
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# exec beside a cgroup bomb: $took ms" >&3
	[ "$took" -lt 3000 ]
	kill $bomb || true
	wait $bomb || true
}

@test "pids and cgroups: nonsense is refused and changes nothing" {
	refused 2 "whole number" set bomb --pids 0
	refused 2 "whole number" set bomb --pids 1.5
	refused 2 "whole number" set bomb --cgroups many
	ok get bomb pids
	is 50
}

@test "a fork bomb leaves its neighbour its speed" {
	neighbours calm "fork 5" bomb "b() { b | b & }; b; sleep 20"
	ok stop bomb --kill
}
