#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest sees of the host and of its neighbours, and what it can reach of theirs (programs/leaks.c). "left" has something, "right" tries to get it; the control is that another process
# of left's own gets it, or the host's root.

load ../system/helpers

setup_file() {
	berth_setup
	local name
	berth create left --template busybox --ip 10.77.41.1 --hostname left.example
	berth create right --template busybox --ip 10.77.41.2 --nesting no
	berth create left-nest --template busybox --nesting yes
	berth create right-nest --template busybox --nesting yes
	for name in left right left-nest right-nest; do
		cp "$BERTH_TEST_PROGRAMS/leaks" "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin/"
	done
	berth start left right left-nest right-nest
}
teardown_file() { berth_teardown; }
setup() { HELD=; }
teardown() {
	local pid
	for pid in $HELD; do
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
	done
}

inside() { ok exec "$1" -- sh -c "$2"; }
init_of() { status_of "$1" init-pid; }
host() { "$BERTH_TEST_PROGRAMS/leaks" "$@"; }

# gets NAME TEXT COMMAND...: what leaks says there.
gets() {
	local name=$1 text=$2
	shift 2
	try exec "$name" -- leaks "$@"
	[ "$output" = "$text" ] || story "expected '$text'"
}

# keeps WHO COMMAND...: leaks in a container, or on the "host", until the test's end; when it has said that it holds.
keeps() {
	local who=$1 out=$BATS_TEST_TMPDIR/kept.$RANDOM
	shift
	if [ "$who" = host ]; then
		# Not by the function: its shell would be what is killed.
		"$BERTH_TEST_PROGRAMS/leaks" "$@" > "$out" 2>&1 < /dev/null 3>&- &
	else
		berthctl exec "$who" -- leaks "$@" > "$out" 2>&1 < /dev/null 3>&- &
	fi
	HELD+=" $!"
	eventually 10 grep -q held "$out"
}

# --- ids and descriptors --------------------------------------------------------------------------------------------------------------------------

@test "what root of a guest owns is its own id's on the host, and nobody's in the neighbour" {
	local base secret
	base=$(status_of left host-uid)
	inside left 'echo secret > /dev/shm/secret && chmod 600 /dev/shm/secret'
	secret=/proc/$(init_of left)/root/dev/shm/secret
	[ "$(stat -c %u "$secret")" = "$base" ]
	# A descriptor that came over by whatever way: it reads, for the host has opened it; it opens nothing anew.
	ok exec right -- stat -L -c %u /proc/self/fd/0 < "$secret"
	is 65534
	try exec right -- leaks reopen < "$secret"
	is EACCES
	try exec right -- sh -c 'chown 0 /proc/self/fd/0 || chmod 666 /proc/self/fd/0' < "$secret"
	[ "$status" -ne 0 ]
	ok exec left -- leaks reopen < "$secret"
	is ok
}

@test "a descriptor of another's namespace lets nobody in" {
	local ns
	for ns in net uts ipc mnt pid user cgroup; do
		try exec right -- leaks enter < "/proc/$(init_of left)/ns/$ns"
		[ "$output" = EPERM ] || story "right entered left's $ns"
		try exec right -- leaks enter < "/proc/self/ns/$ns"
		[ "$output" = EPERM ] || story "right entered the host's $ns"
	done
	ok exec left -- leaks enter < "/proc/$(init_of left)/ns/net"
	is ok
	# The names that a guest has itself are its own.
	inside right 'for ns in net uts ipc mnt pid user; do nsenter -t 1 --$ns=/proc/1/ns/$ns readlink /proc/self/ns/$ns 2> /dev/null; readlink /proc/1/ns/$ns; done'
	for ns in net uts ipc mnt pid user; do
		hasnt "$(readlink "/proc/self/ns/$ns")"
		has "$(readlink "/proc/$(init_of right)/ns/$ns")"
	done
}

# A pidfd of a process of left's as descriptor 0 of a command: with_pidfd PID COMMAND...
with_pidfd() {
	local pid=$1
	shift
	python3 -c 'import os, subprocess, sys; sys.exit(subprocess.run(sys.argv[2:], stdin=os.pidfd_open(int(sys.argv[1]))).returncode)' "$pid" timeout 20 berthctl exec "$@" || true
}

@test "a pidfd of another's process takes no descriptor, enters nothing, sends nothing" {
	local victim try
	berthctl exec left -- sleep 60 < /dev/null > /dev/null 2>&1 3>&- &
	HELD=" $!"
	seen() { victim=$(pgrep -u "$(status_of left host-uid)" -x sleep | head -n 1); [ -n "$victim" ]; }
	eventually 5 seen
	for try in pidfd-steal pidfd-enter pidfd-signal; do
		# EINVAL: a process that has no pid there.
		[[ $(with_pidfd "$victim" right -- leaks "$try") =~ ^(EPERM|EINVAL)$ ]] || { with_pidfd "$victim" right -- leaks "$try"; false; }
		[[ $(with_pidfd $$ right -- leaks "$try") =~ ^(EPERM|EINVAL)$ ]]
		[ "$(with_pidfd "$victim" left -- leaks "$try")" = ok ] || { echo "no control: $try"; false; }
	done
	# Without one there is no such process; its own it has.
	gets right ESRCH pid-steal "$victim"
	gets right ok pid-steal 1
}

@test "the program of Berth's that is process 1 is not the guest's to write" {
	local before program=$BERTH_PREFIX/libexec/berth/berth-reaper
	before=$(sha256sum < "$program")
	ok create reaped --template busybox --init '/bin/sleep 1000' --init-reaper yes
	ok start reaped
	inside reaped 'cat /proc/1/comm; head -c 4 /proc/1/exe | tail -c 3'
	is $'berth-reaper\nELF'
	for command in 'echo x >> /proc/1/exe' 'chmod 777 /proc/1/exe' 'chown 0 /proc/1/exe' 'mount --bind /bin/busybox /proc/1/exe && exit 1; cp /bin/busybox /proc/1/exe'; do
		try exec reaped -- sh -c "$command"
		[ "$status" -ne 0 ] || story "it could: $command"
	done
	# The control: the host's root may.
	[ -w "$program" ]
	ok destroy --force reaped
	[ "$(sha256sum < "$program")" = "$before" ]
}

@test "what the operator's shell may, realtime and nice, is not the guest's: neither init's nor a command's" {
	local limits=(prlimit --rtprio=99 --nice=40)
	"${limits[@]}" true 2> /dev/null || skip "no control: this host's root cannot raise its own limits"
	cp "$BERTH_TEST_PROGRAMS/attacks" "$BERTH_ROOT/var/lib/berth/containers/right/rootfs/bin/"
	ok stop right --kill
	"${limits[@]}" timeout 30 berthctl start right
	try exec right -- sh -c "grep -E 'realtime priority|nice priority' /proc/1/limits | tr -s ' ' | cut -d' ' -f4,5"
	[ "$output" = $'0 0\n0 0' ] || story "init has the operator's"
	output=$("${limits[@]}" timeout 30 berthctl exec right -- sh -c 'attacks realtime; attacks nice' || true)
	has "realtime: "
	has "nice: "
	hasnt "it worked"
}

# --- other processes --------------------------------------------------------------------------------------------------------------------------------

@test "processes of others: no name in /proc, no signal, no priority, no memory" {
	local victim
	victim=$(init_of left)
	try exec right -- sh -c "ls -d /proc/$victim || kill -0 $victim || renice -n 5 -p $victim || cat /proc/$victim/environ || ls /proc/$victim/root/"
	[ "$status" -ne 0 ] || story "right sees it"
	# The control: the host has all of it.
	[ -d "/proc/$victim/root/etc" ]
	kill -0 "$victim"
	inside right "cat /proc/[0-9]*/status | grep -c '^Name'"
	[ "$output" -lt 15 ]
}

@test "mount namespaces of others cannot be walked to" {
	try exec right -- leaks next-mount-namespaces
	[ "$status" -ne 77 ] || skip "this kernel does not give the next mount namespace"
	is 0
	[ "$(host next-mount-namespaces)" -gt 2 ] || skip "no control: the host's root sees none either"
}

# --- System V, queues, keys, sockets -----------------------------------------------------------------------------------------------------------------

@test "abstract sockets of a neighbour and of the host are out of reach and unseen" {
	keeps left abstract-hold left-secret
	keeps host abstract-hold host-secret
	gets left ok abstract-reach left-secret
	[ "$(host abstract-reach host-secret)" = ok ]
	gets right ECONNREFUSED abstract-reach left-secret
	gets right ECONNREFUSED abstract-reach host-secret
	[ "$(host abstract-reach left-secret)" = ECONNREFUSED ]
	inside right 'grep -c secret /proc/net/unix || true'
	is 0
	inside left 'grep -c left-secret /proc/net/unix'
	[ "$output" -ge 1 ]
}

@test "System V shared memory is the container's: by key and by number" {
	local id
	inside left 'leaks shm-put 0x4711 "of left"'
	id=$output
	gets left "of left" shm-get 0x4711
	gets left "of left" shm-id "$id"
	gets right ENOENT shm-get 0x4711
	gets right EINVAL shm-id "$id"
	[ "$(host shm-get 0x4711)" = ENOENT ]
	inside right 'cat /proc/sysvipc/shm | wc -l'
	is 1
	inside left 'cat /proc/sysvipc/shm | wc -l'
	is 2
}

@test "message queues are the container's" {
	gets left ok queue-put secret "of left"
	gets right ENOENT queue-get secret
	[ "$(host queue-get secret)" = ENOENT ]
	inside right 'ls /dev/mqueue'
	is ""
	gets left "of left" queue-get secret
}

@test "keys: none without nesting; with it none of a neighbour's, by number or by list" {
	local serial
	gets right EPERM key-put name text
	inside left-nest 'leaks key-put left-key "of left"'
	serial=$output
	gets left-nest "of left" key-get "$serial"
	try exec right-nest -- leaks key-get "$serial"
	[[ $output == EACCES || $output == ENOKEY ]] || story "right got it"
	inside right-nest 'grep -c left-key /proc/keys || true'
	is 0
	inside left-nest 'grep -c left-key /proc/keys'
	is 1
	inside right-nest 'cat /proc/key-users | wc -l'
	is 1
	# The host's own.
	serial=$(host key-put host-key "of the host")
	[ "$(host key-get "$serial")" = "of the host" ]
	try exec right-nest -- leaks key-get "$serial"
	[[ $output == EACCES || $output == ENOKEY ]] || story "right got the host's"
	inside right-nest 'grep -c host-key /proc/keys || true'
	is 0
}

@test "sockets, addresses and neighbours of others are not in /proc/net" {
	berthctl exec left -- nc -l -p 18193 < /dev/null > /dev/null 2>&1 3>&- &
	HELD=" $!"
	listens() { berth exec left -- grep -q ":4711 " /proc/net/tcp /proc/net/tcp6; }
	eventually 5 listens
	try exec right -- grep -q ":4711 " /proc/net/tcp /proc/net/tcp6
	[ "$status" -ne 0 ]
	inside right "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' ' | sort | grep -vxE 'eth0|lo|(ip6?_?|tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre|ip_vti|ip6_vti|teql)[a-z]*[0-9]' || true"
	is ""
	inside right 'cat /proc/net/arp /proc/net/fib_trie /proc/net/route'
	hasnt 10.77.41.1
	inside left 'cat /proc/net/fib_trie'
	has 10.77.41.1
}

# --- /proc and /sys -------------------------------------------------------------------------------------------------------------------------------------

@test "files of the kernel's insides: the host's root reads them, a guest's does not" {
	local file read=0 readable=""
	for file in /proc/kmsg /proc/kcore /proc/kpagecount /proc/kpagecgroup /proc/kpageflags /proc/pagetypeinfo /proc/slabinfo /proc/vmallocinfo /proc/timer_list /proc/sched_debug \
		/proc/latency_stats /proc/1/stack /sys/kernel/debug/sched/debug /sys/kernel/debug/clear_warn_once /sys/kernel/tracing/trace /sys/kernel/security/lsm \
		/sys/firmware/acpi/tables/DSDT /sys/firmware/dmi/tables/DMI /sys/class/dmi/id/product_uuid /sys/class/dmi/id/board_serial \
		/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj /sys/kernel/slab/kmalloc-64/alloc_calls /sys/fs/pstore/dmesg-0 /dev/kmsg /dev/mem; do
		timeout 2 head -c 1 "$file" > /dev/null 2>&1 || [ "$file" = /proc/kmsg ] || continue
		read=$((read + 1))
		try exec right -- timeout 2 head -c 1 "$file"
		[ "$status" -ne 0 ] || [ -z "$output" ] || readable+=" $file"
	done
	echo "# $read of them are there" >&3
	[ "$read" -ge 5 ] || skip "no control: the host's root reads $read of them"
	[ -z "$readable" ] || story "a guest reads:$readable"
}

@test "addresses of the kernel and of physical memory are zeros inside" {
	inside right "sed 's/ .*//' /proc/kallsyms | sort -u | head -n 2; cut -d- -f1 /proc/iomem 2> /dev/null | tr -d ' 0\\n'"
	[[ $output =~ ^0+$ ]] || story "addresses"
	# Of its own pages the guest does not learn where they are.
	inside right 'dd if=/proc/self/pagemap bs=8 count=64 skip=1024 2> /dev/null | od -An -tx8 | grep -cE "8[0-9a-f]{3}0*[1-9a-f]" || true'
	is 0
	[ "$(cut -d' ' -f1 /proc/kallsyms | sort -u | head -n 2 | wc -l)" -gt 1 ] || skip "no control: the host's root sees no addresses"
}

@test "what /proc has of the whole host, for the kernel knows no other: nothing in it names a guest" {
	# No test of a wall: a list of what is not hidden, and that it has no names.
	local file shown=""
	for file in loadavg stat meminfo interrupts softirqs diskstats pressure/cpu pressure/memory swaps partitions cpuinfo version modules sys/kernel/random/boot_id ../sys/kernel/vmcoreinfo ../sys/kernel/notes; do
		[ -e "/proc/$file" ] || continue
		try exec right -- cat "/proc/$file"
		[ "$status" -ne 0 ] || shown+=" $file"
		hasnt "$BERTH_ROOT"
		hasnt left
	done
	echo "# of the host:$shown" >&3
	inside right 'cat /proc/sys/kernel/random/boot_id'
	[ "$output" != "$(cat /proc/sys/kernel/random/boot_id)" ] || echo "# the boot id is the host's, the same in all guests" >&3
	inside right 'cat /proc/locks | wc -l'
	[ "$output" -le "$(wc -l < /proc/locks)" ]
}

@test "names: the guest's own host name, none of the host's" {
	inside right 'uname -n; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname; hostname'
	is $'right\nright\n(none)\nright'
	inside left 'hostname changed && hostname'
	is changed
	[ "$(hostname)" != changed ]
	inside right hostname
	is right
	inside left 'hostname left.example'
	inside right 'cat /proc/self/mountinfo /proc/mounts /proc/cmdline /proc/self/cgroup /proc/self/maps /proc/1/environ'
	hasnt "$(hostname)."
}

@test "mountinfo and cgroup name no other container and no cgroup of the host" {
	inside right 'cat /proc/self/mountinfo /proc/self/cgroup /proc/1/cgroup /proc/1/mountinfo'
	hasnt containers/left
	hasnt "$(instance_cgroup)"
	hasnt berth-monitor
	# Where its own tree is, the kernel tells: in the field for bind mounts.
	inside right 'grep -c " / .* - cgroup2 " /proc/self/mountinfo'
	is 1
	inside right 'sed "s/^[0-9]*:[^:]*://" /proc/1/cgroup | sort -u'
	[[ $output == / ]] || story "its cgroups"
	# The control: the host sees the whole path.
	grep -q "$(instance_cgroup)/right" "/proc/$(init_of right)/cgroup"
}

# --- cgroups -------------------------------------------------------------------------------------------------------------------------------------------------

@test "cgroups: a remount or a new mount of cgroup2 shows and changes nothing above its own" {
	local where file own
	own=$BERTH_CGROUP/$(instance_cgroup)/right/guest
	inside right 'mount -o remount,rw /sys/fs/cgroup 2> /dev/null; mkdir -p /tmp/c && mount -t cgroup2 none /tmp/c && ls /tmp/c | grep -c cgroup.procs'
	is 1
	for where in /sys/fs/cgroup /tmp/c; do
		for file in memory.max pids.max cpu.max cgroup.max.descendants cgroup.max.depth cgroup.freeze cgroup.kill cgroup.type cpuset.cpus ../cgroup.procs ../pids.max; do
			try exec right -- sh -c "[ ! -e $where/$file ] || echo 0 > $where/$file"
			[ "$status" -ne 0 ] || [ ! -e "$own/$file" ] || [[ $file == ../* ]] || story "it wrote $where/$file"
			hasnt berth-
		done
		inside right "find $where -name 'berth-*' | head -n 1"
		is ""
	done
	inside right 'umount /tmp/c'
	# The control: the host's root writes there.
	echo 64 > "$own/cgroup.max.depth"
	echo max > "$own/cgroup.max.depth"
	# And the options of the host's mount are as they were.
	[ "$(grep -c ' - cgroup2 ' /proc/self/mountinfo)" -ge 1 ]
	inside right true
}

@test "release agents: no file of cgroup v1 to write one to, by any controller or a name of its own" {
	local controller
	for controller in $(awk 'NR > 1 { print $1 }' /proc/cgroups) name=systemd none,name=own; do
		try exec right -- sh -c "mkdir -p /tmp/v1 && mount -t cgroup -o $controller none /tmp/v1 && { echo /tmp/agent > /tmp/v1/release_agent || mkdir /tmp/v1/x && echo 1 > /tmp/v1/x/notify_on_release; }"
		[ "$status" -ne 0 ] || story "by $controller"
		try exec right -- sh -c 'umount /tmp/v1 2> /dev/null; true'
	done
	local agent
	agent=$(find /sys/fs/cgroup -maxdepth 2 -name release_agent 2> /dev/null | head -n 1)
	[ -n "$agent" ] || skip "no control: this host has no cgroup v1"
	[ -w "$agent" ]
}

# --- modules --------------------------------------------------------------------------------------------------------------------------------------------------

@test "sockets and protocols that a guest asks for load no module but IPsec's" {
	[ -e /proc/modules ] || skip "no control: this kernel has no modules"
	local before loaded kind
	before=$(cut -d' ' -f1 /proc/modules | sort)
	inside right 'leaks netlink; leaks families'
	loaded=$(comm -13 <(echo "$before") <(cut -d' ' -f1 /proc/modules | sort))
	# A guest's IPsec is in its own network namespace and speaks by NETLINK_XFRM; diagnosis of sockets is ss(8)'s.
	[ -z "$(grep -vE '^(xfrm|.*_diag$|nfnetlink|nf_|unix)' <<< "$loaded")" ] || { echo "loaded: $loaded"; false; }
	# What no filter of calls can tell: the names of filesystems and of kinds of interfaces are in memory. That is the operator's to close (berthctl check).
	for kind in xfs btrfs f2fs nilfs2 cifs erofs; do try exec right -- leaks filesystem $kind; done
	echo "# by mount: $(comm -13 <(echo "$before") <(cut -d' ' -f1 /proc/modules | sort) | tr '\n' ' ')" >&3
	berth check --json | jq -e '.findings[] | select(.what == "kernel.modules_disabled")' > /dev/null
}
