#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# create --linked: the template's files are shared, what is written is the container's own.

load helpers

setup_file() {
	berth_setup
	# A template of its own, for it is tried to be deleted and replaced.
	rm "$BERTH_ROOT/var/lib/berth/templates"
	mkdir "$BERTH_ROOT/var/lib/berth/templates"
	cp -a "$BERTH_TEST_TEMPLATES/busybox" "$BERTH_ROOT/var/lib/berth/templates/"
	berth create one --template busybox --linked --memory 64M
	berth create two --template busybox --linked --memory 64M
}
setup() { berth start one two --if-needed > /dev/null; }
teardown_file() { berth_teardown; }

template() { echo "$BERTH_ROOT/var/lib/berth/templates/busybox/rootfs"; }

everything() { (cd "$(template)" && find . -printf '%p %m %U %G %s %T@ %l\n' | sort; find . -type f -exec sha256sum {} + | sort); }

@test "it says so, and takes next to no space" {
	[ "$(berth get one linked)" = yes ]
	[ "$(du -s "$BERTH_ROOT/var/lib/berth/containers/one/rootfs" | cut -f1)" -lt 200 ]
	refused 2 "linked" set one --linked no
	ok create whole --template busybox
	[ "$(berth get whole linked)" = no ]
	ok destroy whole
}

@test "what one writes, renames and deletes is its own: not the other's, not the template's" {
	local before
	before=$(everything)
	ok exec one -- sh -c 'echo changed > /etc/group && rm /etc/passwd && mv /etc/init.d /etc/moved 2> /dev/null; mkdir -p /srv/deep/er && touch /srv/deep/er/file && chmod 4755 /bin/busybox && chown 1000:1000 /etc/hosts && ln /etc/group /etc/linked'
	ok exec one -- cat /etc/linked
	is changed
	[ "$(everything)" = "$before" ]
	ok exec two -- sh -c 'test -e /etc/passwd && ! test -e /srv/deep && ! test -u /bin/busybox && stat -c %u /etc/hosts'
	is 0
	ok restart one --kill
	ok exec one -- sh -c 'test ! -e /etc/passwd && test -u /bin/busybox && stat -c "%u %g" /etc/hosts && cat /etc/group'
	is $'1000 1000\nchanged'
}

@test "files have the guest's ids inside and on disk" {
	ok exec two -- sh -c 'touch /home/mine 2> /dev/null || mkdir -p /home && touch /home/mine; chown 7:8 /home/mine; stat -c "%u %g" /home/mine /bin/busybox'
	is $'7 8\n0 0'
	[ "$(stat -c '%u %g' "$BERTH_ROOT/var/lib/berth/containers/two/rootfs/upper/home/mine")" = "7 8" ]
	# And the process that made it is nobody of the host's.
	[ "$(stat -c %u "/proc/$(status_of two init-pid)")" -ge 65536 ]
}

@test "the guest can forge nothing of what the overlay notes about its layers" {
	local name
	berth stop two --kill
	berth push two "$BERTH_TEST_PROGRAMS/xattr" /bin/xattr --mode 755
	berth start two
	ok exec two -- mkdir /srv/x
	for name in opaque redirect metacopy; do
		try exec two -- xattr "trusted.overlay.$name" /srv/x
		is "Operation not permitted"
		# The control: the host's root can, on the same filesystem.
		touch "$BERTH_ROOT/of-the-host"
		"$BERTH_TEST_PROGRAMS/xattr" "trusted.overlay.$name" "$BERTH_ROOT/of-the-host"
	done
	try exec two -- mknod /srv/whiteout c 0 0
	[ "$status" -ne 0 ]
}

@test "what the host writes is written while it is stopped; a running one refuses, or gets it at its next start" {
	echo from-the-host > "$BATS_TEST_TMPDIR/file"
	refused 5 "stopped" push two "$BATS_TEST_TMPDIR/file" /root/file
	refused 5 "stopped" pull two /etc/passwd "$BATS_TEST_TMPDIR/back"
	ok set two --hostname live --nameserver 192.0.2.53
	[[ $output == *"next start: nameserver"* ]]
	ok exec two -- hostname
	is live
	ok stop two --kill
	ok push two "$BATS_TEST_TMPDIR/file" /root/file
	ok push two "$BATS_TEST_TMPDIR/file" /root/second
	ok set two --hostname other
	ok pull two /root/file "$BATS_TEST_TMPDIR/back"
	cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/back"
	ok start two
	ok exec two -- sh -c 'cat /root/second; hostname; grep -v ^# /etc/resolv.conf'
	is $'from-the-host\nother\nnameserver 192.0.2.53'
	[ ! -e "$(template)/root/second" ]
}

@test "the template stays as long as a container is linked to it" {
	refused 5 "is in use" template delete busybox
	refused 5 "linked to it, such as" template delete busybox --force
	refused 5 "linked to it, such as" template build busybox --replace
	ok exec one -- true
	[ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/templates" | grep -vx busybox)" ]
}

@test "nothing of it stays mounted, and destroy takes all of it" {
	ok stop two --kill
	ok create three --template busybox --linked
	ok start three
	ok exec three -- sh -c 'echo x > /etc/new; rm /etc/hosts'
	ok destroy --force three
	[ ! -e "$BERTH_ROOT/var/lib/berth/containers/three" ]
	! grep -q "$BERTH_ROOT/var/lib/berth/containers" /proc/self/mountinfo || false
	ok destroy --force two
	ok destroy --force one
	ok template delete busybox
}
