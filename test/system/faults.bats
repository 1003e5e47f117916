#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands killed at any moment: afterwards the next command works and nothing is left behind.

load helpers

setup_file() {
	berth_setup
	berth create fault --template busybox --memory 64M --ip 10.77.6.1
}
teardown_file() { berth_teardown; }

# Runs a command and sends it a signal ($WITH, else SIGKILL) after a number of microseconds.
killed_after() {
	local microseconds=$1
	shift
	python3 - "$microseconds" "$@" <<-'END'
		import os, signal, subprocess, sys, time
		command = subprocess.Popen(["berthctl", *sys.argv[2:]], stderr=subprocess.DEVNULL)
		time.sleep(int(sys.argv[1]) / 1e6)
		command.send_signal(getattr(signal, os.environ.get("WITH", "SIGKILL")))
		command.wait()
	END
}

consistent() {
	local state
	state=$(status_of fault state)
	[ "$state" = stopped ] || [ "$state" = running ]
}

@test "start killed at random moments: the next start works" {
	local i
	for i in $(seq 0 40); do
		killed_after $((i * 250)) start fault
		ok start fault --if-needed
		ok exec fault -- true
		ping -c 1 -W 2 10.77.6.1 > /dev/null
		ok stop fault --kill
		[ "$(status_of fault state)" = stopped ]
	done
}

@test "start killed: what is left mends itself or by recover" {
	local i
	for i in 500 1500 2500 3500 4500 6000; do
		killed_after $i start fault
		sleep 0.3
		ok recover
		consistent
		ok stop fault --kill --if-needed
		[ -z "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/fault")" ]
		[ ! -e "$BERTH_ROOT/run/berth/fault/state" ]
	done
}

@test "stop killed at random moments: the next stop works" {
	local i
	for i in $(seq 0 20); do
		ok start fault --if-needed
		killed_after $((i * 300)) stop fault --kill
		ok stop fault --kill --if-needed
		[ "$(status_of fault state)" = stopped ]
	done
}

@test "set killed at random moments: the old values or the new ones" {
	local i value
	ok start fault --if-needed
	for i in $(seq 0 20); do
		ok set fault --memory 64M --description before
		killed_after $((i * 200)) set fault --memory 80M --description after
		ok get fault memory
		value=$output
		ok get fault description
		[ "$value $output" = "64M before" ] || [ "$value $output" = "80M after" ] || story "half a set: $value $output"
	done
	ok stop fault --kill
}

@test "start and stop interrupted at random moments: the next command works" {
	local i
	for i in $(seq 0 15); do
		WITH=SIGINT killed_after $((i * 500)) start fault
		ok start fault --if-needed
		ok exec fault -- true
		WITH=SIGINT killed_after $((i * 500)) stop fault --kill
		ok stop fault --kill --if-needed
		[ "$(status_of fault state)" = stopped ]
	done
}

@test "create killed at random moments: not there or whole, and the next create works" {
	local i
	for i in $(seq 0 30); do
		killed_after $((i * 1500)) create newone --template busybox --ip 10.77.6.9
		try status newone
		if [ "$status" -eq 0 ]; then
			ok start newone
			ok destroy --force newone
		else
			[ "$status" -eq 3 ]
			ok create newone --template busybox --ip 10.77.6.9
			ok destroy newone
		fi
	done
}

@test "create killed: recover gives back the address and the ids" {
	killed_after 8000 create gone --template debian:12 --ip 10.77.6.10
	ok recover
	refused 3 "no container" status gone
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l -lname gone)" ]
	ok create other --template busybox --ip 10.77.6.10
	ok destroy other
}

@test "destroy killed at random moments: there and usable, or gone; the name is free again" {
	local i
	for i in $(seq 0 20); do
		ok create gone --template busybox --ip 10.77.6.11
		killed_after $((i * 500)) destroy gone
		try status gone
		if [ "$status" -eq 0 ]; then ok destroy gone; fi
		refused 3 "no container" status gone
	done
	ok recover
	ok create gone --template busybox --ip 10.77.6.11
	ok destroy gone
}

@test "interrupt during create undoes it at once" {
	timeout -s INT 0.06 berthctl create slow --template debian:12 --ip 10.77.6.12 || true
	[ ! -e "$BERTH_ROOT/var/lib/berth/containers/slow" ] || berth destroy slow
	[ ! -e "$BERTH_ROOT/var/lib/berth/containers/.slow.creating" ]
	[ ! -L "$BERTH_ROOT/var/lib/berth/addresses/10.77.6.12" ]
}

@test "the monitor and the init killed at random moments of normal use" {
	local i
	for i in $(seq 10); do
		ok start fault --if-needed
		sleep 0.0$((RANDOM % 10))
		if [ $((i % 2)) = 0 ]; then kill -KILL "$(status_of fault monitor-pid)"; else kill -KILL "$(status_of fault init-pid)"; fi
		sleep 0.0$((RANDOM % 10))
		ok stop fault --kill --if-needed
		ok start fault --if-needed
		ok exec fault -- true
		ok stop fault --timeout 20 --if-needed
	done
}

@test "a state file that is garbage: the kernel's word counts" {
	ok start fault
	local init
	init=$(status_of fault init-pid)
	head -c 500 /dev/urandom > "$BERTH_ROOT/run/berth/fault/state"
	[ "$(status_of fault state)" = broken ]
	# No second copy on the same tree: start ends the first one before it starts anew.
	ok start fault
	[ ! -e "/proc/$init" ] || [ "$(awk '{print $3}' "/proc/$init/stat")" = Z ]
	ok stop fault --kill
}

@test "a full /run: a running container is stopped all the same, a start says why not" {
	local root=$BERTH_ROOT/full
	mkdir -p "$root/var/lib/berth" "$root/run/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$root/var/lib/berth/templates"
	mount -t tmpfs -o size=256k none "$root/run/berth"
	ok --root "$root" create a --template busybox --memory 64M
	ok --root "$root" start a
	dd if=/dev/zero of="$root/run/berth/fill" bs=1k 2> /dev/null || true
	ok --root "$root" status a
	ok --root "$root" stop a --kill
	dd if=/dev/zero of="$root/run/berth/fill" bs=1k 2> /dev/null || true
	refused 1 "No space left" --root "$root" start a
	rm "$root/run/berth/fill"
	ok --root "$root" start a
	ok --root "$root" host --json
	[ "$(json_get .running <<< "$output")" = 1 ]
	ok --root "$root" destroy --force a
	ok --root "$root" host --json
	[ "$(json_get .containers <<< "$output")" = 0 ]
	umount "$root/run/berth"
}
