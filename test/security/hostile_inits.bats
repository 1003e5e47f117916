#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Inits that are out for the host or for whoever deals with them (programs/inits.c): the container starts, every command answers, the neighbour works, stop ends it in time and nothing is left.
# The control is that the init has done it, which it or the kernel says. lifecycle.bats, console.bats and guest_init.bats have those that are only slow or dumb.

load ../system/helpers

setup_file() {
	berth_setup
	local name
	berth create bad --template busybox --memory 64M --pids 60 --cgroups 200
	berth create calm --template busybox --memory 64M --pids 60
	for name in bad calm; do
		cp "$BERTH_TEST_PROGRAMS"/{inits,hog} "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin/"
	done
	berth start calm
}
teardown_file() { berth_teardown; }
setup() { WAITING=; }
teardown() {
	local pid
	berth stop bad --kill --if-needed
	for pid in $WAITING; do
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
	done
	rm -f "$BERTH_ROOT"/var/lib/berth/containers/bad/console.log*
}

log() { cat "$BERTH_ROOT/var/lib/berth/containers/bad/console.log" 2> /dev/null; }
says() { log | grep -qa "$1"; }
init_of() { status_of bad init-pid; }

# with NAME: bad runs that init, and it has done what it does.
with() {
	ok set bad --init "/bin/inits $1"
	ok start bad
	eventually 10 says "$1: up"
	# What the kernel refused it.
	log | tr -d '\r' | grep -av ': up' | head -n 3 | sed 's/^/# /' >&3 || true
}

# within SECONDS COMMAND...: whatever it says, it says it in that time.
within() {
	local seconds=$1 begin=$SECONDS
	shift
	try "$@"
	[ $((SECONDS - begin)) -le "$seconds" ] || story "it took $((SECONDS - begin)) s"
}

# Commands on it and beside it.
answers() {
	within 5 status bad --json
	[ "$status" -eq 0 ] || story "no status"
	[ "$(json_get .state <<< "$output")" = running ] || story "not running"
	within 5 list --json
	[ "$(json_get '.containers | length' <<< "$output")" -ge 2 ]
	within 5 get bad memory
	is 64M
	within 5 set bad --memory 65M
	within 5 set bad --memory 64M
	[ "$status" -eq 0 ] || story "no set"
	within 5 exec calm -- true
	[ "$status" -eq 0 ] || story "the neighbour does not work"
}

goes_down() {
	local init
	init=$(init_of)
	within 12 stop bad --timeout 1
	[ "$status" -eq 0 ] || story "it does not stop"
	[ "$(status_of bad state)" = stopped ]
	# Whoever adopts it on the host may not have reaped it yet.
	[ ! -e "/proc/$init/exe" ]
	[ -z "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/bad")" ]
	[ ! -e "$BERTH_ROOT/run/berth/bad" ]
}

# In ticks of 10 ms, over a second.
monitor_ticks() {
	local monitor before
	monitor=$(status_of bad monitor-pid)
	before=$(awk '{ print $14 + $15 }' "/proc/$monitor/stat")
	sleep 1
	echo $(($(awk '{ print $14 + $15 }' "/proc/$monitor/stat") - before))
}

exec_works() {
	within 5 exec bad -- echo here
	[ "$status" -eq 0 ] || story "no exec"
	is here
}

# --- the way down ----------------------------------------------------------------------------------------------------------------------------------

@test "blocks every signal, so that each looks awaited" {
	with deaf
	grep -qE '^SigBlk:.*f{6}e7ffbfeff' "/proc/$(init_of)/status"
	exec_works
	answers
	goes_down
}

@test "ignores every signal" {
	with ignoring
	grep -qE '^SigIgn:.*f{6}e7ffbfeff' "/proc/$(init_of)/status"
	exec_works
	answers
	goes_down
}

@test "is of a kind that is told by its own command, and the command never ends" {
	local sbin=$BERTH_ROOT/var/lib/berth/containers/bad/rootfs/sbin
	mv "$sbin/init" "$sbin/init.kept"
	cp "$BERTH_TEST_PROGRAMS/inits" "$sbin/init"
	ok set bad --init '/sbin/init deaf'
	ok start bad
	eventually 10 says "deaf: up"
	answers
	goes_down
	mv "$sbin/init.kept" "$sbin/init"
}

@test "reboots at once, for ever: no more than once a second, and stop ends it for good" {
	local times
	ok set bad --init '/bin/inits rebooting'
	ok start bad
	sleep 4
	times=$(log | grep -ac rebooting)
	echo "# $times starts in 4 s" >&3
	# The control: it has come again.
	[ "$times" -ge 2 ]
	[ "$times" -le 6 ]
	within 5 status bad
	within 5 list
	within 5 exec calm -- true
	[ "$status" -eq 0 ]
	within 5 exec bad -- true
	within 10 stop bad --timeout 1
	[ "$status" -eq 0 ] || story "it does not stop"
	times=$(log | grep -ac rebooting)
	sleep 2.5
	[ "$(status_of bad state)" = stopped ]
	[ "$(log | grep -ac rebooting)" = "$times" ]
	[ ! -e "$BERTH_ROOT/run/berth/bad" ]
}

@test "reboots at once and is destroyed meanwhile" {
	ok create brief --template busybox --init '/bin/inits rebooting'
	cp "$BERTH_TEST_PROGRAMS/inits" "$BERTH_ROOT/var/lib/berth/containers/brief/rootfs/bin/"
	ok start brief
	sleep 1.2
	ok destroy brief --force
	sleep 1.5
	refused 3 "no container" status brief
	[ ! -e "$BERTH_ROOT/run/berth/brief" ]
}

@test "ends at once: started and stopped again, no loop" {
	ok set bad --init '/bin/inits exit'
	try start bad
	ok wait bad --state stopped --timeout 10
	sleep 1.5
	[ "$(status_of bad state)" = stopped ]
	refused 5 "not running" exec bad -- true
	[ ! -e "$BERTH_ROOT/run/berth/bad" ]
}

@test "forks as fast as it can" {
	with bomb
	full() { [ "$(kernel bad pids.current)" -ge 55 ]; }
	eventually 5 full
	answers
	[ "$(kernel bad pids.current)" -le 62 ]
	goes_down
}

@test "leaves children that are stopped, traced, in a pid namespace of their own" {
	with holding
	[ "$(kernel bad pids.current)" -ge 12 ]
	[ "$(find "$BERTH_CGROUP/$(instance_cgroup)/bad" -name cgroup.procs -exec cat {} + | sed 's|.*|/proc/&/status|' | xargs cat 2> /dev/null | grep -cE '^State:.*(T|t) \((tracing )?stop')" -ge 1 ]
	exec_works
	answers
	goes_down
}

@test "waits where no signal reaches it: a vfork that never ends" {
	with in-vfork
	grep -q '^State:.*D' "/proc/$(init_of)/status"
	exec_works
	answers
	goes_down
}

@test "waits where no signal reaches it: a filesystem of its own that never answers" {
	[ -e /dev/fuse ] || skip "no control: this kernel has no FUSE"
	ok set bad --fuse yes
	with in-fuse
	sleep 0.3
	says "fuse has answered" && skip "no control: it was not held"
	answers
	within 5 exec bad -- true
	goes_down
	ok set bad --fuse no
}

@test "has itself traced by its parent, which is the monitor" {
	with traced
	# The control: somebody traces it.
	[ "$(awk '/^TracerPid:/ { print $2 }' "/proc/$(init_of)/status")" = "$(status_of bad monitor-pid)" ] || says "traced: " || story "no tracer and no refusal"
	exec_works
	# Stopped by a signal until its tracer says otherwise, and that never does.
	kill -USR1 "$(init_of)"
	answers
	[ "$(monitor_ticks)" -lt 20 ]
	goes_down
}

# --- cgroups -----------------------------------------------------------------------------------------------------------------------------------------

@test "moves itself into a cgroup of its own making" {
	with moved
	grep -q '0::.*/a/b$' "/proc/$(init_of)/cgroup"
	exec_works
	answers
	ok pause bad
	[ "$(status_of bad state)" = paused ]
	ok resume bad
	exec_works
	goes_down
}

@test "freezes itself in a cgroup of its own making" {
	local ice
	with frozen
	ice=$BERTH_CGROUP/$(instance_cgroup)/bad/guest/ice
	eventually 5 grep -q 'frozen 1' "$ice/cgroup.events"
	exec_works
	answers
	goes_down
}

@test "freezes the cgroup that commands are put into: the rest answers, and stop ends the command too" {
	local leaf pid begin
	# What it makes itself under that name before any command does is its own to freeze.
	with leaf
	leaf=$BERTH_CGROUP/$(instance_cgroup)/bad/guest/berth.exec
	[ "$(cat "$leaf/cgroup.freeze")" = 1 ] || story "no control"
	berthctl exec bad -- true > /dev/null 2>&1 < /dev/null 3>&- &
	pid=$!
	WAITING=$pid
	sleep 0.5
	# The control: it hangs.
	kill -0 $pid
	answers
	begin=$SECONDS
	goes_down
	wait $pid && story "the command has worked"
	[ $((SECONDS - begin)) -le 12 ]
}

@test "makes cgroups as deep as they go, with processes in them and some frozen" {
	with deep
	[[ $(log) == *" deep"* ]]
	[ "$(log | tr -d '\r' | awk '/ deep$/ { print $1 }')" -ge 40 ]
	exec_works
	answers
	goes_down
}

@test "makes its cgroups threaded: commands answer, and stop works" {
	with threaded
	[ "$(cat "$BERTH_CGROUP/$(instance_cgroup)/bad/guest/threads/cgroup.type")" = threaded ] || skip "no control: $(log)"
	within 5 exec bad -- true
	answers
	goes_down
}

# --- what it has ------------------------------------------------------------------------------------------------------------------------------------

@test "unmounts all that Berth has mounted" {
	with bare
	[ ! -e "/proc/$(init_of)/root/proc/1" ]
	exec_works
	answers
	within 10 enter bad < /dev/null
	within 5 set bad --hostname other
	[ "$(nsenter --uts="/proc/$(init_of)/ns/uts" hostname)" = other ]
	ok set bad --hostname bad
	goes_down
}

@test "makes its tree read-only: what is to be written in it is refused in time, the rest goes on" {
	with read-only
	awk '$2 == "/" && $4 ~ /^ro/ { found = 1 } END { exit !found }' "/proc/$(init_of)/mounts" || skip "no control: $(log)"
	exec_works
	answers
	within 5 set bad --hostname other
	within 5 push bad "$BERTH_TEST_PROGRAMS/inits" /root/inits
	goes_down
	# It is the mount that was; the next start has a new one.
	with mute
	ok exec bad -- touch /root/written
	ok set bad --hostname bad
}

@test "closes its console" {
	with closed
	[ -z "$(ls "/proc/$(init_of)/fd")" ]
	exec_works
	answers
	[ "$(monitor_ticks)" -lt 20 ]
	{ sleep 0.5; printf '\001q'; } | timeout 10 berthctl console bad
	goes_down
}

@test "has a name of control characters, and one that reads like the kernel's line of a process" {
	with named
	grep -qaF ') Z 0' "/proc/$(init_of)/comm"
	exec_works
	answers
	within 5 status bad
	[ "$(tr -d '\n\t' <<< "$output" | tr -cd '\000-\037\177' | wc -c)" = 0 ] || story "control characters"
	goes_down
}

@test "what is killed under a name of control characters is told without them" {
	local events name=$'\033]2;x\a) z'
	with mute
	cp "$BERTH_TEST_PROGRAMS/hog" "$BERTH_ROOT/var/lib/berth/containers/bad/rootfs/bin/$name"
	try exec bad -- "/bin/$name" 200
	[ "$status" -eq 137 ] || skip "no control: it was not killed"
	told() { events=$(berth status bad --json); grep -q oom-kill <<< "$events"; }
	eventually 10 told || skip "no control: this host tells of no kill"
	jq -e . <<< "$events" > /dev/null
	[ "$(tr -d '\n\t' <<< "$events" | tr -cd '\000-\037\177' | wc -c)" = 0 ] || story "control characters"
	ok status bad
	[ "$(tr -d '\n\t' <<< "$output" | tr -cd '\000-\037\177' | wc -c)" = 0 ] || story "control characters"
	rm "$BERTH_ROOT/var/lib/berth/containers/bad/rootfs/bin/$name"
}

@test "would be the last to be killed for want of memory" {
	with immune
	# The control: the other way it is its own to say.
	[ "$(cat "/proc/$(init_of)/oom_score_adj")" = 1000 ]
	says "oom_score_adj: Permission denied"
	goes_down
}

# --- what it says and does not hear -------------------------------------------------------------------------------------------------------------------

@test "never reads its console: megabytes typed hold up neither the operator nor the monitor" {
	local begin=$SECONDS monitor
	with mute
	monitor=$(status_of bad monitor-pid)
	{ sleep 0.3; head -c 4000000 /dev/zero | tr '\000' x; printf '\001q'; } | timeout 20 berthctl console bad > /dev/null
	[ $((SECONDS - begin)) -lt 15 ]
	[ "$(awk '/^VmRSS:/ { print $2 }' "/proc/$monitor/status")" -lt 4000 ]
	exec_works
	answers
	goes_down
}

@test "floods its console: the log is bounded, the neighbour and the operator are not held up" {
	local ticks
	with shout
	eventually 10 test -s "$BERTH_ROOT/var/lib/berth/containers/bad/console.log.1"
	ticks=$(monitor_ticks)
	[ "$(stat -c %s "$BERTH_ROOT/var/lib/berth/containers/bad/console.log.1")" -gt 100000 ]
	[ "$(cat "$BERTH_ROOT"/var/lib/berth/containers/bad/console.log* | wc -c)" -le $((513 * 1024)) ]
	exec_works
	answers
	{ sleep 0.5; printf '\001q'; } | timeout 10 berthctl console bad > /dev/null
	goes_down
	echo "# the monitor: $ticks % of a processor" >&3
	# What the monitor does for it is not in the guest's own limits: as with its notices, it is to be little.
	[ "$ticks" -lt 10 ]
}

@test "babbles on its notify socket, with descriptors: not ready, and none of them stays" {
	local monitor
	with babble
	monitor=$(status_of bad monitor-pid)
	sleep 1
	[ "$(monitor_ticks)" -lt 20 ]
	[ "$(ls "/proc/$monitor/fd" | wc -l)" -lt 40 ]
	[ "$(awk '/^VmRSS:/ { print $2 }' "/proc/$monitor/status")" -lt 4000 ]
	# It is no kind of init that would say so; what counts is whether the socket was believed.
	[ ! -e "$BERTH_ROOT/run/berth/bad/ready" ]
	exec_works
	answers
	# The control: the socket is heard.
	cp "$BERTH_TEST_PROGRAMS/notify" "$BERTH_ROOT/var/lib/berth/containers/bad/rootfs/bin/notify"
	ok set bad --init '/bin/notify 0 READY=1'
	ok restart bad --kill
	eventually 5 test -e "$BERTH_ROOT/run/berth/bad/ready"
}
