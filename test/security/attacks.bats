#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What root of a guest tries (programs/attacks.c): each must be stopped by init's confinement and by exec's alike, and must work for the host's root where this kernel has something
# to attack: the control. docs/security.md has the table.

load ../system/helpers

setup_file() {
	berth_setup
	berth create guest --template busybox
	cp "$BERTH_TEST_PROGRAMS/attacks" "$BERTH_ROOT/var/lib/berth/containers/guest/rootfs/bin/"
	berth start guest --wait
}
teardown_file() { berth_teardown; }

# By a command of exec; what init starts, which has come another way, is below.
attack() {
	local status=0 output
	output=$(berth exec guest -- attacks "$1") || status=$?
	[ "$status" -eq 1 ] || [ "$status" -eq 77 ] || { echo "$1 by exec: $status $output"; return 1; }
	control "$1"
}

# The host's root, in a mount namespace of its own. Where it is stopped too, the kernel or the machine lacks what would be attacked.
control() {
	! "$BERTH_TEST_PROGRAMS/attacks" list | grep -qx "$1 no-control" || return 0
	local status=0
	unshare --mount --propagation private "$BERTH_TEST_PROGRAMS/attacks" "$1" > /dev/null 2>&1 || status=$?
	[ "$status" -eq 0 ] || skip "no control: this machine's root is stopped as well"
}

@test "the table of docs/security.md is that of the attacks" {
	[ -e "$BATS_TEST_DIRNAME/../../docs/security.md" ] || skip "the VM has the tests without docs/"
	[ -z "$("$BERTH_TEST_PROGRAMS/attacks" table | grep -vxFf "$BATS_TEST_DIRNAME/../../docs/security.md")" ]
}

@test "init and what it starts are confined as exec is" {
	cat > "$BERTH_ROOT/var/lib/berth/containers/guest/rootfs/etc/init.d/S10attacks" <<-'END'
		#!/bin/sh
		for name in $(attacks list | sed 's/ .*//'); do attacks $name > /dev/null 2>&1; echo "$name $?"; done > /run/attacks
	END
	chmod 755 "$BERTH_ROOT/var/lib/berth/containers/guest/rootfs/etc/init.d/S10attacks"
	ok restart guest --kill
	ok wait guest --state ready --timeout 30
	ok exec guest -- cat /run/attacks
	[ "$(wc -l <<< "$output")" -ge 60 ]
	[ -z "$(grep -v ' \(1\|77\)$' <<< "$output")" ] || story "$(grep -v ' \(1\|77\)$' <<< "$output")"
}

@test "af-alg" { attack af-alg; }
@test "af-vsock" { attack af-vsock; }
@test "af-key" { attack af-key; }
@test "netlink-audit" { attack netlink-audit; }
@test "keyring-session" { attack keyring-session; }
@test "keyring-add" { attack keyring-add; }
@test "keyring-helper" { attack keyring-helper; }
@test "userfaultfd" { attack userfaultfd; }
@test "memfd-secret" { attack memfd-secret; }
@test "bpf" { attack bpf; }
@test "perf" { attack perf; }
@test "io-uring" { attack io-uring; }
@test "handle" { attack handle; }
@test "clock-adjust" { attack clock-adjust; }
@test "clock-step" { attack clock-step; }
@test "port-io" { attack port-io; }
@test "module-load" { attack module-load; }
@test "kexec" { attack kexec; }
@test "swapon" { attack swapon; }
@test "quota" { attack quota; }
@test "acct" { attack acct; }
@test "nested-userns" { attack nested-userns; }
@test "clone3" { attack clone3; }
@test "syslog" { attack syslog; }
@test "fanotify" { attack fanotify; }
@test "nice" { attack nice; }
@test "realtime" { attack realtime; }
@test "oom-immune" { attack oom-immune; }
@test "limit-raise" { attack limit-raise; }
@test "tiocsti" { attack tiocsti; }
@test "core-pattern" { attack core-pattern; }
@test "modprobe-path" { attack modprobe-path; }
@test "sysrq" { attack sysrq; }
@test "binfmt" { attack binfmt; }
@test "kcore" { attack kcore; }
@test "sysctl-vm" { attack sysctl-vm; }
@test "sysctl-net" { attack sysctl-net; }
@test "slabinfo" { attack slabinfo; }
@test "vmallocinfo" { attack vmallocinfo; }
@test "timer-list" { attack timer-list; }
@test "drop-caches" { attack drop-caches; }
@test "page-flags" { attack page-flags; }
@test "irq-affinity" { attack irq-affinity; }
@test "kernel-addresses" { attack kernel-addresses; }
@test "uevent-helper" { attack uevent-helper; }
@test "sys-power" { attack sys-power; }
@test "sys-remount" { attack sys-remount; }
@test "debugfs" { attack debugfs; }
@test "tracefs" { attack tracefs; }
@test "securityfs" { attack securityfs; }
@test "devtmpfs" { attack devtmpfs; }
@test "device-memory" { attack device-memory; }
@test "device-kmsg" { attack device-kmsg; }
@test "device-loop" { attack device-loop; }
@test "device-fuse" { attack device-fuse; }
@test "device-tun" { attack device-tun; }
@test "device-disk" { attack device-disk; }
@test "chroot-walk" { attack chroot-walk; }
@test "release-agent" { attack release-agent; }
@test "cgroup-limit" { attack cgroup-limit; }
@test "host-processes" { attack host-processes; }
@test "capability" { attack capability; }
@test "foreign-id" { attack foreign-id; }
@test "host-namespace" { attack host-namespace; }
