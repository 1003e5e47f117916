#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Templates: built, listed, shown, deleted.

load helpers

setup_file() {
	berth_setup
	# A templates directory of its own: this file builds and deletes.
	rm "$BERTH_ROOT/var/lib/berth/templates"
}
teardown_file() { berth_teardown; }

@test "busybox is built with no network at all" {
	unshare --net timeout 60 berthctl template build busybox
	ok template show busybox
	has "init          busybox"
	ok template list
	has busybox
	ok template list --json
	[ "$(json_get '.templates[0].name' <<< "$output")" = busybox ]
	[ "$(json_get '.templates[0].entries' <<< "$output")" -gt 100 ]
}

@test "one that is built is not built again, but with --replace" {
	refused 4 "is built already" template build busybox
	ok create user --template busybox
	ok template build busybox --replace
	ok start user
	ok destroy --force user
}

@test "a copy is like its template: owners, modes, links, hard links, times" {
	local tree=$BERTH_ROOT/var/lib/berth/templates/busybox/rootfs copy=$BERTH_ROOT/var/lib/berth/containers/copy/rootfs
	install -m 4755 /bin/true "$tree/bin/suid"
	chown 12:34 "$tree/mnt"
	ln "$tree/etc/group" "$tree/etc/group2"
	ln -s "$(printf 'x%.0s' {1..200})" "$tree/etc/longlink"
	mkdir -p "$tree/deep/$(printf 'd/%.0s' {1..60})"
	truncate -s 3M "$tree/etc/sparse"
	touch -d 2001-02-03 "$tree/etc/old" "$tree/srv"
	python3 -c 'import os,sys; os.setxattr(sys.argv[1], "user.note", b"kept"); os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))' "$tree/bin/suid"
	ok create copy --template busybox
	[ "$(cd "$tree" && find . -printf '%p %m %U %G %y %l %s\n' | sort | grep -v ' d ')" = "$(cd "$copy" && find . -printf '%p %m %U %G %y %l %s\n' | sort | grep -v ' d ')" ]
	[ "$(cd "$tree" && find . -type d -printf '%p %m %U %G %TY%Tm%Td\n' | sort)" = "$(cd "$copy" && find . -type d -printf '%p %m %U %G %TY%Tm%Td\n' | sort)" ]
	[ "$(stat -c %i "$copy/etc/group")" = "$(stat -c %i "$copy/etc/group2")" ]
	[ "$(stat -c %b "$copy/etc/sparse")" = 0 ]
	[ "$(stat -c %i "$copy/etc/group")" != "$(stat -c %i "$tree/etc/group")" ]
	[ "$(stat -c %Y "$copy/etc/old")" = "$(stat -c %Y "$tree/etc/old")" ]
	[ "$(python3 -c 'import os,sys; print(os.getxattr(sys.argv[1], "user.note").decode(), os.getxattr(sys.argv[1], "security.capability").hex()[:8])' "$copy/bin/suid")" = "kept 01000002" ]
	ok destroy copy
}

@test "on a filesystem that can, a copy shares the template's blocks, and starts" {
	local disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	truncate -s 300M "$disk.img"
	mkfs.btrfs -q "$disk.img" 2> /dev/null
	mount -o loop "$disk.img" "$disk"
	ok template build busybox --root "$disk"
	ok create shared --template busybox --root "$disk"
	sync -f "$disk"
	filefrag -v "$disk/var/lib/berth/containers/shared/rootfs/bin/busybox" | grep -q shared
	ok start shared --root "$disk"
	ok exec shared --root "$disk" -- touch /root/mine
	ok destroy --force shared --root "$disk"
	umount "$disk"
}

@test "a script that fails leaves nothing and its reason is the error" {
	local share=$BERTH_ROOT/etc/berth/templates
	mkdir -p "$share"
	printf '#!/bin/sh\necho working\necho "E: the mirror is made of cheese" >&2\nexit 3\n' > "$share/broken"
	refused 1 "the mirror is made of cheese" template build broken
	printf '#!/bin/sh\nexit 0\n' > "$share/empty"
	refused 1 "the new tree is empty" template build empty
	ok template list
	hasnt broken
	[ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/templates" | grep -v '^busybox$')" ]
}

@test "a script runs as nobody of the host: it reaches neither the host's files nor other ids" {
	local share=$BERTH_ROOT/etc/berth/templates
	mkdir -p "$share"
	cat > "$share/nosy" <<-'END'
		#!/bin/sh
		mkdir -p "$BERTH_ROOTFS/etc"
		cat /etc/shadow > "$BERTH_ROOTFS/etc/shadow-of-host" 2>&1 || true
		(echo x > /etc/berth-was-here) 2> /dev/null || true
		(mknod "$BERTH_ROOTFS/mem" c 1 1) 2> /dev/null || true
		id -u > "$BERTH_ROOTFS/etc/uid"
		cat /proc/self/uid_map > "$BERTH_ROOTFS/etc/map"
		env > "$BERTH_ROOTFS/etc/env"
	END
	BERTH_SECRET=hunter2 ok template build nosy
	local tree=$BERTH_ROOT/var/lib/berth/templates/nosy/rootfs
	grep -q "Permission denied" "$tree/etc/shadow-of-host"
	[ ! -e /etc/berth-was-here ]
	[ ! -e "$tree/mem" ]
	[ "$(cat "$tree/etc/uid")" = 0 ]
	[ "$(awk '{print ($2 > 65535), $3}' "$tree/etc/map")" = "1 65536" ]
	[ "$(stat -c %u:%g "$tree/etc/uid")" = 0:0 ]
	! grep -q hunter2 "$tree/etc/env" || false
	ok template delete nosy
}

@test "an interrupted build leaves nothing" {
	local share=$BERTH_ROOT/etc/berth/templates
	mkdir -p "$share"
	printf '#!/bin/sh\ntouch "$BERTH_ROOTFS/x"\nsleep 4711\n' > "$share/slow"
	timeout -s INT 1 berthctl template build slow || true
	[ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/templates" | grep slow)" ]
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]
	! pgrep -f 'sleep 4711' || false
}

@test "a build that was killed is cleaned up by recover, id range and all" {
	local share=$BERTH_ROOT/etc/berth/templates
	mkdir -p "$share"
	printf '#!/bin/sh\ntouch "$BERTH_ROOTFS/x"\nsleep 4712\n' > "$share/killed"
	timeout -s KILL 1 berthctl template build killed:1.0 || true
	ok recover
	[ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/templates" | grep killed)" ]
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]
	! pgrep -f 'sleep 4712' || false
}

@test "delete: gone, and 3 afterwards; a description that is broken says so" {
	cp -a "$BERTH_ROOT/var/lib/berth/templates/busybox" "$BERTH_ROOT/var/lib/berth/templates/other"
	echo '{"schema": 9}' > "$BERTH_ROOT/var/lib/berth/templates/other/template.json"
	refused 1 "use a newer Berth" template show other
	ok template delete other
	refused 3 "is not built" template delete other
	ok create last --template busybox
	refused 5 "template busybox is in use: last was made of it" template delete busybox
	ok template delete busybox --force
	refused 3 "template busybox is not built; build it: berthctl template build busybox" create x --template busybox
}
