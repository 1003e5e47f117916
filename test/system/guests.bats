#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The boot matrix: whole distributions and inits, each as its owner gets it. guests/templates has the scripts of those
# that no distribution's template brings: sysvinit, OpenRC, runit, netplan, NetworkManager, all of Debian's packages.

load helpers

setup_file() {
	berth_setup
	export KEY=$BERTH_ROOT/key
	ssh-keygen -q -t ed25519 -N '' -C owner@example.org -f "$KEY"
}
teardown_file() { berth_teardown; }

name_of() { echo "${1//:/}"; }

# ssh with no files of this machine's.
SSH="-F none -o BatchMode=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o LogLevel=ERROR"
by_key() { timeout 20 ssh $SSH -o PasswordAuthentication=no -i "$KEY" "root@$1" "$2"; }
by_password() { timeout 20 sshpass -p "$1" ssh $SSH -o PubkeyAuthentication=no "root@$2" "$3"; }

# One guest's whole life. Says which step of which guest failed.
life() {
	local template=$1 address=$2 six=$3 name begin init before
	name=$(name_of "$template")
	step() { echo "# $name: $1" >&3; STEP="$name: $1"; }
	ok create "$name" --template "$template" --ip "$address" --ip "$six" --nameserver 192.0.2.53 --search example.org --hostname "$name.example.org" \
		--root-password 'first secret' --ssh-key "$KEY.pub"
	sed -i 's/^#*PermitRootLogin.*/PermitRootLogin yes/' "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/etc/ssh/sshd_config"
	begin=${EPOCHREALTIME/./}
	ok start "$name" --wait --timeout 90
	step "ready after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
	[ "$(status_of "$name" ready)" = true ]

	if berthctl exec "$name" -- test -d /run/systemd/system; then
		ok exec "$name" -- systemctl is-system-running --wait
		is running
		try exec "$name" -- systemctl --failed --plain --no-legend --no-pager
		is ""
	fi
	ok exec "$name" -- hostname
	is "$name.example.org"
	ok exec "$name" -- cat /etc/resolv.conf
	[[ $output == *"nameserver 192.0.2.53"* || $output == *"nameserver 127.0.0.53"* ]] || story "no resolver"

	network_stands
	step "sshd"
	eventually 30 by_key "$address" true
	[ "$(by_key "$address" 'id -u')" = 0 ]
	[ "$(by_password 'first secret' "$address" hostname)" = "$name.example.org" ]
	[ "$(by_key "$six" 'echo six')" = six ]
	ok set "$name" --root-password 'second secret'
	[ "$(by_password 'second secret' "$address" 'echo in')" = in ]
	! by_password 'first secret' "$address" true 2> /dev/null || false

	step "its own network program, restarted by its owner"
	restart_network
	network_stands

	step "a package"
	ok push "$name" "$(ls "$BERTH_TEST_PACKAGES"/hello_*.deb)" /root/hello.deb
	try exec "$name" -- sh -c 'dpkg -i /root/hello.deb'
	[ "$status" -eq 0 ] || story "dpkg failed"
	ok exec "$name" --user nobody -- hello
	has "Hello, world!"

	step "reboot inside"
	init=$(status_of "$name" init-pid)
	berth exec "$name" -- reboot > /dev/null 2>&1 || true
	back() { [ "$(status_of "$name" init-pid)" != "$init" ] && [ "$(status_of "$name" ready)" = true ]; }
	eventually 90 back
	eventually 30 by_key "$address" true
	network_stands

	step "poweroff inside"
	berth exec "$name" -- poweroff > /dev/null 2>&1 || true
	ok wait "$name" --state stopped --timeout 60

	step "halt inside"
	ok start "$name" --wait --timeout 90
	berth exec "$name" -- halt > /dev/null 2>&1 || true
	ok wait "$name" --state stopped --timeout 60

	step "stop"
	ok start "$name" --wait --timeout 90
	begin=$SECONDS
	ok stop "$name" --timeout 60
	[ $((SECONDS - begin)) -lt 30 ] || story "stop took $((SECONDS - begin)) s"
	[ "$(status_of "$name" state)" = stopped ]

	step "a new one is another"
	before=$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/etc
	ok create "$name-2" --template "$template"
	ok start "$name-2" --wait --timeout 90
	eventually 30 berthctl exec "$name-2" -- sh -c 'ls /etc/ssh/ssh_host_ed25519_key.pub' > /dev/null
	! cmp -s "$before/ssh/ssh_host_ed25519_key.pub" "${before/$name/$name-2}/ssh/ssh_host_ed25519_key.pub" || false
	[ ! -s "$before/machine-id" ] || ! cmp -s "$before/machine-id" "${before/$name/$name-2}/machine-id"
	ok destroy --force "$name-2" "$name"
}

# The addresses and ways that were given, in the kernel and on the wire.
network_stands() {
	ok exec "$name" -- ip -o addr show dev eth0
	has "$address/32"
	has "$six/128"
	ok exec "$name" -- ip route
	has "default via 169.254.0.1 dev eth0"
	ok exec "$name" -- ip -6 route
	has "default via fe80::1 dev eth0"
	ok exec "$name" -- ping -c 1 -W 3 169.254.0.1
	ping -c 1 -W 3 "$address" > /dev/null
	eventually 5 ping -6 -c 1 -W 3 "$six" > /dev/null
}

restart_network() {
	case $name in
	netplan) ok exec "$name" -- sh -c 'netplan apply 2>&1 || true; systemctl restart systemd-networkd' ;;
	manager) ok exec "$name" -- sh -c 'systemctl restart NetworkManager; nm-online -q -t 20' ;;
	debian*) ok exec "$name" -- sh -c 'systemctl start systemd-networkd; networkctl reload; sleep 1; networkctl reconfigure eth0; sleep 1' ;;
	*) ok exec "$name" -- sh -c 'ifdown --force eth0 2>&1; ifup eth0 2>&1' ;;
	esac
	sleep 1
}

@test "debian:12" { life debian:12 10.77.20.1 2001:db8:20::1; }
@test "debian:13" { life debian:13 10.77.20.2 2001:db8:20::2; }
@test "sysvinit with ifupdown, as Devuan" { life sysvinit 10.77.20.3 2001:db8:20::3; }
@test "OpenRC" { life openrc 10.77.20.4 2001:db8:20::4; }
@test "runit, as Void" { life runit 10.77.20.5 2001:db8:20::5; }
@test "netplan and networkd, as Ubuntu" { life netplan 10.77.20.6 2001:db8:20::6; }
@test "NetworkManager, as Red Hat's family" { life manager 10.77.20.7 2001:db8:20::7; }

@test "OpenRC's own init as process 1" {
	ok create orc --template openrc --ip 10.77.20.9 --init /sbin/openrc-init --ssh-key "$KEY.pub"
	ok start orc --wait --timeout 60
	eventually 30 by_key 10.77.20.9 true
	local init begin=$SECONDS
	init=$(status_of orc init-pid)
	berth exec orc -- openrc-shutdown -r now > /dev/null 2>&1 || true
	back() { [ "$(status_of orc init-pid)" != "$init" ] && [ "$(status_of orc ready)" = true ]; }
	eventually 60 back
	begin=$SECONDS
	ok stop orc --timeout 60
	[ $((SECONDS - begin)) -lt 30 ]
	ok destroy orc
}

@test "cloud-init: what its user data asks for is done at the first boot, and once" {
	printf '#cloud-config\nlocale: C.UTF-8\nruncmd: [ "echo ran >> /root/ran" ]\nusers:\n - name: carol\n   ssh_authorized_keys: [ "%s" ]\n' "$(cat "$KEY.pub")" > "$BATS_TEST_TMPDIR/user-data"
	ok create cloudy --template cloud --ip 10.77.20.10 --user-data "$BATS_TEST_TMPDIR/user-data"
	ok start cloudy --wait --timeout 90
	try exec cloudy -- cloud-init status --wait
	has "status: done"
	[ "$(timeout 20 ssh $SSH -o PasswordAuthentication=no -i "$KEY" carol@10.77.20.10 'id -un')" = carol ]
	ok restart cloudy --timeout 60
	ok wait cloudy --state ready --timeout 90
	try exec cloudy -- cloud-init status --wait
	ok exec cloudy -- cat /root/ran
	is ran
	ok exec cloudy -- ip route
	has "default via 169.254.0.1"
	ok destroy --force cloudy
}

@test "busybox" {
	ok create bb --template busybox --ip 10.77.20.8 --root-password secret --ssh-key "$KEY.pub"
	ok start bb --wait
	ping -c 1 -W 3 10.77.20.8
	local init
	init=$(status_of bb init-pid)
	berth exec bb -- reboot
	back() { [ "$(status_of bb init-pid)" != "$init" ] && [ "$(status_of bb ready)" = true ]; }
	eventually 30 back
	berth exec bb -- halt
	ok wait bb --state stopped --timeout 30
	ok start bb --wait
	ok stop bb
}
