#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The life of a container as its operator sees it.

load helpers

setup_file() { berth_setup; }
teardown_file() { berth_teardown; }

@test "a container is created, started, stopped, destroyed" {
	ok create one --template busybox --memory 64M --pids 100 --description "first of all"
	[ "$(status_of one state)" = stopped ]
	ok start one
	[ "$(status_of one state)" = running ]
	ok exec one -- hostname
	is one
	ok stop one --timeout 20
	[ "$(status_of one state)" = stopped ]
	[ -z "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/one")" ]
	ok destroy one
	refused 3 "there is no container one" status one
}

@test "creating one that exists answers 4 and changes nothing" {
	ok create two --template busybox --memory 32M
	refused 4 "there is a container two already" create two --template busybox --memory 64M
	ok get two memory
	is 32M
}

@test "start on a running and stop on a stopped container answer 5, or 0 with --if-needed" {
	refused 5 "not running" stop two
	ok stop two --if-needed
	ok start two
	refused 5 "running already" start two
	ok start two --if-needed
	ok stop two --kill
}

@test "a second start of a running container is impossible, also at the same moment" {
	local first second
	berth start two & first=$!
	berth start two & second=$!
	local codes=""
	wait $first || codes+="$?"
	wait $second || codes+="$?"
	[ "$codes" = 5 ]
	ok stop two --kill
}

@test "several names: all are tried, the first failure is the exit code" {
	ok create three --template busybox
	refused 3 "nosuch" start two nosuch three
	[ "$(status_of two state)" = running ]
	[ "$(status_of three state)" = running ]
	ok stop --kill two three
}

@test "restart gives a new init" {
	ok start two
	local before
	before=$(status_of two init-pid)
	ok restart two --kill
	[ "$(status_of two init-pid)" != "$before" ]
	ok stop two --kill
}

@test "destroy of a running container is refused, --force does it" {
	ok start three
	refused 5 "is running" destroy three
	[ "$(status_of three state)" = running ]
	ok destroy three --force
	refused 3 "no container" status three
	ok destroy three --if-exists
}

@test "reboot inside starts it again, with a new monitor" {
	ok start two
	local init monitor
	init=$(status_of two init-pid)
	monitor=$(status_of two monitor-pid)
	berth exec two -- reboot
	# One look for both facts: between two of them it can go down.
	restarted() { berth status two --json | jq -e --argjson old "$init" '.state == "running" and ."init-pid" != $old' > /dev/null; }
	eventually 30 restarted
	[ "$(status_of two monitor)" = true ]
	ok exec two -- true
	ok stop two --kill
}

@test "poweroff and halt inside stop it and leave nothing" {
	local how
	for how in poweroff halt; do
		ok start two
		berth exec two -- $how || [ $? -gt 128 ]	# what it asks for may end it first
		ok wait two --state stopped --timeout 30
		eventually 5 test ! -e "$BERTH_ROOT/run/berth/two"
		[ -z "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/two")" ]
	done
}

@test "an init that does not go down is killed at the timeout" {
	ok create stubborn --template busybox --init /bin/stubborn
	cat > "$BERTH_ROOT/var/lib/berth/containers/stubborn/rootfs/bin/stubborn" <<-'END'
		#!/bin/sh
		trap 'echo no' TERM PWR USR1 USR2 INT
		while :; do sleep 1 & wait; done
	END
	chmod 755 "$BERTH_ROOT/var/lib/berth/containers/stubborn/rootfs/bin/stubborn"
	ok start stubborn
	sleep 0.5
	local begin=$SECONDS
	ok stop stubborn --timeout 2
	[ $((SECONDS - begin)) -ge 1 ]
	[ $((SECONDS - begin)) -le 8 ]
	[ "$(status_of stubborn state)" = stopped ]
	ok destroy stubborn
}

@test "stop --kill needs no cooperation and is quick" {
	ok start two
	ok stop two --kill
	[ "$(status_of two state)" = stopped ]
}

@test "pause freezes all processes, resume lets them go on" {
	ok start two
	ok pause two
	[ "$(status_of two state)" = paused ]
	refused 5 "paused" exec two -- true
	refused 5 "paused already" pause two
	ok resume two
	ok exec two -- true
	refused 5 "not paused" resume two
	ok pause two
	ok stop two --timeout 20
}

@test "wait returns in the state, and answers 8 at its deadline" {
	refused 8 "is stopped, not running" wait two --state running --timeout 300ms
	ok start two
	ok wait two --state running --timeout 5
	(sleep 0.5 && berthctl stop --kill two) &
	ok wait two --state stopped --timeout 10
	wait
}

@test "list shows all, list --json is one object with a schema" {
	ok create zed --template busybox --ip 10.77.0.9 --autostart yes --description "a b c"
	ok list
	has zed
	has "a b c"
	ok list --json
	[ "$(json_get .schema <<< "$output")" = 1 ]
	[ "$(json_get '.containers[] | select(.name=="zed") | .ip[0]' <<< "$output")" = 10.77.0.9 ]
	[ "$(json_get '.containers[] | select(.name=="zed") | .autostart' <<< "$output")" = true ]
	ok destroy zed
}

@test "status --json has raw units and null for what is unlimited" {
	ok create raw --template busybox --memory 48M
	ok status raw --json
	[ "$(json_get .memory <<< "$output")" = $((48 * 1024 * 1024)) ]
	[ "$(json_get '."memory-used"' <<< "$output")" = null ]
	ok start raw
	ok status raw --json
	[ "$(json_get '."memory-used"' <<< "$output")" -gt 0 ]
	ok stop raw --kill
	ok destroy raw
}

@test "a busy container answers 6 after --lock-timeout" {
	exec 9< "$BERTH_ROOT/var/lib/berth/containers/two"
	flock 9
	refused 6 "busy" set two --memory 33M --lock-timeout 100ms
	exec 9<&-
	ok set two --memory 33M
}

@test "the id range of a destroyed container is not given to the next one" {
	ok create ids1 --template busybox
	local first
	first=$(status_of ids1 id)
	ok destroy ids1
	ok create ids2 --template busybox
	[ "$(status_of ids2 id)" -gt "$first" ]
	ok destroy ids2
}
