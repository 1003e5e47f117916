#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# disk and inodes, on every filesystem that has quotas and that this kernel can make: ext4, xfs, btrfs, each in an image of its own;
# and storage init. A kernel without disk quotas (not the virtual machine's) has btrfs left.

load helpers

MIB=$((1024 * 1024))

setup_file() {
	berth_setup
}
teardown_file() {
	local kind
	for kind in ext4 xfs btrfs plain made; do
		[ -d "$BERTH_ROOT/$kind" ] || continue
		berthctl --root "$BERTH_ROOT/$kind" list -H -o name 2> /dev/null | while read -r name; do
			berthctl --root "$BERTH_ROOT/$kind" destroy --force "$name"
		done
		umount "$BERTH_ROOT/$kind/var/lib/berth" 2> /dev/null || umount "$BERTH_ROOT/$kind" 2> /dev/null || true
	done
	berth_teardown
}

# An instance on a filesystem of its own: instance NAME KIND [MKFS OPTIONS]; mount options in $options. Skips the test where the kernel
# cannot. Every command goes to it from then on.
instance() {
	local name=$1 kind=$2 image=$BERTH_ROOT/$1.img
	shift 2
	root=$BERTH_ROOT/$name
	if [ ! -d "$root" ]; then
		truncate -s "${size:-400M}" "$image"
		"mkfs.$kind" -q "$@" "$image" > /dev/null
		mkdir "$root"
		if ! mount -o "loop${options:+,$options}" -t "$kind" "$image" "$root"; then
			rmdir "$root"
			skip "this kernel cannot mount $kind with '$options'; the virtual machine's can"
		fi
		# 6.1 cannot copy between filesystems by clone; the template is copied anyway.
		mkdir -p "$root/var/lib/berth"
		ln -s "$BERTH_TEST_TEMPLATES" "$root/var/lib/berth/templates"
	fi
	export BERTH_ROOT=$root
}

use_ext4() { options=prjquota instance ext4 ext4 -O quota,project -E quotatype=prjquota; }
use_xfs() { options=prjquota instance xfs xfs; }
use_btrfs() {
	instance btrfs btrfs
	btrfs quota enable "$root"
}

setup() { HOME_ROOT=$BERTH_ROOT; }

# A container that has 40 MiB and 500 inodes, or no limit of inodes.
make() {
	berth create q --template busybox --disk 40M ${1:+--inodes $1}
	programs_into q
	berth start q
}

# Everything a quota must hold, whatever the filesystem. $1: how many inodes, "" where they cannot be limited.
exercise() {
	make "$1"
	# Exceeded: a file ends where the quota does, and not by a kill.
	try exec q -- dd if=/dev/zero of=/root/big bs=1M count=100
	[ "$status" -ne 0 ] || story "the quota does not hold"
	[[ $stderr == *"quota exceeded"* || $stderr == *"No space left"* ]] || story "an odd error"
	[ "$(limit q disk used)" -le $((41 * MIB)) ]
	[ "$(limit q disk used)" -ge $((30 * MIB)) ]
	[ "$(limit q disk effective)" = $((40 * MIB)) ]
	# Shrunk below what is in use: refused with the figure. Grown: there is room at once.
	refused 7 "in use" set q --disk 20M
	ok get q disk
	is 40M
	ok set q --disk 80M
	ok exec q -- sh -c 'dd if=/dev/zero of=/root/more bs=1M count=30 2> /dev/null'
	ok exec q -- sh -c 'rm /root/big /root/more; sync'
	eventually 20 eval '[ "$(limit q disk used)" -lt $((25 * MIB)) ]'
	ok set q --disk 40M
	# Kept over a restart.
	ok restart q --kill
	[ "$(limit q disk effective)" = $((40 * MIB)) ]
	try exec q -- dd if=/dev/zero of=/root/big bs=1M count=60
	[ "$status" -ne 0 ]
	ok exec q -- rm -f /root/big
	# Nonsense.
	refused 2 "accepted is a size" set q --disk big
	refused 2 "whole number" set q --inodes 0
	# Unlimited is no limit; the neighbour has none of it.
	ok create free --template busybox
	programs_into free
	ok start free
	ok exec free -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=60 2> /dev/null'
	ok exec free -- rm /root/big
}

# Inodes, and what df shows inside: of project quotas.
exercise_projects() {
	local i
	ok exec q -- df -Pk /
	[ "$(awk 'NR == 2 { print $2 }' <<< "$output")" -le $((40 * 1024)) ] || story "df does not show the quota"
	[ "$(awk 'NR == 2 { print $2 }' <<< "$output")" -ge $((39 * 1024)) ] || story "df does not show the quota"
	ok exec q -- df -Pi /
	[ "$(awk 'NR == 2 { print $2 }' <<< "$output")" = 500 ] || story "df -i does not show the quota"
	try exec q -- sh -c 'for i in $(seq 1 1000); do touch /root/f$i || exit 3; done'
	[ "$status" -eq 3 ] || story "inodes do not end"
	[ "$(limit q inodes used)" -le 500 ]
	refused 7 "in use" set q --inodes 100
	ok set q --inodes 2000
	ok exec q -- sh -c 'for i in $(seq 1 1000); do touch /root/f$i || exit 3; done; rm /root/f*'
	ok set q --inodes 500
	# What the guest renames and links stays its own; the host's root is not fooled either.
	ok exec q -- sh -c 'mkdir /root/d; dd if=/dev/zero of=/root/d/x bs=1M count=5 2> /dev/null; mv /root/d /srv-d; ln /srv-d/x /root/y; ln -s y /root/z; mv /root/z /root/w'
	local used
	used=$(limit q disk used)
	! ln "$root/var/lib/berth/containers/q/rootfs/srv-d/x" "$root/var/lib/berth/containers/free/rootfs/stolen" 2> /dev/null || false
	mv "$root/var/lib/berth/containers/q/rootfs/srv-d/x" "$root/var/lib/berth/containers/free/rootfs/moved"
	rm -f "$root/var/lib/berth/containers/q/rootfs/root/y"
	[ "$(limit q disk used)" -lt "$used" ] || story "what was moved away is still counted"
	[ "$(limit free disk used)" -ge $((5 * MIB)) ] || story "what was moved here is not counted"
	# Its project is not the guest's to change.
	gcc_free_chattr q
}

# The guest's root tries to leave its project: chattr of the host's is dynamic, so the ioctl is made by the test's own program.
gcc_free_chattr() {
	cp "$BERTH_TEST_PROGRAMS/project" "$root/var/lib/berth/containers/$1/rootfs/bin/"
	ok exec "$1" -- project /root
	has "refused"
}

@test "ext4: disk and inodes hold, grow, shrink, show in df, and cannot be left" {
	use_ext4
	exercise 500
	exercise_projects
}

@test "ext4: a neighbour that fills its quota leaves others their speed" {
	use_ext4
	# What the kernel does for both is nobody's CPU time: there has to be some left on the one core.
	ok set q --cpus 0.2
	ok set free --cpus 0.2
	berth exec q -- dd if=/dev/zero of=/root/big bs=1M count=100 || true
	neighbours free "write 5 /root/out" q "while :; do dd if=/dev/zero of=/root/more bs=1M count=5; done"
	ok exec q -- rm -f /root/big /root/more
}

@test "ext4: a destroyed container leaves no quota; a template that does not fit is refused" {
	use_ext4
	ok destroy --force q free
	refused 7 "the template busybox has" create q --template busybox --disk 1M
	refused 7 "inodes: the template" create q --template busybox --inodes 5
	[ -z "$(ls -A "$root/var/lib/berth/containers")" ]
	repquota_empty
}

# No project of Berth's has a limit or a file.
repquota_empty() {
	[ -z "$(repquota -P -n "$root" 2> /dev/null | grep '^#11073')" ] || { repquota -P -n "$root"; false; }
}

@test "ext4: made before the filesystem had quotas, a container gets one when it is stopped" {
	options='' instance plain ext4
	ok create old --template busybox
	programs_into old
	ok start old
	ok exec old -- sh -c 'mkdir /root/d; echo x > /root/d/f; ln -s f /root/d/l; mkfifo /root/d/p; ln /root/d/f /root/d/g'
	refused 7 "tune2fs -O quota,project" set old --disk 50M
	ok stop old --kill
	umount "$root"
	tune2fs -O quota,project -Q prjquota "$HOME_ROOT/plain.img" > /dev/null 2>&1 || skip "this tune2fs cannot"
	mount -o loop,prjquota -t ext4 "$HOME_ROOT/plain.img" "$root" || skip "this kernel has no disk quotas; the virtual machine's has"
	ok start old
	refused 5 "stop it" set old --disk 50M
	ok stop old --kill
	ok set old --disk 50M
	ok start old
	[ "$(limit old disk used)" -gt $((1 * MIB)) ]
	try exec old -- dd if=/dev/zero of=/root/big bs=1M count=100
	[ "$status" -ne 0 ]
	ok exec old -- sh -c 'rm /root/big; cat /root/d/l; test -p /root/d/p; mv /root/d/l /root/d/m; mv /root/d/p /root/p; echo y > /root/d/f; cat /root/d/g'
	is "x
y"
}

# A filesystem with the quota feature counts when mounted without the option too, but does not enforce.
@test "ext4: mounted without its quota, a container that was sold one does not start" {
	use_ext4
	ok create sold --template busybox --disk 30M
	umount "$root"
	mount -o loop -t ext4 "$HOME_ROOT/ext4.img" "$root"
	refused 7 "disk cannot be enforced" start sold
	umount "$root"
	mount -o loop,prjquota -t ext4 "$HOME_ROOT/ext4.img" "$root"
	ok start sold
	ok destroy --force sold
}

@test "xfs: disk and inodes hold, grow, shrink, show in df, and cannot be left" {
	use_xfs
	exercise 500
	exercise_projects
	ok destroy --force q free
}

@test "btrfs: disk holds, grows and shrinks; inodes are refused; a guest cannot make subvolumes of its own" {
	use_btrfs
	refused 7 "btrfs has no such limit" create q --template busybox --inodes 500
	exercise ""
	refused 7 "btrfs has no such limit" set q --inodes 500
	cp "$BERTH_TEST_PROGRAMS/project" "$root/var/lib/berth/containers/q/rootfs/bin/"
	ok exec q -- project /root subvolume
	has "refused"
	ok destroy --force q free
	[ -z "$(ls -A "$root/var/lib/berth/containers")" ]
}

@test "btrfs: with quotas off disk is refused with the remedy" {
	options='' size=300M instance btrfsoff btrfs
	refused 7 "btrfs quota enable" create q --template busybox --disk 50M
	umount "$root"
}

@test "storage init: makes a filesystem with quotas in a file, for hosts that have none" {
	root=$BERTH_ROOT/made
	mkdir -p "$root"
	refused 2 "accepted is a size" --root "$root" storage init "$BERTH_ROOT/made.img" --size huge
	refused 2 "at least 64M" --root "$root" storage init "$BERTH_ROOT/made.img" --size 1M
	refused 2 "absolute path" --root "$root" storage init made.img --size 1G
	refused 2 "put the file elsewhere" --root "$root" storage init "$root/var/lib/berth/x.img" --size 100M
	refused 7 "free where" --root "$root" storage init "$BERTH_ROOT/made.img" --size 900T
	[ ! -e "$BERTH_ROOT/made.img" ]
	try --root "$root" storage init "$BERTH_ROOT/made.img" --size 300M
	if [ "$status" -ne 0 ]; then
		[[ $stderr == *"quota_v2"* ]] || story "expected it to say what the kernel lacks"
		[ ! -e "$BERTH_ROOT/made.img" ]
		[ -z "$(losetup -j "$BERTH_ROOT/made.img")" ]
		skip "this kernel has no disk quotas; the virtual machine's has"
	fi
	has "ext4 loop,prjquota,nofail 0 2"
	[ "$(stat -c %b "$BERTH_ROOT/made.img")" -lt $((100 * 2048)) ]
	ok --root "$root" storage show --json
	[ "$(json_get .quota <<< "$output")" = project ]
	ln -s "$BERTH_TEST_TEMPLATES" "$root/var/lib/berth/templates"
	ok --root "$root" create q --template busybox --disk 30M
	ok --root "$root" start q
	try --root "$root" exec q -- dd if=/dev/zero of=/root/big bs=1M count=60
	[ "$status" -ne 0 ]
	refused 5 "there are containers" --root "$root" storage init "$BERTH_ROOT/second.img" --size 300M
	ok --root "$root" destroy --force q
	umount "$root/var/lib/berth"
	[ -z "$(losetup -j "$BERTH_ROOT/made.img")" ]
}
