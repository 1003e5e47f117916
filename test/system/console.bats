#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The console that the monitor keeps: log, visitors, detach.

load helpers

setup_file() {
	berth_setup
	berth create con --template busybox --init /bin/talker
	cat > "$BERTH_ROOT/var/lib/berth/containers/con/rootfs/bin/talker" <<-'END'
		#!/bin/sh
		trap 'exit 0' TERM
		exec < /dev/console > /dev/console 2>&1
		echo talker is up
		while :; do
			if read -r -t 1 line; then
				case $line in
				flood) i=0; while [ $i -lt 12000 ]; do echo "line $i of a flood that fills the log of the console"; i=$((i+1)); done; echo flooded ;;
				*) echo "heard $line" ;;
				esac
			fi
		done
	END
	chmod 755 "$BERTH_ROOT/var/lib/berth/containers/con/rootfs/bin/talker"
	berth start con
}
teardown_file() { berth_teardown; }

log() { echo "$BERTH_ROOT/var/lib/berth/containers/con/console.log"; }

# A visitor that types its arguments, one a second, then the detach keys.
visit() {
	{ sleep 0.7; for line; do printf '%s\n' "$line"; sleep 1; done; printf '\001q'; } | timeout 60 berthctl console con
}

@test "what the guest writes is in the log" {
	eventually 10 grep -q "talker is up" "$(log)"
}

@test "a visitor sees the past, types, and detaches" {
	run visit hello
	[ "$status" -eq 0 ]
	[[ $output == *"talker is up"* ]]
	[[ $output == *"heard hello"* ]]
	[ "$(status_of con state)" = running ]
}

@test "several visitors see the same" {
	visit one > "$BATS_TEST_TMPDIR/a" &
	visit two > "$BATS_TEST_TMPDIR/b" &
	wait
	local file
	for file in a b; do
		grep -q "heard one" "$BATS_TEST_TMPDIR/$file"
		grep -q "heard two" "$BATS_TEST_TMPDIR/$file"
	done
}

@test "the log is bounded" {
	visit flood > /dev/null
	eventually 30 grep -q "^flooded" "$(log)"
	[ "$(stat -c %s "$(log)")" -le $((256 * 1024)) ]
	[ "$(stat -c %s "$(log).1")" -le $((256 * 1024)) ]
	[ "$(ls "$(dirname "$(log)")" | grep -c console)" -le 3 ]
}

@test "a visitor that does not read holds up neither the guest nor the others" {
	berthctl console con < <(sleep 30) > >(sleep 30) &
	local slow=$!
	visit flood > /dev/null
	run visit after
	[[ $output == *"heard after"* ]]
	kill $slow
	wait $slow 2> /dev/null || true
}

@test "the size of the visitor's terminal becomes the console's" {
	python3 - <<-'END'
		import fcntl, os, pty, struct, termios, time
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp("berthctl", ["berthctl", "console", "con"])
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
		time.sleep(1)
		os.write(fd, b"\x01q")
		while True:
		    try:
		        if not os.read(fd, 4096):
		            break
		    except OSError:
		        break
		os.waitpid(pid, 0)
	END
	ok exec con -- sh -c 'stty size < /dev/console'
	is "31 97"
}

@test "a console of a stopped container answers 5" {
	ok stop con --timeout 10
	refused 5 "not running" console con
}
