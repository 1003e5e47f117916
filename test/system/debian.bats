#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A Debian guest with systemd, booted as a VPS: no unit fails, a real server answers, limits hold.

load helpers

setup_file() {
	berth_setup
	berth create deb --template debian:12 --memory 256M --pids 300 --ip 10.77.7.1
	cp "$BERTH_TEST_PROGRAMS/hog" "$BERTH_ROOT/var/lib/berth/containers/deb/rootfs/usr/local/bin/hog"
	berth start deb
}
teardown_file() { berth_teardown; }

booted() {
	local state
	state=$(berthctl exec deb -- systemctl is-system-running 2> /dev/null) || true
	[ "$state" = running ] || [ "$state" = degraded ]
}

@test "it boots to running, and no unit has failed" {
	eventually 120 booted
	try exec deb -- systemctl --failed --plain --no-legend --no-pager
	is ""
	ok exec deb -- systemctl is-system-running
	is running
}

@test "systemd sees a container with its own cgroup, uuid and name" {
	ok exec deb -- systemd-detect-virt --container
	ok exec deb -- cat /etc/machine-id
	is "$(status_of deb uuid | tr -d -)"
	ok exec deb -- hostname
	is deb
	ok exec deb -- systemctl show -p ControlGroup --value ssh.service
	is /system.slice/ssh.service
}

@test "a service can be limited inside by its owner" {
	ok exec deb -- systemd-run --quiet --wait --pipe -p TasksMax=20 echo hello
	is hello
}

@test "sshd has keys of its own and answers at the container's address" {
	answers() { timeout 3 bash -c 'exec 3<> /dev/tcp/10.77.7.1/22; head -n 1 <&3' | grep -q '^SSH-2.0'; }
	eventually 30 answers
	ok exec deb -- sh -c 'ls /etc/ssh/ssh_host_*_key | wc -l'
	[ "$output" -ge 1 ]
	[ -z "$(ls "$BERTH_TEST_TEMPLATES"/debian-12/rootfs/etc/ssh/ | grep host_)" ]
}

@test "nginx is installed by dpkg inside and serves at the container's address" {
	local package
	for package in "$BERTH_TEST_PACKAGES"/*.deb; do
		berth exec deb -- sh -c "cat > /root/$(basename "$package")" < "$package"
	done
	try exec deb -- sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/*.deb'
	[ "$status" -eq 0 ] || story "dpkg failed"
	serves() { timeout 3 bash -c 'exec 3<> /dev/tcp/10.77.7.1/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' | grep -q 'Welcome to nginx'; }
	eventually 30 serves
}

@test "past its memory limit something in the guest is killed; below it the server lives on" {
	ok exec deb -- hog 60
	try exec deb -- hog 400
	[ "$status" -eq 137 ]
	[ "$(status_of deb oom-kills)" -ge 1 ]
	serves() { timeout 3 bash -c 'exec 3<> /dev/tcp/10.77.7.1/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' | grep -q 'Welcome to nginx'; }
	eventually 10 serves
	[ "$(status_of deb state)" = running ]
}

@test "reboot inside: it comes back with its address" {
	local init
	init=$(status_of deb init-pid)
	berth exec deb -- systemctl reboot || true
	back() { [ "$(status_of deb init-pid)" != "$init" ] && booted; }
	eventually 120 back
	ping -c 1 -W 2 10.77.7.1
}

@test "stop is systemd's own way down and in time" {
	local begin=$SECONDS
	ok stop deb --timeout 60
	[ $((SECONDS - begin)) -lt 50 ]
	grep -aqE 'Halting system|Power down|System Halt|Reached target.*(Shutdown|shutdown|halt)' "$BERTH_ROOT/var/lib/berth/containers/deb/console.log"
}

@test "two guests from one template differ in machine-id and host keys" {
	ok create deb2 --template debian:12
	ok start deb2
	made() { berthctl exec deb2 -- sh -c 'test -s /etc/machine-id && ls /etc/ssh/ssh_host_ed25519_key.pub' > /dev/null 2>&1; }
	eventually 120 made
	local root=$BERTH_ROOT/var/lib/berth/containers
	! cmp -s "$root/deb/rootfs/etc/machine-id" "$root/deb2/rootfs/etc/machine-id" || false
	! cmp -s "$root/deb/rootfs/etc/ssh/ssh_host_ed25519_key.pub" "$root/deb2/rootfs/etc/ssh/ssh_host_ed25519_key.pub" || false
	ok destroy --force deb2
}
