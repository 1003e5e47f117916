#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Links and races in a tree that the guest owns, where the host mounts, writes and reads (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 and their kin). Every link leads
# to a canary of the host's. The control is the host's own mount, cp or cat on the same path: it does reach the canary.

load ../system/helpers

setup_file() {
	berth_setup
	chmod 755 "$BERTH_ROOT"
	mkdir -p "$BERTH_ROOT/canary" "$BERTH_ROOT/share/work" "$BERTH_ROOT/given"
	echo canary > "$BERTH_ROOT/canary/file"
	echo given > "$BERTH_ROOT/given/file"
	berth create web --template busybox
	berth create twin --template busybox
	cp "$BERTH_TEST_PROGRAMS"/{paths,joining,attacks} "$(tree)/bin/"
	berth start web twin
}
teardown_file() { berth_teardown; }
setup() { mounts > "$BATS_TEST_TMPDIR/mounts"; }
teardown() {
	local pid
	for pid in $left; do kill "$pid" 2> /dev/null || true; done
}
left=

tree() { echo "$BERTH_ROOT/var/lib/berth/containers/web/rootfs"; }
init() { status_of "${1:-web}" init-pid; }
canary() { echo "$BERTH_ROOT/canary"; }
# The ways to it that a guest can write into a link.
ways() { echo "$(canary)" "../../../../../../../../../../..$(canary)"; }
mounts() { cut -d ' ' -f 3- /proc/self/mountinfo | sort; }

# Nothing of the host is covered, written or made.
intact() {
	[ "$(ls -A "$(canary)")" = file ] || { echo "the host's directory has: $(ls -A "$(canary)")"; return 1; }
	[ "$(cat "$(canary)/file")" = canary ] || { echo "the host's file was written: $(cat "$(canary)/file")"; return 1; }
	diff <(mounts) "$BATS_TEST_TMPDIR/mounts"
}

# swap_in_guest SECONDS A B: the guest exchanges two of its names, beginning now.
swap_in_guest() {
	berthctl exec web -- paths swap "$2" "$3" $(($1 * 1000)) > "$BATS_TEST_TMPDIR/swap" 3>&- &
	left="$left $!"
	eventually 10 grep -q swapping "$BATS_TEST_TMPDIR/swap"
}

# For whatever has the tree while its guest does not run: the host's own process in its stead, which can do no less.
swap_on_host() {
	"$BERTH_TEST_PROGRAMS/paths" swap "$2" "$3" $(($1 * 1000)) > "$BATS_TEST_TMPDIR/swap" 3>&- &
	left="$left $!"
	eventually 10 grep -q swapping "$BATS_TEST_TMPDIR/swap"
}

swapping() { kill -0 "${left##* }" 2> /dev/null; }

# careless COMMAND...: done until it has reached the canary; false when it never did while the names were exchanged.
careless() {
	while swapping; do
		"$@" 2> /dev/null && return 0
	done
	return 1
}
writes() { echo hit > "$1/hit"; [ -e "$(canary)/hit" ] && rm "$(canary)/hit"; }
reads() { [ "$(cat "$1/file")" = canary ]; }
mounts_on() { unshare -m sh -c 'mount -t tmpfs none "$1" && grep -q " $2 " /proc/self/mountinfo' sh "$1" "$(canary)"; }

@test "links in the places of /proc, /sys, /dev and /run: no start, nothing is covered" {
	local place target
	ok stop web --kill
	for place in proc sys dev run; do
		mv "$(tree)/$place" "$(tree)/$place.aside"
		for target in / $(ways) /proc/self/cwd; do
			ln -sfn "$target" "$(tree)/$place"
			refused 1 "/$place in the container's tree is a link or a file" start web
			intact
		done
		rm "$(tree)/$place"
		mv "$(tree)/$place.aside" "$(tree)/$place"
	done
	ln -s "$(canary)" "$(tree)/control"
	unshare -m sh -c 'mount --bind "$1" "$2" && grep -q " $3 " /proc/self/mountinfo' sh "$BERTH_ROOT/given" "$(tree)/control" "$(canary)" || skip "no control: mount(8) follows no link"
	rm "$(tree)/control"
	ok start web
	intact
}

@test "links below them, for what is mounted and made in them: /dev/console, ptmx, null, shm, /sys/fs/cgroup, /run/host" {
	local name way
	ok stop web --kill
	for way in $(ways); do
		mkdir -p "$(tree)"/{dev,sys/fs,run}
		for name in dev/console dev/ptmx dev/null dev/zero dev/tty; do ln -sfn "$way/file" "$(tree)/$name"; done
		for name in dev/pts dev/shm dev/mqueue sys/fs/cgroup run/host; do rm -rf "${BERTH_ROOT:?}/var/lib/berth/containers/web/rootfs/$name"; ln -s "$way" "$(tree)/$name"; done
		ok start web
		ok exec web -- sh -c 'test -c /dev/console && test -c /dev/ptmx && test -c /dev/null && test -d /dev/shm && test ! -L /run/host && echo x > /dev/null && echo own'
		is own
		[ "$(berth exec web --terminal -- sh -c 'test -t 0 && echo terminal' < /dev/null | tr -d '\r')" = terminal ]
		intact
		ok stop web --kill
	done
	# The control: a bind of the node in the tree, as runtimes did.
	unshare -m sh -c 'mount --bind /dev/null "$1" && grep -q " $2 " /proc/self/mountinfo' sh "$(tree)/dev/console" "$(canary)/file" || skip "no control: mount(8) follows no link"
	rm -rf "${BERTH_ROOT:?}/var/lib/berth/containers/web/rootfs/"{dev,sys,run}
	mkdir "$(tree)"/{dev,sys,run}
	ok start web
}

@test "the terminals of a running guest swapped: /dev/pts/ptmx, /dev/pts, /dev/ptmx, /dev/console" {
	local before
	berth exec web -- sh -c 'mkdir -p /root/d && : > /root/fake && mkfifo /root/fifo && ln -s /root/fake /root/d/ptmx'
	# The control: whoever opens the name of the terminal in the guest gets what the guest has put there.
	nsenter -t "$(init)" -U -m sh -c 'mount --bind /root/fake /dev/pts/ptmx && echo hit > /dev/pts/ptmx'
	[ "$(cat "$(tree)/root/fake")" = hit ] || skip "no control: $(cat "$(tree)/root/fake")"
	: > "$(tree)/root/fake"
	before=$SECONDS
	refused 125 "/dev/pts/ptmx in the container is no terminal" exec web --terminal -- true
	berth exec web -- sh -c 'umount /dev/pts/ptmx && mount --bind /root/fifo /dev/pts/ptmx'
	refused 125 "/dev/pts/ptmx in the container is no terminal" exec web --terminal -- true
	berth exec web -- sh -c 'umount /dev/pts/ptmx && mount --bind /dev/console /dev/pts/ptmx'
	refused 125 "in the container" exec web --terminal -- true
	berth exec web -- sh -c 'umount /dev/pts/ptmx; umount -l /dev/pts && rmdir /dev/pts && ln -s /root/d /dev/pts'
	refused 125 "cannot open /dev/pts/ptmx" exec web --terminal -- true
	berth exec web -- sh -c 'rm -f /dev/ptmx; ln -s /root/fake /dev/ptmx; umount -l /dev/console; rm -f /dev/console; ln -s /root/fake /dev/console'
	refused 125 "cannot open /dev/pts/ptmx" exec web --terminal -- true
	[ $((SECONDS - before)) -lt 20 ]
	# The console is the monitor's descriptor, by no name.
	{ sleep 0.5; printf '\001q'; } | timeout 20 berthctl console web > /dev/null
	[ ! -s "$(tree)/root/fake" ]
	intact
	ok restart web --kill
	ok exec web --terminal -- true
}

@test "/proc and /sys of a running guest swapped: what comes in writes to none of their names" {
	local names="self/attr/exec self/attr/keycreate self/uid_map self/setgroups self/oom_score_adj self/timens_offsets sys/kernel/ns_last_pid cgroup.procs tasks"
	cat > "$(tree)/bin/fake-proc" <<-END
		#!/bin/sh
		mount -t tmpfs none /sys/fs/cgroup && mount -t tmpfs none /proc && mkdir -p /proc/self/attr /proc/self/fd /proc/sys/kernel /proc/thread-self
		for name in $names; do : > /proc/\$name; : > "/sys/fs/cgroup/\${name##*/}"; done
	END
	chmod 755 "$(tree)/bin/fake-proc"
	written() { nsenter -t "$(init)" -U -m sh -c 'cat $(find /proc /sys/fs/cgroup -type f)'; }
	ok exec web -- fake-proc
	ok exec web -- true
	ok exec web --terminal -- true
	# The filter is there, whatever the guest says of it.
	try exec web -- attacks nested-userns
	[ "$status" -eq 1 ] || story "a command came in without the filter"
	ok set web --memory 100M --mount "$BERTH_ROOT/given:/srv/given"
	ok exec web -- cat /srv/given/file
	ok set web --mount '' --memory unlimited
	[ -z "$(written)" ]
	intact
	nsenter -t "$(init)" -U -m sh -c 'echo hit > /proc/self/attr/exec; echo 0 > /sys/fs/cgroup/cgroup.procs'
	[ "$(written | wc -l)" = 2 ] || skip "no control: a careless runtime writes there neither"
	ok restart web --kill
}

@test "passwd, shadow, its lock, hosts, hostname and the resolver's file as links" {
	local way name
	for way in $(ways) "/proc/1/root/$(canary)"; do
		for name in passwd shadow .pwd.lock hosts hostname resolv.conf timezone; do
			[ -e "$(tree)/etc/$name.aside" ] || [ ! -e "$(tree)/etc/$name" ] || mv "$(tree)/etc/$name" "$(tree)/etc/$name.aside"
			ln -sfn "$way/file" "$(tree)/etc/$name"
		done
		try set web --hostname "${RANDOM}.example.org" --nameserver 192.0.2.1 --search example.org
		for name in password key; do
			case $name in
			password) try set web --root-password secret ;;
			key) try set web --ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0C0v1m0kq0m1v0aaaaaaaaaaaaaaaaaaaaaaaa one@example.org" ;;
			esac
		done
		try exec web -- true
		ok restart web --kill
		intact
	done
	ln -sfn "$(canary)/file" "$(tree)/etc/control"
	cmp -s "$(tree)/etc/control" "$(canary)/file" || skip "no control: the host follows no link"
	for name in passwd shadow hosts hostname resolv.conf; do rm -f "$(tree)/etc/$name"; [ ! -e "$(tree)/etc/$name.aside" ] || mv "$(tree)/etc/$name.aside" "$(tree)/etc/$name"; done
	rm -f "$(tree)"/etc/{control,timezone,.pwd.lock}
}

@test "race: push and pull while the guest swaps the directory and a link" {
	local i hits=0
	mkdir -p "$(tree)/srv/work"
	echo own > "$(tree)/srv/work/file"
	ln -sfn "$(canary)" "$(tree)/srv/link"
	echo pushed > "$BATS_TEST_TMPDIR/file"
	swap_in_guest 5 /srv/work /srv/link
	careless writes "$(tree)/srv/work" || skip "no control: cp never reached the canary"
	careless reads "$(tree)/srv/work" || skip "no control: cat never reached the canary"
	for ((i = 0; i < 60; i++)); do
		berthctl push web "$BATS_TEST_TMPDIR/file" /srv/work/hit 2> /dev/null && hits=$((hits + 1))
		berthctl push web "$BATS_TEST_TMPDIR/file" /srv/work 2> /dev/null || true
		output=$(berthctl pull web /srv/work/file - 2> /dev/null) || true
		[ -z "$output" ] || [ "$output" = own ] || [ "$output" = pushed ] || { echo "pulled: $output"; return 1; }
	done
	intact
	swapping || skip "the names were not exchanged to the end"
	[ "$hits" -gt 0 ]
}

@test "race: a host directory is mounted where a neighbour swaps the way (CVE-2021-30465)" {
	local i done=0
	ok set web --mount "$BERTH_ROOT/share:/srv/share"
	ok set twin --mount "$BERTH_ROOT/share:/srv/share"
	ln -sfn "$(canary)" "$BERTH_ROOT/share/link"
	swap_in_guest 6 /srv/share/work /srv/share/link
	careless mounts_on "$BERTH_ROOT/share/work" || skip "no control: mount never reached the canary"
	for ((i = 0; i < 30; i++)); do
		swapping || break
		berthctl set twin --mount "$BERTH_ROOT/share:/srv/share" --mount "$BERTH_ROOT/given:/srv/share/work/deep" 2> /dev/null && done=$((done + 1))
		[ -z "$(nsenter -t "$(init twin)" -m cat /proc/self/mountinfo | grep "$(canary)")" ]
		berthctl set twin --mount "$BERTH_ROOT/share:/srv/share" 2> /dev/null || true
	done
	intact
	[ "$i" -gt 5 ] || skip "only $i rounds in the time"
	[ "$done" -gt 0 ]
	ok set twin --mount ''
	ok set web --mount ''
}

@test "a directory below one that a guest was given: what the guest puts there is not the host's (CVE-2017-1002101)" {
	mkdir -p "$BERTH_ROOT/share/sub"
	ok set web --mount "$BERTH_ROOT/share:/srv/share"
	ok set twin --mount "$BERTH_ROOT/share/sub:/srv/sub"
	ok exec web -- sh -c "rmdir /srv/share/sub && ln -s $(canary) /srv/share/sub"
	[ "$(cat "$BERTH_ROOT/share/sub/file")" = canary ] || skip "no control: the host follows no link"
	try restart twin --kill
	if [ "$status" -eq 0 ]; then
		try exec twin -- cat /srv/sub/file
		[ "$output" != canary ] || story "a guest has the host's directory"
	fi
	intact
	rm -f "$BERTH_ROOT/share/sub"
	[ "$(status_of twin state)" = running ] || { mkdir "$BERTH_ROOT/share/sub"; ok start twin; }
	ok set twin --mount ''
	ok set web --mount ''
}

@test "race: hostname and resolver are set while the guest swaps /etc" {
	local i
	ln -sfn "$(canary)" "$(tree)/etc.link"
	swap_in_guest 5 /etc /etc.link
	careless writes "$(tree)/etc" || skip "no control: the shell never reached the canary"
	for ((i = 0; i < 50; i++)); do
		berthctl set web --hostname "h$i" --nameserver "192.0.2.$i" --search "s$i.example.org" 2> /dev/null || true
		berthctl set web --root-password "p$i" 2> /dev/null || true
	done
	intact
	swapping || skip "the names were not exchanged to the end"
	kill "${left##* }"
	wait "${left##* }" || true
	[ ! -L "$(tree)/etc" ] || "$BERTH_TEST_PROGRAMS/paths" swap "$(tree)/etc" "$(tree)/etc.link" 0
	[ ! -L "$(tree)/etc" ] || { mv -T "$(tree)/etc" "$(tree)/etc.new" && mv -T "$(tree)/etc.link" "$(tree)/etc"; }
	rm -f "$(tree)"/etc.{link,new} "$(tree)/etc/hit"
}

@test "race: starts while /run and /dev are swapped" {
	local i place started=0
	for place in run dev; do
		ln -sfn "$(canary)" "$(tree)/$place.link"
		swap_on_host 4 "$(tree)/$place" "$(tree)/$place.link"
		careless mounts_on "$(tree)/$place" || skip "no control: mount never reached the canary"
		for ((i = 0; i < 12; i++)); do
			swapping || break
			berthctl stop web --kill 2> /dev/null || true
			berthctl start web 2> /dev/null && started=$((started + 1))
			diff <(mounts) "$BATS_TEST_TMPDIR/mounts"
		done
		kill "${left##* }" 2> /dev/null || true
		wait "${left##* }" || true
		intact
		[ "$i" -gt 3 ] || skip "only $i starts in the time"
		[ ! -L "$(tree)/$place" ] || { rm "$(tree)/$place"; mv -T "$(tree)/$place.link" "$(tree)/$place"; }
		rm -f "$(tree)/$place.link"
	done
	[ "$started" -gt 0 ] || skip "no start came through"
	try stop web --kill
	ok start web
	ok exec web -- test -c /dev/null
}
