#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fifty containers at once.

load helpers

setup_file() { berth_setup; }
teardown_file() { berth_teardown; }

@test "fifty containers are created, started, used, listed and stopped, several commands at a time" {
	local names
	names=$(seq -f 'm%02g' 50)
	# shellcheck disable=SC2086
	printf '%s\n' $names | xargs -P 4 -I{} sh -c 'n={}; exec berthctl create $n --template busybox --memory 32M --pids 50 --ip 10.77.8.$((1${n#m} - 100))'
	# shellcheck disable=SC2086
	printf '%s\n' $names | xargs -P 4 -n 5 berthctl start
	[ "$(berth list --json | json_get '[.containers[] | select(.state=="running")] | length')" = 50 ]
	ping -c 1 -W 2 10.77.8.1
	ping -c 1 -W 2 10.77.8.50
	# shellcheck disable=SC2086
	[ "$(printf '%s\n' $names | xargs -P 4 -I{} berthctl exec {} -- hostname | sort)" = "$(printf '%s\n' $names | sort)" ]
	# Ids are all different.
	[ "$(berth list --json | json_get '.containers[].id' | sort -u | wc -l)" = 50 ]
	# shellcheck disable=SC2086
	printf '%s\n' $names | xargs -P 4 -n 5 berthctl stop --kill
	[ "$(berth list --json | json_get '[.containers[] | select(.state=="stopped")] | length')" = 50 ]
	# shellcheck disable=SC2086
	printf '%s\n' $names | xargs -P 4 -n 5 berthctl destroy
	[ -z "$(leftovers | grep -vxFf "$BERTH_ROOT/before")" ]
}
