#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# list: columns of the user's choice, order, filters; vzlist's habits.

load helpers

setup_file() {
	berth_setup
	berth create web1 --template busybox --memory 64M --ip 10.77.6.1 --ip 2001:db8:6::1 --description "the first"
	berth create web2 --template busybox --memory 128M --cpus 1.5
	berth create db --template busybox --autostart yes
	berth start web1
}
teardown_file() { berth_teardown; }

@test "all containers with what one wants to know first" {
	ok list
	has "NAME"
	has "MEMORY-USED"
	has "web1"
	has "10.77.6.1 2001:db8:6::1"
	has "the first"
	[ "$(wc -l <<< "$output")" -eq 4 ]
}

@test "-o chooses columns, keys and facts alike; -H leaves the header out" {
	ok list -o name,state,memory,cpus,autostart
	has "NAME"
	has "AUTOSTART"
	ok list -H -o name,memory,cpus
	[ "$(sed -n 's/  */ /gp' <<< "$output" | sed -n 3p)" = "web2 128M 1.5" ]
	ok list -Ho name
	is "db
web1
web2"
	ok list --no-header --output interface -f name=web1
	has "ve-"
	refused 2 "there is no field 'colour'" list -o name,colour
	refused 2 "unknown option -x" list -x
	ok list --fields
	has "memory-used"
	has "io-read-rate"
}

@test "-s sorts, numbers as numbers, with - the largest first, the unknown last" {
	ok list -H -o name -s -memory
	is "db
web2
web1"
	ok list -H -o name -s memory
	is "web1
web2
db"
	ok list -H -o name -s -memory-used
	[ "$(head -n 1 <<< "$output")" = web1 ]
	refused 2 "there is no field" list -s colour
}

@test "-f filters by pattern and by number, all of them together" {
	ok list -H -o name -f 'name=web*'
	is "web1
web2"
	ok list -H -o name -f 'name=web*' -f state=running
	is web1
	ok list -H -o name -f 'memory>100M'
	is "db
web2"
	ok list -H -o name -f 'memory<=64M'
	is web1
	ok list -H -o name -f 'state!=running'
	is "db
web2"
	ok list -H -o name -f autostart=yes
	is db
	ok list -H -o name -f name=nobody
	is ""
	refused 2 "accepted is FIELD=PATTERN" list -f running
}

@test "--json has raw values, of the chosen fields or of all" {
	ok list --json -o name,memory,cpus,autostart,memory-used,ip -s name
	[ "$(json_get .schema <<< "$output")" = 1 ]
	[ "$(json_get '.containers[1].memory' <<< "$output")" = $((64 * 1024 * 1024)) ]
	[ "$(json_get '.containers[0].memory' <<< "$output")" = null ]
	[ "$(json_get '.containers[2].cpus' <<< "$output")" = 1.5 ]
	[ "$(json_get '.containers[0].autostart' <<< "$output")" = true ]
	[ "$(json_get '.containers[0]."memory-used"' <<< "$output")" = null ]
	ok list --json
	[ "$(json_get '.containers | length' <<< "$output")" = 3 ]
	[ "$(json_get '.containers[1].uuid' <<< "$output")" != null ]
	ok list --json -f name=nobody
	[ "$(json_get '.containers | length' <<< "$output")" = 0 ]
}

@test "a container whose configuration is broken is listed with the reason" {
	ok create bad --template busybox
	echo rubbish > "$BERTH_ROOT/var/lib/berth/containers/bad/container.conf"
	ok list
	has "broken"
	has "container.conf"
	ok list --json -o name,state,memory
	[[ $(json_get '.containers[0].error' <<< "$output") == *"container.conf"* ]]
	ok destroy --force bad
}

@test "every field there is can be asked for, and facts of a running container are those of status" {
	local field listed fields=() status_json
	mapfile -t fields < <(berth list --fields | sed -n 's/^  \([a-z-]*\) .*/\1/p')
	[ "${#fields[@]}" -gt 60 ]
	for field in "${fields[@]}"; do
		ok list --json -f name=web1 -o "$field"
		[ "$(jq -r --arg f "$field" '.containers[0] | has($f)' <<< "$output")" = true ] || story "$field is not there"
		ok list -f name=web1 -o "$field"
	done
	status_json=$(berth status web1 --json)
	for field in uuid id host-uid hostname init-pid interface memory pids memory-peak pids-used; do
		listed=$(berth list --json -f name=web1 -o "$field" | jq -c --arg f "$field" '.containers[0][$f]')
		[ "$listed" = "$(jq -c --arg f "$field" '.[$f]' <<< "$status_json")" ] || { echo "$field: list says $listed"; false; }
	done
	for field in uptime cpu-time io-read io-written swap-used oom-kills; do
		[[ $(berth list --json -f name=web1 -o "$field" | jq --arg f "$field" '.containers[0][$f]') =~ ^[0-9] ]] || { echo "$field is no number"; false; }
	done
}
