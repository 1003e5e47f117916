#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# One guest takes all it can get of something (programs/exhaust.c); its neighbour and the host go on, and with its end all is given back.
#
# A bound is one of two. A number (of processes, of terminals): the guest is refused at it, and the control is that one more process of the same guest is refused as well: there was
# something to run out of. Or the guest's memory: the guest dies of it or is refused, and the control is a container with more memory, which gets what the other did not.

load ../system/helpers

setup_file() {
	berth_setup
	berth create greedy --template busybox --memory 32M --pids 60
	berth create loose --template busybox --memory 320M --pids 500
	berth create calm --template busybox --memory 64M --pids 60
	for name in greedy loose calm; do
		cp "$BERTH_TEST_PROGRAMS/exhaust" "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin/"
	done
	berth start calm
}
teardown_file() { berth_teardown; }

# What kills a process for want of memory can be init: then the container is down.
setup() {
	HELD=
	berth start greedy loose --if-needed
}
teardown() {
	release
	# What was taken by name (files, queues) is there until the namespaces are not.
	berth stop greedy loose --kill --if-needed
	rm -rf "$BERTH_ROOT"/var/lib/berth/containers/*/rootfs/tmp/exhaust.*
}

# hold NAME RESOURCE MOST: the container takes it and keeps it until release; what it got is in $got.
hold() {
	local out=$BATS_TEST_TMPDIR/held.$RANDOM
	berthctl exec "$1" -- exhaust "$2" "$3" hold > "$out" 2>&1 < /dev/null 3>&- &
	HELD+=" $!"
	eventually 30 test -s "$out"
	got=$(cat "$out")
	echo "# $1 took of $2: $got" >&3
}
release() {
	local pid
	for pid in $HELD; do
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
	done
	HELD=
}

# The host's own share, with nothing of it left anywhere.
host_gets() {
	local got
	got=$(unshare --mount --ipc --net --propagation private "$BERTH_TEST_PROGRAMS/exhaust" "$1" "$2")
	[ "$got" = "$2 ok" ] || { echo "the host got of $1: $got"; return 1; }
}

calm_gets() {
	ok exec calm -- exhaust "$1" "$2"
	is "$2 ok"
}

# A process, a file, a mount and a terminal; and the commands that the operator has.
calm_works() {
	local begin=$SECONDS
	ok exec calm -- sh -c 'true & wait $! && echo text > /tmp/made && rm /tmp/made && mkdir -p /tmp/m && mount -t tmpfs none /tmp/m && echo x > /tmp/m/x && umount /tmp/m && echo works'
	is works
	calm_gets pty 1
	host_gets pty 1
	ok list
	[ $((SECONDS - begin)) -lt 10 ] || story "it took $((SECONDS - begin)) s"
}

# bounded RESOURCE MOST ERRNO CALM [HOST]: greedy is refused at less than MOST; calm still gets CALM of it and the host HOST.
bounded() {
	hold greedy "$1" "$2"
	[[ $got == *" $3" ]] || story "greedy got $got"
	# The control.
	ok exec greedy -- exhaust "$1" 1
	is "0 $3"
	calm_gets "$1" "$4"
	[ -z "${5:-}" ] || host_gets "$1" "$5"
	calm_works
}

memory_of() { kernel "$1" "$(is_hybrid && echo memory.usage_in_bytes || echo memory.current)"; }

# charged RESOURCE MOST: MOST of it are more than greedy's memory, so it does not get them; loose does, and its memory is what pays. Greedy goes on trying meanwhile.
charged() {
	local before grown pid
	berthctl exec greedy -- sh -c "while true; do exhaust $1 $2; done" > "$BATS_TEST_TMPDIR/tries" 2>&1 < /dev/null 3>&- &
	pid=$!
	calm_works
	calm_gets "$1" 10
	kill $pid 2> /dev/null || true
	wait $pid 2> /dev/null || true
	! grep -q "^$2 ok" "$BATS_TEST_TMPDIR/tries" || story "greedy got all: $(head -n 3 "$BATS_TEST_TMPDIR/tries")"
	before=$(memory_of loose)
	hold loose "$1" "$2"
	[ "$got" = "$2 ok" ] || story "no control: loose got $got"
	grown=$(($(memory_of loose) - before))
	echo "# $1: $((grown / $2)) bytes each are charged" >&3
	[ "$grown" -gt $((32 << 20)) ] || story "$2 of $1 are $grown bytes of the container's memory"
}

# Where the kernel has one number for the whole host, a guest can take all of it. The operator must be told so by check; then it is known, and not this guest's neighbour's fault.
starved() {
	local verdict
	verdict=$(berth check --json | jq -r --arg what "$1" '.findings[] | select(.what == $what) | .verdict')
	[ -n "$verdict" ] && [ "$verdict" != ok ] || { echo "one guest has taken all that the host's $1 ($(sysctl -n "$1")) gives, and check says $verdict"; return 1; }
	skip "the host's $1 is small, and one guest takes it all: check says $verdict"
}

# --- processes ------------------------------------------------------------------------------------------------------------------------------

# The control: with more of them allowed, loose gets more.
processes() {
	hold greedy "$1" 200
	[[ $got == *" EAGAIN" ]] || story "greedy got $got"
	[ "${got% *}" -lt 60 ]
	# Where cgroup v1 counts, it is not the command itself that is refused but what that starts.
	try exec greedy -- exhaust process 1
	# shellcheck disable=SC2154 # try sets it
	[ "$output" = "0 EAGAIN" ] || [[ $stderr == *"its pids limit is reached"* ]] || story "there was room"
	# What the last test left to its init there is reaped when that comes to it.
	reaped() { [ "$(kernel calm pids.current)" -lt 20 ]; }
	eventually 10 reaped
	calm_gets "$1" 20
	host_gets "$1" 20
	calm_works
	hold loose "$1" 200
	[ "$got" = "200 ok" ]
	ok stop greedy --kill
	ok start greedy
	ok exec greedy -- true
}

@test "processes: refused at pids, the neighbour forks" { processes process; }
@test "zombies count as processes" { processes zombie; }
@test "threads count as processes" { processes thread; }

@test "queued signals: each container has a limit of its own" { bounded signal 1000000 EAGAIN 10000 100; }

@test "timers: each container has a limit of its own" { bounded timer 1000000 EAGAIN 10000 100; }

# --- descriptors --------------------------------------------------------------------------------------------------------------------------------

@test "open files are charged to the guest" { charged file 200000; }
@test "epoll descriptors are charged to the guest" { charged epoll 100000; }
@test "eventfds are charged to the guest" { charged eventfd 100000; }
@test "timerfds are charged to the guest" { charged timerfd 100000; }
@test "memory files are charged to the guest" { charged memfd 3000; }
@test "pipes are charged to the guest" { charged pipe 2000; }
@test "what sockets hold is charged to the guest" { charged socket 600; }

@test "locks of files are charged to the guest, by kernels that charge them" {
	local before slab grown
	before=$(memory_of loose)
	slab=$(awk '/^Slab:/ { print $2 * 1024 }' /proc/meminfo)
	hold loose lock 200000
	[ "$got" = "200000 ok" ]
	grown=$(($(memory_of loose) - before))
	calm_works
	calm_gets lock 1000
	# Linux 5.15 began to and took it back: then they are the host's memory, and nothing bounds them.
	[ "$grown" -gt $((16 << 20)) ] ||
		skip "this kernel charges locks to nobody: 200000 are $((grown >> 10)) KiB of the guest's memory and $((($(awk '/^Slab:/ { print $2 * 1024 }' /proc/meminfo) - slab) >> 10)) KiB of the host's"
}

@test "inotify instances: refused at the container's own number" { bounded inotify 20000 EMFILE 100 10; }
@test "inotify watches are charged to the guest" { charged watch 100000; }

@test "terminals of its own /dev/pts: 256" {
	bounded pty 5000 ENOSPC 200 10
	[ "${got% *}" -le 256 ]
}

@test "terminals of an instance that the guest mounts itself: the neighbour still gets some, and the operator an enter" {
	hold greedy own-pty 20000
	local entered
	entered=$(timeout 20 script -qec "berthctl enter calm" /dev/null <<< $'echo in-$((1 + 1))\nexit' || true)
	host_gets pty 10
	[[ $entered == *in-2* ]] || starved kernel.pty.max
	calm_works
}

@test "asynchronous I/O: the neighbour's database still starts" {
	hold greedy aio 1000000
	try exec calm -- exhaust aio 4
	[ "$output" = "4 ok" ] || starved fs.aio-max-nr
	calm_works
}

# --- files ----------------------------------------------------------------------------------------------------------------------------------------

@test "empty files on /dev/shm are charged to the guest" { charged shm-file 80000; }
@test "empty files on /run are charged to the guest" { charged run-file 80000; }
@test "files in /dev are few" { bounded dev-file 100000 ENOSPC 100; }

@test "a million names that are not there: remembered in the guest's own memory, and forgotten for it" {
	local before grown limit
	berthctl exec greedy -- exhaust name 1000000 hold > "$BATS_TEST_TMPDIR/names" 2>&1 < /dev/null 3>&- &
	HELD=" $!"
	calm_works
	eventually 20 test -s "$BATS_TEST_TMPDIR/names"
	[ "$(cat "$BATS_TEST_TMPDIR/names")" = "1000000 ok" ]
	limit=$(kernel greedy "$(is_hybrid && echo memory.limit_in_bytes || echo memory.max)")
	[ "$(memory_of greedy)" -le "$limit" ]
	# The control: they are memory, where there is some.
	before=$(memory_of loose)
	hold loose name 300000
	grown=$(($(memory_of loose) - before))
	[ "$grown" -gt $((32 << 20)) ] || story "300000 names are $grown bytes"
}

# --- mounts and namespaces -------------------------------------------------------------------------------------------------------------------------

@test "mounts: refused at fs.mount-max, which each mount namespace has for itself" {
	[ "$(sysctl -n fs.mount-max)" -le 200000 ] || skip "fs.mount-max is $(sysctl -n fs.mount-max)"
	# They are shared, so each new one doubles them.
	hold loose bind 1000
	[[ $got == *" ENOSPC" ]] || story "loose got $got"
	ok exec loose -- exhaust bind 1
	is "0 ENOSPC"
	calm_gets bind 5
	host_gets bind 5 || { rmdir /tmp/exhaust-bind; false; }
	rmdir /tmp/exhaust-bind
	calm_works
}

@test "filesystems that are mounted nowhere are charged to the guest" { charged superblock 25000; }
@test "network namespaces are charged to the guest" { charged netns 600; }
@test "mount namespaces are charged to the guest" { charged mntns 6000; }
@test "ipc namespaces are charged to the guest" { charged ipcns 9000; }

@test "network namespaces made and ended without a pause: containers still start and stop" {
	local pid begin took
	berthctl exec greedy -- sh -c 'while true; do exhaust netns 50; done' > "$BATS_TEST_TMPDIR/churn" 2>&1 < /dev/null 3>&- &
	pid=$!
	eventually 10 grep -q "50 ok" "$BATS_TEST_TMPDIR/churn"
	begin=${EPOCHREALTIME/./}
	ok create third --template busybox --ip 10.77.40.1
	ok start third
	ok exec third -- true
	ok stop third --kill
	ok destroy third
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	echo "# a container's whole life beside it: $took ms" >&3
	[ "$took" -lt 10000 ]
	kill $pid
	wait $pid 2> /dev/null || true
	# It was at it all the time.
	[ "$(grep -c "50 ok" "$BATS_TEST_TMPDIR/churn")" -gt 1 ]
}

# --- keys, queues, System V -----------------------------------------------------------------------------------------------------------------------

@test "keys, where nesting allows them: each container has its own number" {
	local name
	for name in keyed other; do
		ok create $name --template busybox --nesting yes
		cp "$BERTH_TEST_PROGRAMS/exhaust" "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin/"
		ok start $name
	done
	hold keyed key 20000
	[[ $got == *" EDQUOT" ]]
	ok exec keyed -- exhaust key 1
	is "0 EDQUOT"
	ok exec other -- exhaust key 100
	is "100 ok"
	host_gets key 100
	release
	# Without nesting there are none at all.
	ok exec greedy -- exhaust key 1
	is "0 EPERM"
	ok destroy --force keyed other
}

@test "message queues: refused at the container's own size" { bounded queue 1000 EMFILE 5 5; }
@test "System V shared memory is charged to the guest" { charged shm 1000; }
@test "System V semaphores are charged to the guest" { charged sem 1000; }
@test "System V messages are charged to the guest" { charged msg 6000; }

# --- the network ---------------------------------------------------------------------------------------------------------------------------------------

@test "entries of connection tracking, made in the guest's own namespace: counted there" {
	local most
	most=$(sysctl -n net.netfilter.nf_conntrack_max 2> /dev/null) || skip "this kernel has no connection tracking"
	[ "$most" -le 300000 ] || skip "nf_conntrack_max is $most: as much memory of the host's is not for a test"
	hold greedy connection 400000
	# Counted by processor, and roughly.
	[ "${got% *}" -le $((most + most / 50)) ] || story "greedy got $got of $most"
	[ "${got% *}" -gt 1000 ] || skip "no control: greedy got $got"
	ok exec greedy -- exhaust connection 1
	is "0 ${got#* }"
	calm_gets connection 1000
	host_gets connection 1000
	calm_works
}

# --- and back --------------------------------------------------------------------------------------------------------------------------------------------

@test "with its end everything is given back" {
	local ptys aio files resource count names
	ptys=$(cat /proc/sys/kernel/pty/nr)
	aio=$(cat /proc/sys/fs/aio-nr)
	files=$(cut -f1 /proc/sys/fs/file-nr)
	while read -r resource count; do
		hold loose "$resource" "$count"
	done <<-'END'
		process 100
		file 5000
		own-pty 500
		aio 8
		inotify 50
		memfd 500
		shm 200
		queue 5
		netns 50
		superblock 500
		bind 14
		signal 5000
		timer 5000
	END
	# The control: it is what the host counts.
	[ "$(cat /proc/sys/kernel/pty/nr)" -ge $((ptys + 400)) ]
	[ "$(cut -f1 /proc/sys/fs/file-nr)" -ge $((files + 4000)) ]
	ok stop loose --kill
	release
	back() {
		[ "$(cat /proc/sys/kernel/pty/nr)" -lt $((ptys + 100)) ] && [ "$(cat /proc/sys/fs/aio-nr)" -lt $((aio + 2048)) ] &&
			[ "$(cut -f1 /proc/sys/fs/file-nr)" -lt $((files + 3000)) ]
	}
	eventually 10 back
	names=$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/loose" 2> /dev/null)
	[ -z "$names" ] || story "left: $names"
	calm_works
}
