#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest is given of the host's: directories and files, devices, tun and fuse, and what it may do with them.

load helpers

setup_file() {
	berth_setup
	berth create web --template busybox
	berth start web
	mkdir -p "$BERTH_ROOT/share"
	chmod 755 "$BERTH_ROOT"
	echo from the host > "$BERTH_ROOT/share/file"
}
teardown_file() { berth_teardown; }

rootfs() { echo "$BERTH_ROOT/var/lib/berth/containers/$1/rootfs"; }

@test "mount: a directory and a file, into the running guest and out of it; ids are the guest's own" {
	ok set web --mount "$BERTH_ROOT/share:/srv/data" --mount "$BERTH_ROOT/share/file:/etc/given:ro"
	ok exec web -- cat /srv/data/file /etc/given
	is $'from the host\nfrom the host'
	ok exec web -- sh -c 'echo from the guest > /srv/data/new; chown 1000:1000 /srv/data/new'
	[ "$(stat -c %u:%g "$BERTH_ROOT/share/new")" = 1000:1000 ]
	try exec web -- sh -c 'echo x > /etc/given'
	[ "$status" -ne 0 ]
	try exec web -- sh -c 'mount -o remount,rw /etc/given'
	[ "$status" -ne 0 ]
	ok set web --mount-del /srv/data
	ok exec web -- ls /srv/data
	is ""
	ok exec web -- cat /etc/given
	ok restart web --kill
	ok exec web -- cat /etc/given
	is "from the host"
	ok set web --mount ''
	ok exec web -- cat /etc/given
	is ""
}

@test "mount: a link in the guest is not followed, nothing of the host is covered, and the set is undone" {
	ok exec web -- sh -c 'ln -s /etc /srv/link; ln -s /proc/1/root/tmp /srv/escape'
	refused 1 "a link or something else is in the way" set web --mount "$BERTH_ROOT/share:/srv/link/x"
	refused 1 "a link or something else is in the way" set web --mount "$BERTH_ROOT/share:/srv/fine" --mount "$BERTH_ROOT/share:/srv/escape"
	[ -z "$(berth get web mount)" ]
	ok exec web -- sh -c 'grep -c /srv/fine /proc/mounts || true'
	is 0
	refused 7 "the host's /nonexistent" set web --mount /nonexistent:/srv/x
	refused 2 "/proc is the container's own" set web --mount "$BERTH_ROOT/share:/proc/x"
	refused 2 "something is mounted there already" set web --mount "$BERTH_ROOT/share:/srv/a" --mount "$BERTH_ROOT:/srv/a"
	refused 2 "accepted is two absolute paths" set web --mount relative:/srv/a
	refused 2 "accepted is two absolute paths" set web --mount "/a/../b:/srv/a"
}

@test "mount: a set that is killed at any moment leaves what the next command puts right" {
	local i delay
	for i in $(seq 1 40); do
		delay=$(printf '0.%03d' $((i / 2)))
		timeout -s KILL "$delay" berthctl set web --mount "$BERTH_ROOT/share:/srv/one" --mount "$BERTH_ROOT/share/file:/etc/two:ro" 2> /dev/null || true
		ok set web --mount "$BERTH_ROOT/share:/srv/three"
		ok exec web -- sh -c 'grep -cE " /srv/(one|three) | /etc/two " /proc/mounts'
		is 1
		timeout -s KILL "$delay" berthctl set web --mount '' 2> /dev/null || true
		ok set web --mount ''
		ok exec web -- sh -c 'grep -cE " /srv/(one|three) | /etc/two " /proc/mounts || true'
		is 0
	done
}

@test "mount: setuid programs and device nodes on it count for nothing" {
	install -m 4755 "$(command -v busybox)" "$BERTH_ROOT/share/id"
	mknod "$BERTH_ROOT/share/null" c 1 3
	ok set web --mount "$BERTH_ROOT/share:/srv/data"
	ok exec web --user daemon -- /srv/data/id -u
	is 1
	try exec web -- sh -c 'echo x > /srv/data/null'
	[ "$status" -ne 0 ]
	ok set web --mount ''
}

@test "tun and fuse: only where they are given; used for what they are for" {
	try exec web -- sh -c 'test -e /dev/net/tun || test -e /dev/fuse'
	[ "$status" -ne 0 ]
	try exec web -- sh -c 'mkdir -p /dev/net; mknod /dev/net/tun c 10 200 && echo made'
	[ "$output" = "" ]
	ok set web --tun yes --fuse yes
	has "takes effect at the next start"
	ok restart web --kill
	cp "$BERTH_TEST_PROGRAMS/gifts" "$(rootfs web)/bin/"
	ok exec web -- gifts tun
	has "tun0"
	ok exec web -- gifts fuse
	has "mounted"
	ok exec web --user daemon -- sh -c 'exec 3<> /dev/fuse'
	ok set web --tun no --fuse no
	ok restart web --kill
	try exec web -- gifts tun
	[ "$status" -ne 0 ]
}

@test "a guest that mounts a filesystem that never answers over itself holds up no command for long" {
	ok set web --fuse yes
	ok restart web --kill
	cp "$BERTH_TEST_PROGRAMS/gifts" "$(rootfs web)/bin/"
	berthctl exec web -- gifts stall /etc > /dev/null 2>&1 3>&- &
	eventually 10 grep -q 'fuse' "/proc/$(status_of web init-pid)/mountinfo"
	for command in "status web" "list" "get web"; do timeout 5 berthctl $command > /dev/null; done
	timeout 5 berthctl set web --memory 100M --hostname other --ip 10.77.40.1
	timeout 20 berthctl push web "$BERTH_TEST_PROGRAMS/gifts" /root/x
	try exec web -- true
	[ "$status" -eq 8 ] || [ "$status" -eq 125 ] || story "expected exec to give up"
	ok stop web --kill
	ok set web --fuse no --ip '' --hostname ''
	ok start web
}

@test "device: the node is there, for what it is given for and nothing else" {
	local loop
	truncate -s 4M "$BERTH_ROOT/disk"
	loop=$(losetup --find --show "$BERTH_ROOT/disk")
	echo content | dd of="$loop" conv=notrunc status=none
	ok set web --device "$loop:r"
	ok restart web --kill
	ok exec web -- sh -c "head -c 7 $loop"
	is content
	try exec web -- sh -c "echo x > $loop"
	[ "$status" -ne 0 ]
	try exec web --user daemon -- head -c 7 "$loop"
	[ "$status" -ne 0 ]
	ok set web --device "$loop"
	ok restart web --kill
	ok exec web -- sh -c "echo changed > $loop"
	[ "$(head -c 7 "$loop")" = changed ]
	ok set web --device-del "$loop"
	ok restart web --kill
	try exec web -- sh -c "mknod /tmp/d b 7 ${loop#/dev/loop}; head -c 7 /tmp/d $loop"
	[ "$status" -ne 0 ]
	ok set web --device /dev/no-such-device
	refused 7 "the host has no /dev/no-such-device" restart web --kill
	ok set web --device ''
	refused 2 "accepted is a device of the host's below /dev" set web --device /etc/passwd
	refused 2 "accepted is a device of the host's below /dev" set web --device /dev/../etc/passwd
	losetup -d "$loop"
	ok start web
}

@test "WireGuard inside, where the host's kernel has it" {
	ip link add wg-probe type wireguard 2> /dev/null || skip "this kernel has no WireGuard"
	ip link del wg-probe
	ok create wire --template debian:12
	ok start wire
	ok exec wire -- sh -c 'ip link add wg0 type wireguard && ip addr add 10.99.0.1/24 dev wg0 && ip link set wg0 up && ip -br link show wg0'
	has wg0
	[ -z "$(ip -br link show type wireguard)" ]
	ok destroy --force wire
}

@test "nft and iptables inside: the guest has a firewall of its own, the host's is not touched" {
	local before
	before=$(nft list ruleset)
	cp "$BERTH_TEST_PROGRAMS/gifts" "$(rootfs web)/bin/"
	ok exec web -- gifts nft
	has "table made"
	[ "$(nft list ruleset)" = "$before" ]
}
