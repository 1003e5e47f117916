#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bad input gets one clear line and the documented exit code, and changes nothing.

load helpers

setup_file() {
	berth_setup
	berth create good --template busybox --memory 64M --ip 10.77.1.1
}
teardown_file() { berth_teardown; }

config() { echo "$BERTH_ROOT/var/lib/berth/containers/good/container.conf"; }
rootfs() { echo "$BERTH_ROOT/var/lib/berth/containers/good/rootfs"; }

@test "unknown commands, options, keys" {
	refused 2 "there is no command 'frobnicate'" frobnicate
	refused 2 "unknown option --frob" start --frob good
	refused 2 "unknown option -x" start -x good
	refused 2 "unknown option --frob of create" create new --template busybox --frob 1
	refused 2 "there is no key 'frob'" get good frob
	refused 2 "too few arguments" start
	refused 2 "too many arguments" status good good
	refused 2 "needs a value" set good --memory
	refused 2 "takes no value" start good --if-needed=yes
	refused 2 "no command" --json
	refused 2 "--template is missing" create new
	refused 2 "nothing to set" set good
	refused 2 "unknown option --memory" start good --memory 1M
	refused 2 "unknown option --uuid" set good --uuid x
	refused 2 "not acceptable" wait good --state flying
	refused 2 "not acceptable" stop good --timeout soon
}

@test "sizes" {
	local size
	for size in -1 1.5X 99999999999999999T "" 1e3 0x10 "1 M" M 1.0005G 5MB 18446744073709551616 +5; do
		[ -n "$size" ] || continue
		refused 2 "memory: '$size' is not acceptable" set good --memory "$size"
	done
	ok get good memory
	is 64M
}

@test "other values name the key, the value and what is accepted" {
	refused 2 "cpus: '0' is not acceptable" set good --cpus 0
	refused 2 "cpu-weight: '10001' is not acceptable; accepted is a whole number from 1 to 10000" set good --cpu-weight 10001
	refused 2 "pids: '0'" set good --pids 0
	refused 2 "cpuset: '3-1'" set good --cpuset 3-1
	refused 2 "hostname: '-x'" set good --hostname -x
	refused 2 "hostname: 'a_b'" set good --hostname a_b
	refused 2 "net-nat: 'maybe' is not acceptable; accepted is yes or no" set good --net-nat maybe
	refused 2 "init: 'sbin/init'" set good --init sbin/init
	refused 2 "description:" set good --description $'two\nlines'
	refused 2 "given twice" set good --memory 1M --memory 2M
}

@test "addresses" {
	local address
	for address in 300.1.1.1 10.0.0.1/33 10.0.0.1/0 ::g 127.0.0.1 224.0.0.1 169.254.7.7 0.0.0.0 ::1 fe80::9 ff02::1 ::ffff:10.0.0.1 255.255.255.255; do
		refused 2 "ip: '$address' is not acceptable" set good --ip "$address"
	done
	refused 2 "addresses have no prefix length" set good --ip 10.0.0.1/32
	refused 2 "given twice" set good --ip 10.77.1.2 --ip 10.77.1.2
	refused 2 "not in the list" set good --ip-del 10.77.1.99
	refused 4 "in use by good" create other --template busybox --ip 10.77.1.1
	refused 3 "no container other" status other
	ok get good ip
	is 10.77.1.1
}

@test "networks" {
	local value
	for value in 10.0.0.1/8 10.0.0.0 2001:db8::1/64 0.0.0.0/0 ::/0 224.0.0.0/8 fe80::/64 10.0.0.0/7 10.0.0.0/33; do
		refused 2 "route: '$value' is not acceptable" set good --route "$value"
	done
	refused 2 "behind its first 8" set good --route 10.0.0.1/8
	for value in 0 -1M 7k 101G 1000G 10Mbit 1.5; do
		refused 2 "net-rate-in: '$value' is not acceptable; accepted is a number of bits a second from 8k to 100G" set good --net-rate-in "$value"
		refused 2 "net-rate-out: '$value' is not acceptable" set good --net-rate-out "$value"
	done
	refused 2 "net-packets: '0'" set good --net-packets 0
	refused 2 "net-connections: '-1'" set good --net-connections -1
	refused 2 "accepted is routed, bridge or none" set good --net nat
	refused 2 "longer than the kernel's 15 bytes" set good --net-bridge bridge-of-sixteen
	refused 2 "net-vlan: '4095'" set good --net-vlan 4095
	refused 2 "net-mac: '01:00:5e:00:00:01' is not acceptable: it is a multicast address" set good --net-mac 01:00:5e:00:00:01
	refused 2 "net-mtu: '100'" set good --net-mtu 100
	refused 7 "nowhere is no bridge of this host; ip link add nowhere type bridge" set good --net bridge --net-bridge nowhere --ip 10.0.0.5/24
	refused 7 "lo is no bridge" set good --net bridge --net-bridge lo --ip 10.0.0.5/24
	refused 2 "in none of the addresses' networks" set good --net bridge --net-bridge br0 --ip 10.0.0.5/24 --net-gateway 10.0.1.1
	refused 2 "nic: 'eth1' is not acceptable: it has neither" set good --nic eth1
	refused 2 "its rate-in '0' is wrong" set good --nic eth1,ip=10.77.1.3,rate-in=0
	refused 7 "no interface nowhere" set good --net-uplink nowhere
	for value in 0:22 70000:22 22:70000 22/icmp 1-2-3 10-5 10000-10020:8000-8010 x; do
		refused 2 "port-forward: '$value' is not acceptable" set good --port-forward "$value"
	done
	refused 2 "net-port-block: '1'" set good --net-port-block 1
	refused 2 "traffic-reset-day: '31'" set good --traffic-reset-day 31
	refused 2 "traffic-quota: '-1'" set good --traffic-quota -1
	refused 2 "accepted is warn, throttle or block" set good --traffic-action stop
	ok get good ip
	is 10.77.1.1
	ok get good route
	is ""
}

@test "an address of the host itself is refused" {
	ip addr add 10.77.1.200/32 dev lo
	refused 4 "is an address of this host" set good --ip-add 10.77.1.200
	refused 4 "nic: 10.77.1.200 is an address of this host" set good --nic eth1,ip=10.77.1.200
	ip addr del 10.77.1.200/32 dev lo
}

@test "names" {
	local name long
	long=$(printf 'a%.0s' {1..200})
	for name in a/b .. . "a b" "$long" -x A_b 'ä' 'x;y'; do
		[ "${name:0:1}" = - ] || refused 2 "is no container name" create "$name" --template busybox
	done
	refused 2 "is no container name" status ../good
	refused 2 "is no template name" create new --template ../busybox
	refused 2 "is no template name" template show /etc
	[ "$(ls "$BERTH_ROOT/var/lib/berth/containers")" = good ]
}

@test "a template that does not exist" {
	refused 3 "template nosuch:1 is not built" create new --template nosuch:1
	refused 3 "there is no script for template nosuch" template build nosuch:1
	refused 2 "accepted are http" template build debian:12 --mirror ftp://x --replace
}

@test "a limit past what this host can enforce is refused with 7" {
	refused 7 "cpuset" set good --cpuset 4000
	ok get good cpuset
	is all
	if is_hybrid; then
		refused 7 "memory-high cannot be enforced" set good --memory-high 32M
		refused 7 "memory-guarantee cannot be enforced" set good --memory-guarantee 32M
		refused 7 "give memory too" create other --template busybox --swap 1M
	fi
}

@test "configuration files that are truncated, binary, duplicate, unknown or of a later version" {
	local good
	good=$(cat "$(config)"; echo x)
	good=${good%x}
	head -c 120 <<< "$good" > "$(config)"
	refused 1 "cut short" start good
	head -c 4000 /dev/urandom > "$(config)"
	refused 1 "container.conf" start good
	: > "$(config)"
	refused 1 "it is empty" start good
	printf '%smemory = 1M\n' "$good" > "$(config)"
	refused 1 "memory is given twice" start good
	printf '%sfrob = 1\n' "$good" > "$(config)"
	refused 1 "there is no key 'frob'" start good
	printf '%s' "${good/version = 1/version = 7}" > "$(config)"
	refused 1 "version '7'" start good
	printf '%s' "${good/64M/64Q}" > "$(config)"
	refused 1 "memory: '64Q' is not acceptable" start good
	# One that cannot be read is listed with the reason and does not hide the others.
	ok list
	has good
	has 64Q
	printf '%s' "$good" > "$(config)"
	ok get good memory
	is 64M
}

@test "a missing rootfs" {
	mv "$(rootfs)" "$(rootfs).away"
	refused 1 "rootfs directory is missing" start good
	[ "$(status_of good state)" = stopped ]
	ln -s / "$(rootfs)"
	refused 1 "rootfs directory is missing" start good
	rm "$(rootfs)"
	mv "$(rootfs).away" "$(rootfs)"
}

@test "a rootfs whose directories and files are links to the host's: nothing of the host is touched" {
	local before link
	before=$(sha256sum /etc/shadow /etc/hostname /etc/hosts /etc/resolv.conf 2> /dev/null)
	for link in dev proc sys run; do
		mv "$(rootfs)/$link" "$(rootfs)/$link.away"
		ln -s ../../../../../../../../../../etc "$(rootfs)/$link"
		refused 1 "/$link in the container's tree is a link" start good
		rm "$(rootfs)/$link"
		ln -s /etc/shadow "$(rootfs)/$link"
		refused 1 "/$link in the container's tree is a link" start good
		rm "$(rootfs)/$link"
		mv "$(rootfs)/$link.away" "$(rootfs)/$link"
	done
	ln -sf ../../../../../../../../../../etc/shadow "$(rootfs)/etc/resolv.conf"
	ln -sf /etc/shadow "$(rootfs)/etc/hostname"
	ln -sf /proc/self/root/etc/hosts "$(rootfs)/etc/hosts"
	ok set good --nameserver 192.0.2.53
	ok start good
	ok exec good -- cat /etc/resolv.conf
	has "nameserver 192.0.2.53"
	ok stop good --kill
	mv "$(rootfs)/sbin/init" "$(rootfs)/sbin/init.away"
	ln -s ../../../../../../../../../../../../bin/sh "$(rootfs)/sbin/init"
	rm "$(rootfs)/sbin/init"
	ln -s /etc/shadow "$(rootfs)/sbin/init"
	refused 1 "cannot run /sbin/init in the container" start good
	rm "$(rootfs)/sbin/init"
	refused 1 "cannot run /sbin/init in the container: No such file or directory" start good
	mv "$(rootfs)/sbin/init.away" "$(rootfs)/sbin/init"
	mv "$(rootfs)/etc" "$(rootfs)/etc.away"
	ln -s ../../../../../../../../../../../../etc "$(rootfs)/etc"
	try start good
	rm "$(rootfs)/etc"
	mv "$(rootfs)/etc.away" "$(rootfs)/etc"
	try stop good --kill
	[ "$(sha256sum /etc/shadow /etc/hostname /etc/hosts /etc/resolv.conf 2> /dev/null)" = "$before" ]
}

@test "no space left during create leaves nothing and the next create works" {
	local small=$BATS_TEST_TMPDIR/small
	mkdir "$small"
	mount -t tmpfs -o size=1200k none "$small"
	mkdir -p "$small/var/lib/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$small/var/lib/berth/templates"
	refused 1 "No space left on device" create full --template busybox --root "$small"
	[ -z "$(ls -A "$small/var/lib/berth/containers")" ]
	[ -z "$(find "$small/var/lib/berth/ids" -type l)" ]
	mount -o remount,size=64m "$small"
	ok create full --template busybox --root "$small"
	ok destroy full --root "$small"
	umount "$small"
}

@test "a root directory that is no absolute path" {
	refused 2 "is not an absolute path" list --root here
}

@test "stdout that cannot be written is a failure, not silence" {
	run bash -c "berthctl list > /dev/full"
	[ "$status" -eq 1 ]
	[[ $output == *"cannot write to stdout"* ]]
}
