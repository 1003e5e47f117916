#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The monitor is not the container's life: killed, stopped or starved, the container runs on and every command works.

load helpers

setup_file() {
	berth_setup
	berth create mon --template busybox --memory 64M --ip 10.77.5.1
}
setup() { berth start mon --if-needed; }
teardown() { rmdir "/sys/fs/cgroup/memory/$(instance_cgroup)-starved" "$BERTH_CGROUP/$(instance_cgroup)-starved" 2> /dev/null || true; }
teardown_file() { berth_teardown; }

@test "killed: the container runs on, status, exec, set and pause work" {
	local init
	init=$(status_of mon init-pid)
	kill -KILL "$(status_of mon monitor-pid)"
	eventually 5 eval '[ "$(status_of mon monitor)" = false ]'
	[ "$(status_of mon state)" = running ]
	[ "$(status_of mon init-pid)" = "$init" ]
	ok exec mon -- true
	ok set mon --memory 70M
	ok pause mon
	ok resume mon
	ping -c 1 -W 2 10.77.5.1
	refused 5 "running already" start mon
	refused 1 "its monitor is gone" console mon
	ok stop mon --timeout 20
	[ -z "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/mon")" ]
	[ ! -e "$BERTH_ROOT/run/berth/mon" ]
}

@test "killed, then the guest powers off: the next command cleans up, and start works" {
	kill -KILL "$(status_of mon monitor-pid)"
	berth exec mon -- poweroff
	ended() { [ "$(status_of mon state)" = broken ]; }
	eventually 20 ended
	ok start mon
	ping -c 1 -W 2 10.77.5.1
	ok stop mon --kill
}

@test "killed, then the guest powers off: stop and recover clean up too" {
	kill -KILL "$(status_of mon monitor-pid)"
	kill -KILL "$(status_of mon init-pid)"
	ended() { [ "$(status_of mon state)" = broken ]; }
	eventually 10 ended
	ok stop mon
	[ "$(status_of mon state)" = stopped ]
	ok start mon
	kill -KILL "$(status_of mon monitor-pid)"
	kill -KILL "$(status_of mon init-pid)"
	eventually 10 ended
	ok recover
	is "1 mended"
	[ "$(status_of mon state)" = stopped ]
}

@test "stopped by SIGSTOP: commands answer, stop works" {
	kill -STOP "$(status_of mon monitor-pid)"
	ok exec mon -- true
	ok status mon
	ok stop mon --timeout 20
	[ "$(status_of mon state)" = stopped ]
}

@test "out of memory: whatever becomes of it, the container runs on and commands answer in time" {
	local cgroup file monitor init
	init=$(status_of mon init-pid)
	monitor=$(status_of mon monitor-pid)
	# A cgroup with room for nothing more: its own pages are pushed out and every new one is refused, or the OOM killer takes it.
	if is_hybrid; then cgroup=/sys/fs/cgroup/memory/$(instance_cgroup)-starved file=memory.limit_in_bytes; else cgroup=$BERTH_CGROUP/$(instance_cgroup)-starved file=memory.max; fi
	mkdir "$cgroup"
	echo 0 > "$cgroup/$file" || echo 65536 > "$cgroup/$file"
	echo "$monitor" > "$cgroup/cgroup.procs"
	for _ in 1 2 3 4; do timeout 2 berthctl console mon < /dev/null > /dev/null 2>&1 & done
	# The terminal may go with it.
	berth exec mon -- sh -c 'i=0; while [ $i -lt 5000 ]; do echo "a line for the console $i"; i=$((i+1)); done > /dev/console' || true
	# shellcheck disable=SC2046
	wait $(jobs -p) || true
	[ "$(status_of mon init-pid)" = "$init" ]
	[ "$(status_of mon state)" = running ]
	SECONDS=0
	ok exec mon -- true
	ok set mon --memory 72M
	ok stop mon --timeout 20
	[ "$SECONDS" -le 25 ]
	# The end of it is the kernel's, and may take a moment.
	eventually 10 rmdir "$cgroup"
	[ "$(status_of mon state)" = stopped ]
}

@test "signals of a logout do not end it" {
	local monitor signal
	monitor=$(status_of mon monitor-pid)
	for signal in HUP INT TERM QUIT PIPE USR1; do kill -$signal "$monitor"; done
	sleep 0.3
	[ "$(status_of mon monitor)" = true ]
}

@test "init killed from the host: the monitor tears down by itself" {
	kill -KILL "$(status_of mon init-pid)"
	ok wait mon --state stopped --timeout 10
	eventually 5 test ! -e "$BERTH_ROOT/run/berth/mon"
}

@test "a disk that is full loses console output, not the container" {
	local small=$BATS_TEST_TMPDIR/small
	mkdir "$small"
	truncate -s 48M "$small.img"
	mkfs.ext4 -q -F "$small.img"
	mount -o loop "$small.img" "$small"
	mkdir -p "$small/var/lib/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$small/var/lib/berth/templates"
	ok create full --template busybox --root "$small"
	ok start full --root "$small"
	dd if=/dev/zero of="$small/fill" bs=64k 2> /dev/null || true
	ok exec full --root "$small" -- sh -c 'i=0; while [ $i -lt 3000 ]; do echo "a line for the console $i"; i=$((i+1)); done > /dev/console'
	[ "$(berth status full --json --root "$small" | json_get .monitor)" = true ]
	ok exec full --root "$small" -- true
	rm "$small/fill"
	ok stop full --kill --root "$small"
	ok destroy full --root "$small"
	umount "$small"
}

@test "it is small: at most 48 KiB of its own" {
	local pss
	pss=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$(status_of mon monitor-pid)/smaps_rollup")
	[ "$pss" -le 48 ] || { echo "PSS $pss KiB"; false; }
}

@test "started by hand it says so and does nothing" {
	run "$BERTH_PREFIX/libexec/berth/berth-monitor"
	[ "$status" -eq 2 ]
	[[ $output == *"started by berthctl"* ]]
}
