#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# exec and enter: the command's own status, its own streams, the container's own limits.

load helpers

setup_file() {
	berth_setup
	berth create ex --template busybox --memory 32M --pids 40
	berth start ex
}
teardown_file() { berth_teardown; }

@test "the status is the command's own" {
	local code
	for code in 0 1 7 42 124 255; do
		try exec ex -- sh -c "exit $code"
		[ "$status" -eq "$code" ] || story "expected $code"
	done
}

@test "a command ended by a signal is 128 and its number" {
	try exec ex -- sh -c 'kill -TERM $$'
	[ "$status" -eq 143 ]
	try exec ex -- sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
}

@test "127 not found, 126 not executable, 125 for a directory that is not there" {
	refused 127 "cannot run nosuch: No such file or directory" exec ex -- nosuch
	refused 126 "cannot run /etc/passwd: Permission denied" exec ex -- /etc/passwd
	refused 125 "cannot enter the directory /nosuch" exec ex --directory /nosuch -- true
	refused 2 "the command is missing" exec ex
	refused 2 "the command is missing" exec ex --
	refused 3 "no container" exec nosuch -- true
}

@test "stdout and stderr stay apart, stdin arrives, bytes are not changed" {
	try exec ex -- sh -c 'echo out; echo err >&2'
	is out
	[ "$stderr" = err ]
	head -c 1000000 /dev/urandom > "$BATS_TEST_TMPDIR/bytes"
	[ "$(berth exec ex -- cat < "$BATS_TEST_TMPDIR/bytes" | sha256sum)" = "$(sha256sum < "$BATS_TEST_TMPDIR/bytes")" ]
	[ "$(printf 'a\nb\n' | berth exec ex -- wc -l)" = 2 ]
}

@test "arguments arrive as they are" {
	ok exec ex -- sh -c 'for a in "$@"; do echo "[$a]"; done' x "a b" '$HOME' "" '*' '--json'
	is "[a b]"$'\n'"[\$HOME]"$'\n'"[]"$'\n'"[*]"$'\n'"[--json]"
}

@test "no terminal unless asked for" {
	ok exec ex -- sh -c 'tty; test -t 0 || test -t 1 || echo none'
	has none
	run script -qec "berthctl exec ex -- sh -c 'test -t 0 || echo none'" /dev/null
	[[ $output == *none* ]]
	run script -qec "berthctl exec ex --terminal -- tty" /dev/null
	[[ $output == */dev/pts/* ]]
}

@test "enter is a login shell on a terminal of the container's own" {
	run script -qec "printf 'tty; hostname; echo \$0; exit 5\n' | (sleep 0.5; cat; sleep 1) | berthctl enter ex" /dev/null
	[[ $output == */dev/pts/* ]]
	[[ $output == *ex* ]]
	[[ $output == *-sh* ]]
}

@test "it runs as the container's root, in its home, with a clean environment" {
	export LEAK=1
	ok exec ex -- sh -c 'id -u; pwd; env | sort'
	has 0
	has /root
	has PATH=/usr/local/sbin
	hasnt LEAK
}

@test "the container's limits hold for it" {
	try exec ex -- dd if=/dev/zero of=/dev/null bs=64M count=1
	[ "$status" -ne 0 ]
	try exec ex -- sh -c 'i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done'
	[[ $stderr == *"Resource temporarily unavailable"* ]] || story "expected fork to fail at the pids limit"
}

@test "a signal to berthctl goes to the command" {
	berthctl exec ex -- sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done' > "$BATS_TEST_TMPDIR/out" &
	local pid=$! code=0
	eventually 10 grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $pid
	wait $pid || code=$?
	[ "$code" -eq 3 ]
	grep -q got "$BATS_TEST_TMPDIR/out"
}

@test "a command does not outlive the berthctl that waits for it" {
	berthctl exec ex -- sleep 12345 &
	local pid=$!
	there() { berthctl exec ex -- ps | grep -q 'sleep 1234[5]'; }
	gone() { ! there; }
	eventually 10 there
	kill -KILL $pid
	wait $pid || true
	eventually 10 gone
}

@test "many at once" {
	local i pids=()
	for i in $(seq 20); do berthctl exec ex -- sh -c "exit $i" & pids+=($!); done
	for i in $(seq 20); do
		local code=0
		wait "${pids[$((i - 1))]}" || code=$?
		[ "$code" -eq "$i" ]
	done
}

@test "a guest whose cgroup root is an inner node still takes commands" {
	berth exec ex -- sh -c 'mkdir -p /sys/fs/cgroup/x; for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo $p > /sys/fs/cgroup/x/cgroup.procs; done; for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo +$c > /sys/fs/cgroup/cgroup.subtree_control; done' || true
	ok exec ex -- true
}
