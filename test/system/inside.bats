#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest finds inside, and what it must not find.

load helpers

setup_file() {
	berth_setup
	berth create in --template busybox --memory 64M --pids 100 --ip 10.77.2.1
	berth create neighbour --template busybox
	berth start in neighbour
}
teardown_file() { berth_teardown; }

inside() { ok exec in -- sh -c "$1"; }
init_pid() { status_of in init-pid; }

@test "all namespaces are its own" {
	local ns
	for ns in user pid mnt net uts ipc cgroup time; do
		[ "$(readlink "/proc/$(init_pid)/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ] || { echo "$ns is the host's"; false; }
		[ "$(readlink "/proc/$(init_pid)/ns/$ns")" != "$(readlink "/proc/$(status_of neighbour init-pid)/ns/$ns")" ]
		inside "readlink /proc/self/ns/$ns"
		is "$(readlink "/proc/$(init_pid)/ns/$ns")"
	done
}

@test "65,536 ids of its own, shared with no neighbour" {
	inside "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '"
	local base
	base=$(status_of in host-uid)
	is " 0 $base 65536"$'\n'" 0 $base 65536"
	[ "$base" != "$(status_of neighbour host-uid)" ]
	[ "$(stat -c %u "/proc/$(init_pid)")" = "$base" ]
}

@test "the user namespace is charged to the container's own uid, so inotify's budget is its own" {
	local name
	for name in in neighbour; do
		cp "$BERTH_TEST_PROGRAMS/inotify" "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/root/inotify"
	done
	# One guest takes all it can get and keeps it; the neighbour gets just as many.
	berthctl exec in -- /root/inotify hold > "$BATS_TEST_TMPDIR/first" &
	local pid=$!
	eventually 10 test -s "$BATS_TEST_TMPDIR/first"
	ok exec neighbour -- /root/inotify
	kill $pid
	wait $pid || true
	[ "$output" -gt 10 ]
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/first")" ] || story "the first got $(cat "$BATS_TEST_TMPDIR/first")"
}

@test "files on disk have the guest's own ids" {
	inside "touch /root/mine && chown 33:44 /root/mine"
	[ "$(stat -c %u:%g "$BERTH_ROOT/var/lib/berth/containers/in/rootfs/root/mine")" = 33:44 ]
}

@test "the trees of containers are closed to the host's users" {
	[ "$(stat -c %a "$BERTH_ROOT/var/lib/berth/containers")" = 700 ]
	[ "$(stat -c %a "$BERTH_ROOT/var/lib/berth/containers/in")" = 700 ]
}

@test "no descriptor of the host is inside" {
	# Of init, and of a command: its three streams are what the caller gave, above them is nothing.
	inside 'ls -l /proc/1/fd | grep -v "^total" | sed "s/.* -> //" | sort -u'
	[[ $output == /dev/console || $output == /dev/pts/0 ]]
	inside 'for f in /proc/$$/fd/*; do [ ! -e "$f" ] || printf "%s " "${f##*/}"; done'
	is "0 1 2 "
}

@test "no environment of the host is inside" {
	export BERTH_SECRET=hunter2
	inside "cat /proc/1/environ /proc/self/environ | tr '\\0' '\\n'"
	hasnt hunter2
	hasnt BERTH_
	has container=berth
	has container_uuid=
}

@test "the bounding set is the table's and nothing is inheritable or ambient" {
	inside "grep ^Cap /proc/1/status; grep ^Cap /proc/self/status"
	has "CapBnd:	00000000bdfcffff" || story "unexpected bounding set"
	[ "$(grep -cE 'Cap(Inh|Amb):	0000000000000000' <<< "$output")" = 4 ]
	local bound sys_module=16 sys_time=25 sys_rawio=17 syslog=34 bpf=39
	bound=$((16#$(sed -n 's/CapBnd:	//p' <<< "$output" | head -n 1)))
	local cap
	for cap in $sys_module $sys_time $sys_rawio $syslog $bpf; do [ $((bound >> cap & 1)) = 0 ]; done
}

@test "the system call filter is on for init and exec, and no_new_privs is off" {
	inside "grep -E '^(Seccomp|NoNewPrivs):' /proc/1/status; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status"
	[ "$(grep -c 'Seccomp:	2' <<< "$output")" = 2 ]
	[ "$(grep -c 'NoNewPrivs:	0' <<< "$output")" = 2 ]
}

@test "nested user namespaces are refused by the filter" {
	try exec in -- unshare -U true
	[ "$status" -ne 0 ]
	# The positive control: other namespaces are the guest's to make.
	ok exec in -- unshare -m true
}

@test "device nodes: the allowed ones work, others cannot be made or opened" {
	inside "head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x > /dev/null; echo ok"
	is "4"$'\n'"4"$'\n'"ok"
	try exec in -- mknod /root/mem c 1 1
	[ "$status" -ne 0 ]
	# A node that came by another way, such as an archive: the rootfs is nodev and the device filter says no too.
	mknod "$BERTH_ROOT/var/lib/berth/containers/in/rootfs/root/kmsg" c 1 11
	try exec in -- head -c 1 /root/kmsg
	[ "$status" -ne 0 ]
	try exec in -- sh -c "mount -o remount,dev / && head -c 1 /root/kmsg"
	[ "$status" -ne 0 ]
	rm "$BERTH_ROOT/var/lib/berth/containers/in/rootfs/root/kmsg"
	inside "ls /dev | tr '\\n' ' '"
	is "console fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
}

@test "the mounts of the container interface" {
	inside "cat /proc/mounts"
	has " /proc proc rw,nosuid,nodev,noexec"
	has " /sys sysfs ro,nosuid,nodev,noexec"
	has " /sys/fs/cgroup cgroup2 rw"
	has " /run tmpfs rw,nosuid,nodev"
	has " /dev/pts devpts"
	has "max=256"
	has " /dev/shm tmpfs rw,nosuid,nodev"
	has " /dev/mqueue mqueue"
	hasnt "$BERTH_ROOT"
	inside "cat /run/host/container-manager"
	is berth
	# The root is a mount of the container's own, shared for its children as systemd expects.
	inside "grep '/rootfs / ' /proc/self/mountinfo | grep -c shared:"
	is 1
}

@test "a new /proc can be mounted inside: nothing is masked over it" {
	inside "mkdir -p /tmp/p && mount -t proc none /tmp/p && ls /tmp/p/1 > /dev/null && umount /tmp/p && echo yes"
	is yes
}

@test "the host's kernel log, sysctls and memory are not the guest's" {
	local command
	for command in "dmesg" "echo 1 > /proc/sys/kernel/sysrq" "echo x > /proc/sysrq-trigger" "head -c 1 /proc/kcore" \
		"echo core > /proc/sys/kernel/core_pattern" "date -s 2001-01-01 | grep -q nothing" "swapoff -a && false" "insmod /bin/busybox" \
		"mount -t tmpfs none /sys/fs/cgroup/nosuch" "echo 1 > /sys/power/state" "hwclock -r" "losetup /dev/loop0 /bin/busybox"; do
		try exec in -- sh -c "$command"
		[ "$status" -ne 0 ] || story "the guest could: $command"
	done
	[ "$(date +%Y)" != 2001 ]
}

@test "uptime begins with the container" {
	inside "cut -d. -f1 /proc/uptime"
	[ "$output" -lt $(($(cut -d. -f1 /proc/uptime) - 5)) ] || [ "$(cut -d. -f1 /proc/uptime)" -lt 60 ]
	[ "$output" -lt 600 ]
}

@test "the guest's cgroup is delegated, the limits above it are out of reach" {
	# What the guest can do: make a child and move into it.
	inside "mkdir /sys/fs/cgroup/mine && echo \$\$ > /sys/fs/cgroup/mine/cgroup.procs && cat /proc/self/cgroup | grep ^0"
	is "0::/mine"
	inside "rmdir /sys/fs/cgroup/mine; ls -d /sys/fs/cgroup/.. > /dev/null; echo 0"
	# What it cannot: leave upwards, or write a limit of its own root.
	try exec in -- sh -c "echo \$\$ > /sys/fs/cgroup/../cgroup.procs"
	[ "$(stat -c %u "$BERTH_CGROUP/$(instance_cgroup)"/in/cgroup.procs)" = 0 ]
	[ "$(stat -c %u "$BERTH_CGROUP/$(instance_cgroup)"/in/guest/cgroup.procs)" = "$(status_of in host-uid)" ]
	try exec in -- sh -c "mkdir -p /tmp/c && mount -t cgroup2 none /tmp/c && ls /tmp/c | grep -c berth-"
	[ "$output" = 0 ] || [ -z "$output" ] || story "the guest sees the host's cgroups"
	local file
	for file in memory.max pids.max cpu.max; do
		try exec in -- sh -c "echo max > /sys/fs/cgroup/$file"
		[ "$status" -ne 0 ] || story "the guest wrote its root's $file"
	done
	[ "$(stat -c %u "$(dirname "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/in/pids.max")")/pids.max")" = 0 ]
}

@test "on a hybrid host the guest can look at its v1 cgroup and change nothing in it" {
	is_hybrid || skip "cgroup v2 holds the controllers here"
	local file
	inside 'mkdir -p /tmp/v1 && mount -t cgroup -o memory none /tmp/v1 && cat /tmp/v1/memory.limit_in_bytes'
	is $((64 * 1024 * 1024))
	for file in memory.limit_in_bytes memory.memsw.limit_in_bytes tasks cgroup.procs release_agent notify_on_release; do
		try exec in -- sh -c "echo 1 > /tmp/v1/$file"
		[ "$status" -ne 0 ] || story "the guest wrote $file"
	done
	try exec in -- mkdir /tmp/v1/child
	[ "$status" -ne 0 ]
	inside "umount /tmp/v1"
}

@test "keys are the container's own, and of its own small quota" {
	inside "cat /proc/key-users | tr -s ' '"
	# Its root is the first of its host ids, which is no root for the kernel's quota.
	[[ $output == " 0: "*"/200 "* ]]
	[ "$(grep -c . <<< "$output")" = 1 ] || story "keys of other users are seen"
}

@test "limits on open files and core dumps are set, nice and OOM score reset" {
	nice -n 15 timeout 30 berthctl restart neighbour --kill
	local pid
	pid=$(status_of neighbour init-pid)
	grep -q "^Max core file size  *0 " "/proc/$pid/limits"
	grep -q "^Max open files  *1024 " "/proc/$pid/limits"
	[ "$(cat "/proc/$pid/oom_score_adj")" = 0 ]
	[ "$(ps -o ni= -p "$pid" | tr -d ' ')" = 0 ]
}

@test "processes of another container and of the host are not seen" {
	inside "ls /proc | grep -c '^[0-9]*$'"
	[ "$output" -lt 12 ]
	try exec in -- kill -0 "$$"
	[ "$status" -ne 0 ]
}

@test "32-bit and x32 calls are filtered as well" {
	cp "$BERTH_TEST_PROGRAMS/calls" "$BERTH_ROOT/var/lib/berth/containers/in/rootfs/root/calls"
	inside /root/calls
	is "-1 -38 -1 1 -97 38 38 38 1 97 97"
	# The control: the host, without the filter, answers otherwise.
	run "$BERTH_ROOT/var/lib/berth/containers/in/rootfs/root/calls"
	[ "$output" != "-1 -38 -1 1 -97 38 38 38 1 97 97" ]
}
