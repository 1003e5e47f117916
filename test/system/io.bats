#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# io-read-rate, io-write-rate, io-read-iops, io-write-iops, io-weight: on the disk under the rootfs, exceeded past the page cache and
# through it. cgroup v1 can hold reads only.

load helpers

MIB=$((1024 * 1024))

setup_file() {
	berth_setup
	berth create io --template busybox --memory 128M --pids 50
	berth create other --template busybox --memory 128M --pids 50
	programs_into io other
	dd if=/dev/zero of="$BERTH_ROOT/var/lib/berth/containers/io/rootfs/root/file" bs=1M count=32 2> /dev/null
	cp "$BERTH_ROOT/var/lib/berth/containers/io/rootfs/root/file" "$BERTH_ROOT/var/lib/berth/containers/other/rootfs/root/file"
	sync
	berth start io other
}
teardown_file() { berth_teardown; }

# Pieces of 64 KiB that a container gets read or written in four seconds.
pieces() {
	berth exec "$1" -- work "$2" 4 "/root/${3:-file}"
}

@test "io-read-rate: holds, is changed live, and kept over a restart" {
	local free held
	free=$(pieces io read)
	ok set io --io-read-rate 1M
	held=$(pieces io read)
	echo "# 64 KiB reads in 4 s: $free free, $held at 1 MiB a second (64)" >&3
	[ "$held" -le 90 ]
	[ "$held" -ge 30 ]
	ok restart io --kill
	[ "$(limit io io-read-rate effective)" = $MIB ]
	[ "$(pieces io read)" -le 90 ]
	ok set io --io-read-rate unlimited
	[ "$(pieces io read)" -gt 200 ]
	[ "$(status_of io io-read)" -gt $MIB ]
}

@test "io-read-iops: holds" {
	ok set io --io-read-iops 20
	local held
	held=$(pieces io read)
	echo "# reads in 4 s at 20 a second: $held" >&3
	[ "$held" -le 110 ]
	ok set io --io-read-iops unlimited
}

@test "io-write-rate and io-write-iops: hold, past the page cache and through it" {
	if is_hybrid; then
		refused 7 "page cache" set io --io-write-rate 1M
		refused 7 "page cache" set io --io-write-iops 50
		skip "cgroup v1 counts the page cache's writes to nobody, so the keys are refused"
	fi
	ok set io --io-write-rate 1M
	local held begin
	held=$(pieces io write out)
	echo "# 64 KiB writes in 4 s at 1 MiB a second: $held" >&3
	[ "$held" -le 90 ]
	begin=$SECONDS
	ok exec io -- sh -c 'dd if=/dev/zero of=/root/cached bs=1M count=6 2> /dev/null; sync'
	echo "# 6 MiB through the page cache at 1 MiB a second: $((SECONDS - begin)) s" >&3
	[ $((SECONDS - begin)) -ge 4 ]
	ok set io --io-write-rate unlimited --io-write-iops 20
	held=$(pieces io write out)
	[ "$held" -le 110 ]
	ok set io --io-write-iops unlimited
	[ "$(limit io io-write-iops effective)" = null ]
}

@test "stop does not wait for a slow disk" {
	ok set io --io-read-rate 64K
	berthctl exec io -- work read 60 /root/file > /dev/null 2>&1 &
	local reader=$! begin
	sleep 2
	begin=$SECONDS
	ok stop io --kill
	[ $((SECONDS - begin)) -lt 5 ]
	wait $reader || true
	ok set io --io-read-rate unlimited
	ok start io
}

@test "io-weight: refused with the remedy where the disk obeys none, shared where it does" {
	local disk
	disk=$(stat -c '%Hd:%Ld' "$BERTH_ROOT")
	if ! grep -q bfq "/sys/dev/block/$disk/queue/scheduler" && ! { modprobe bfq && grep -q bfq "/sys/dev/block/$disk/queue/scheduler"; } 2> /dev/null; then
		refused 7 "obeys no weights" set io --io-weight 500
		skip "this kernel has no bfq; the virtual machine's has"
	fi
	if is_hybrid; then
		refused 7 "obeys no weights" set io --io-weight 500
		skip "this host's scheduler is not the tests' to change; the virtual machine's is"
	fi
	refused 7 "bfq" set io --io-weight 500
	echo bfq > "/sys/dev/block/$disk/queue/scheduler"
	ok set io --io-weight 1000
	[ "$(kernel io io.bfq.weight | grep -o '[0-9]*$')" = 181 ]
	[ "$(limit io io-weight effective)" -ge 990 ]
	ok set io --io-weight 10000
	ok set other --io-weight 100
	berth exec io -- work read 6 /root/file > "$BATS_TEST_TMPDIR/a" &
	local one=$! a b
	berth exec other -- work read 6 /root/file > "$BATS_TEST_TMPDIR/b"
	wait $one
	a=$(cat "$BATS_TEST_TMPDIR/a") b=$(cat "$BATS_TEST_TMPDIR/b")
	echo "# weights 10000 and 100 (bfq): $a and $b reads" >&3
	[ $((a * 10)) -gt $((b * 12)) ]
	ok set io --io-weight 100
	ok set other --io-weight 100
	echo none > "/sys/dev/block/$disk/queue/scheduler"
	# The other mechanism: io.cost, by the other file.
	[ -e "$BERTH_CGROUP/io.cost.qos" ] || return 0
	refused 7 "io.cost" set io --io-weight 500
	echo "$disk enable=1" > "$BERTH_CGROUP/io.cost.qos"
	ok set io --io-weight 500
	[ "$(kernel io io.weight)" = "default 500" ]
	[ "$(limit io io-weight effective)" = 500 ]
	ok set io --io-weight 100
	echo "$disk enable=0" > "$BERTH_CGROUP/io.cost.qos"
}

# A rate on a filesystem of its own: rate_holds_on DEVICE-OR-IMAGE MKFS. Its disk is what the filesystem says it is.
rate_holds_on() {
	local root=$BERTH_ROOT/other-$2 device
	mkdir -p "$root"
	"mkfs.$2" -q "$1" > /dev/null
	mount ${3:+-o "$3"} -t "$2" "$1" "$root"
	mkdir -p "$root/var/lib/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$root/var/lib/berth/templates"
	ok --root "$root" create r --template busybox --io-read-rate 1M
	mkdir -p "$root/var/lib/berth/containers/r/rootfs/bin"
	cp "$BERTH_TEST_PROGRAMS/work" "$root/var/lib/berth/containers/r/rootfs/bin/"
	dd if=/dev/zero of="$root/var/lib/berth/containers/r/rootfs/root/file" bs=1M count=16 2> /dev/null
	sync -f "$root"
	ok --root "$root" start r
	ok --root "$root" exec r -- work read 4 /root/file
	echo "# 64 KiB reads in 4 s at 1 MiB a second on $(stat -f -c %T "$root") on $1: $output" >&3
	local held=$output
	ok --root "$root" set r --io-read-rate unlimited
	ok --root "$root" exec r -- work read 2 /root/file
	local free=$output
	ok --root "$root" destroy --force r
	umount "$root"
	[ "$held" -le 90 ]
	[ "$held" -ge 30 ]
	[ "$free" -gt 200 ]
}

@test "the disk is found through the filesystem: on a loop device, ext4 and btrfs" {
	truncate -s 200M "$BERTH_ROOT/a.img" "$BERTH_ROOT/b.img"
	rate_holds_on "$BERTH_ROOT/a.img" ext4 loop
	rate_holds_on "$BERTH_ROOT/b.img" btrfs loop
}

@test "the disk is found through the filesystem: on a device mapper's" {
	local loop
	command -v dmsetup > /dev/null && modprobe dm-mod 2> /dev/null || skip "no device mapper here; the virtual machine has it"
	truncate -s 200M "$BERTH_ROOT/c.img"
	loop=$(losetup -f --show "$BERTH_ROOT/c.img")
	dmsetup create berth-test --noudevsync --table "0 $(blockdev --getsz "$loop") linear $loop 0"
	dmsetup mknodes berth-test
	rate_holds_on /dev/mapper/berth-test ext4
	dmsetup remove --noudevsync berth-test
	losetup -d "$loop"
}

@test "where there is no disk the keys are refused with the reason" {
	mkdir -p "$BERTH_ROOT/tmpfs"
	mount -t tmpfs none "$BERTH_ROOT/tmpfs"
	mkdir -p "$BERTH_ROOT/tmpfs/var/lib/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$BERTH_ROOT/tmpfs/var/lib/berth/templates"
	refused 7 "tmpfs" --root "$BERTH_ROOT/tmpfs" create none --template busybox --io-read-rate 1M
	refused 7 "tmpfs" --root "$BERTH_ROOT/tmpfs" create none --template busybox --io-weight 50
	refused 7 "no quotas" --root "$BERTH_ROOT/tmpfs" create none --template busybox --disk 1G
	umount "$BERTH_ROOT/tmpfs"
}

@test "io keys: nonsense is refused and changes nothing" {
	refused 2 "at least 64K" set io --io-read-rate 1
	refused 2 "at least 64K" set io --io-read-rate fast
	refused 2 "whole number" set io --io-read-iops 0
	refused 2 "1 to 10000" set io --io-weight 0
	ok get io io-read-rate
	is unlimited
}

@test "a container at its rate leaves its neighbour its speed" {
	ok set io --io-read-rate 1M --cpus 0.4
	ok set other --cpus 0.4
	neighbours other "read 5 /root/file" io "for i in 1 2 3 4; do work read 20 /root/file & done; wait"
	ok set io --io-read-rate unlimited
}
