#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is set up in a guest's tree: name, network, resolver, time zone, locale, password, keys, user data, identity; files in and out. Which program reads the
# network files is told by what the tree has; guests/ boots real ones.

load helpers

setup_file() {
	berth_setup
	berth create web --template busybox --ip 10.77.8.1 --ip 2001:db8:8::1
}
teardown_file() { berth_teardown; }

etc() { echo "$BERTH_ROOT/var/lib/berth/containers/${1:-web}/rootfs/etc"; }
tree() { echo "$BERTH_ROOT/var/lib/berth/containers/${1:-web}/rootfs"; }
has_program() { mkdir -p "$(dirname "$(tree)/$1")"; : > "$(tree)/$1"; chmod 755 "$(tree)/$1"; }
file_has() { grep -qxF -- "$2" "$1" || { echo "no line '$2' in $1:" >&2; cat "$1" >&2; return 1; }; }

@test "each network program that the tree has gets its file, and says what the host has set up" {
	mkdir -p "$(etc)/network" "$(etc)/conf.d"
	printf 'auto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet dhcp\n\tup something\n\niface wlan0 inet dhcp\n' > "$(etc)/network/interfaces"
	printf '# mine\n' > "$(etc)/conf.d/net"
	printf 'hostname="old"\n' > "$(etc)/conf.d/hostname"
	for program in usr/lib/systemd/systemd-networkd usr/sbin/NetworkManager usr/sbin/wicked usr/sbin/netplan etc/init.d/net.lo; do has_program $program; done
	ok start web
	local file=$(etc)/network/interfaces
	file_has "$file" "auto eth0"
	file_has "$file" "iface eth0 inet manual"
	file_has "$file" $'\tup ip address replace 10.77.8.1/32 dev eth0'
	file_has "$file" $'\tup ip -4 route replace default via 169.254.0.1 dev eth0 src 10.77.8.1 onlink'
	file_has "$file" $'\tup ip -6 route replace default via fe80::1 dev eth0 src 2001:db8:8::1 onlink'
	file_has "$file" "iface lo inet loopback"
	file_has "$file" "iface wlan0 inet dhcp"
	! grep -qE 'eth0 inet dhcp|allow-hotplug|up something' "$file" || false
	[ "$(grep -c 'berth begin' "$file")" = 1 ]
	file=$(etc)/systemd/network/10-berth-eth0.network
	file_has "$file" "Name=eth0"
	file_has "$file" "Address=10.77.8.1/32"
	file_has "$file" "Address=2001:db8:8::1/128"
	file_has "$file" "Gateway=169.254.0.1"
	file=$(etc)/NetworkManager/system-connections/berth-eth0.nmconnection
	[ "$(stat -c %a:%u "$file")" = 600:0 ]
	file_has "$file" "address1=10.77.8.1/32"
	file_has "$file" "gateway=169.254.0.1"
	file=$(etc)/netplan/60-berth.yaml
	python3 -c 'import sys; text = open(sys.argv[1]).read(); assert "10.77.8.1/32" in text and "on-link: true" in text and "\t" not in text' "$file"
	file_has "$(etc)/sysconfig/network/ifcfg-eth0" "IPADDR_0='10.77.8.1/32'"
	file_has "$(etc)/sysconfig/network/ifroute-eth0" "default 169.254.0.1 - eth0"
	file_has "$(etc)/conf.d/net" "# mine"
	grep -q 'config_eth0="10.77.8.1/32' "$(etc)/conf.d/net"
	file_has "$(etc)/conf.d/hostname" 'hostname="web"'
}

@test "a changed network changes them, a file that its owner keeps stays, and nothing is written twice" {
	local file=$(etc)/systemd/network/10-berth-eth0.network before
	ok set web --ip 10.77.8.2 --hostname other
	file_has "$file" "Address=10.77.8.2/32"
	! grep -q 10.77.8.1 "$file" "$(etc)/network/interfaces" "$(etc)/netplan/60-berth.yaml" "$(etc)/conf.d/net" || false
	file_has "$(etc)/conf.d/hostname" 'hostname="other"'
	chmod u-w "$file" "$(etc)/hostname"
	before=$(stat -c %i "$(etc)/network/interfaces")
	ok restart web --kill
	[ "$(stat -c %i "$(etc)/network/interfaces")" = "$before" ]
	ok set web --ip 10.77.8.3 --hostname third
	file_has "$file" "Address=10.77.8.2/32"
	file_has "$(etc)/hostname" other
	file_has "$(etc)/netplan/60-berth.yaml" '        - "10.77.8.3/32"'
	chmod u+w "$file"
	ok stop web --kill
	ok set web --ip ''
	ok start web
	[ ! -e "$file" ]
	! grep -q eth0 "$(etc)/network/interfaces" || false
	ok set web --ip 10.77.8.1
}

@test "links in the tree lead nowhere outside" {
	local victim=$BATS_TEST_TMPDIR/victim
	mkdir -p "$victim"
	ok stop web --kill
	rm -rf "$(etc)/netplan" "$(etc)/systemd/network"
	ln -s "$victim" "$(etc)/netplan"
	ln -s "../../../../../../../../../$victim" "$(etc)/systemd/network"
	ln -sfn "$victim/interfaces" "$(etc)/network/interfaces"
	mkdir -p "$(tree)/root"
	ln -sfn "$victim" "$(tree)/root/.ssh"
	ok start web
	ok set web --root-password x || true
	try set web --ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0C0v1m0kq0m1v0 test"
	[ -z "$(ls -A "$victim")" ]
	rm -f "$(etc)/netplan" "$(etc)/systemd/network" "$(tree)/root/.ssh" "$(etc)/network/interfaces"
}

@test "the resolver: a plain file is written, systemd-resolved and NetworkManager are told" {
	ok set web --nameserver 192.0.2.53 --search "example.org"
	file_has "$(etc)/resolv.conf" "nameserver 192.0.2.53"
	file_has "$(etc)/NetworkManager/conf.d/90-berth.conf" "dns=none"
	rm "$(etc)/resolv.conf"
	ln -s ../run/systemd/resolve/stub-resolv.conf "$(etc)/resolv.conf"
	ok set web --nameserver 192.0.2.54
	[ -L "$(etc)/resolv.conf" ]
	file_has "$(etc)/systemd/resolved.conf.d/berth.conf" "DNS=192.0.2.54"
	file_has "$(etc)/systemd/resolved.conf.d/berth.conf" "Domains=example.org"
}

@test "time zone and locale: set, refused when the guest does not have the zone" {
	refused 7 "the container has no /usr/share/zoneinfo/Europe/Prague" set web --timezone Europe/Prague
	[ -z "$(berth get web timezone)" ]
	mkdir -p "$(tree)/usr/share/zoneinfo/Europe"
	cp /usr/share/zoneinfo/UTC "$(tree)/usr/share/zoneinfo/Europe/Prague" 2> /dev/null || echo TZif > "$(tree)/usr/share/zoneinfo/Europe/Prague"
	echo Etc/UTC > "$(etc)/timezone"
	ok set web --timezone Europe/Prague --locale C.UTF-8
	[ "$(readlink "$(etc)/localtime")" = ../usr/share/zoneinfo/Europe/Prague ]
	file_has "$(etc)/timezone" Europe/Prague
	file_has "$(etc)/locale.conf" LANG=C.UTF-8
	refused 2 "accepted is a zone of the tz database" set web --timezone ../../etc/passwd
	refused 2 "accepted is a locale" set web --locale 'x y'
}

@test "root's password: given at create and to a running guest, by stdin too; what login(1) checks is it" {
	ok set web --root-password 'first secret'
	checks() { python3 -c 'import crypt, sys; line = [l for l in open(sys.argv[1]) if l.startswith("root:")]; assert len(line) == 1; h = line[0].split(":")[1]; sys.exit(crypt.crypt(sys.argv[2], h) != h)' "$(etc "$2")/shadow" "$1" 2> /dev/null; }
	checks 'first secret' web
	! grep -q 'first secret' -r "$BERTH_ROOT/var/lib/berth/containers/web/container.conf" "$BERTH_ROOT/run" || false
	printf 'second one\n' | berth set web --root-password -
	checks 'second one' web
	! checks 'first secret' web || false
	[ "$(stat -c %a:%u "$(etc)/shadow")" = 600:0 ]
	chmod 000 "$(etc)/shadow"
	ok set web --root-password third
	checks third web
	[ "$(stat -c %a "$(etc)/shadow")" = 0 ]
	ok create new --template busybox --root-password fourth
	checks fourth new
	ok destroy new
	refused 2 "accepted are 1 to 256 bytes" set web --root-password ''
	refused 2 "control characters" set web --root-password $'a\tb'
	# A program inside that holds the lock is waited for, and not for ever.
	exec 8> "$(etc)/.pwd.lock"
	python3 -c 'import fcntl, time; f = open("'"$(etc)/.pwd.lock"'", "w"); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(2)' 3>&- 8>&- &
	sleep 0.5
	ok set web --root-password fifth
	checks fifth web
	exec 8>&-
	wait
}

@test "ssh keys: added once, by text and by file; what is no key is refused" {
	local key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0C0v1m0kq0m1v0aaaaaaaaaaaaaaaaaaaaaaaa one@example.org"
	printf '# keys\n%s\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7aaaaaaaaaaaaaaaaaaaaaaaaaaaa two\n' "$key" > "$BATS_TEST_TMPDIR/keys"
	rm -rf "$(tree)/root/.ssh"
	ok set web --ssh-key "$key"
	ok set web --ssh-key "$key" --ssh-key "$BATS_TEST_TMPDIR/keys"
	[ "$(wc -l < "$(tree)/root/.ssh/authorized_keys")" = 2 ]
	[ "$(stat -c %a:%u "$(tree)/root/.ssh")" = 700:0 ]
	[ "$(stat -c %a:%u "$(tree)/root/.ssh/authorized_keys")" = 600:0 ]
	printf 'own' >> "$(tree)/root/.ssh/authorized_keys"
	ok set web --ssh-key "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY three"
	file_has "$(tree)/root/.ssh/authorized_keys" own
	[ "$(wc -l < "$(tree)/root/.ssh/authorized_keys")" = 4 ]
	echo "-----BEGIN OPENSSH PRIVATE KEY-----" > "$BATS_TEST_TMPDIR/private"
	refused 2 "is no public key" set web --ssh-key "$BATS_TEST_TMPDIR/private"
	refused 2 "is no public key" set web --ssh-key "ssh-ed25519 short"
	refused 2 "cannot read" set web --ssh-key /nonexistent
	refused 2 "is no public key" create other --template busybox --ssh-key "ssh-rsa x"
	refused 3 "no container" status other
}

@test "user data: for a template with cloud-init, as a NoCloud seed with an instance of its own" {
	printf '#cloud-config\nruncmd: [ "touch /root/ran" ]\n' > "$BATS_TEST_TMPDIR/user-data"
	refused 7 "the template has no cloud-init" create cloudy --template busybox --user-data "$BATS_TEST_TMPDIR/user-data"
	refused 3 "no container" status cloudy
	rm "$BERTH_ROOT/var/lib/berth/templates"
	cp -a "$BERTH_TEST_TEMPLATES/busybox/rootfs" "$BATS_TEST_TMPDIR/t"
	: > "$BATS_TEST_TMPDIR/t/usr/bin/cloud-init"
	ok template import cloudy "$BATS_TEST_TMPDIR/t"
	ok create cloudy --template cloudy --user-data "$BATS_TEST_TMPDIR/user-data" --hostname cloudy.example.org
	cmp "$BATS_TEST_TMPDIR/user-data" "$(tree cloudy)/var/lib/cloud/seed/nocloud/user-data"
	file_has "$(tree cloudy)/var/lib/cloud/seed/nocloud/meta-data" "instance-id: $(status_of cloudy uuid)"
	file_has "$(tree cloudy)/var/lib/cloud/seed/nocloud/meta-data" "local-hostname: cloudy.example.org"
	ok destroy cloudy
	rm -rf "$BERTH_ROOT/var/lib/berth/templates"
	ln -s "$BERTH_TEST_TEMPLATES" "$BERTH_ROOT/var/lib/berth/templates"
}

@test "what was another machine's does not come along: machine-id, host keys, seeds" {
	rm "$BERTH_ROOT/var/lib/berth/templates"
	cp -a "$BERTH_TEST_TEMPLATES/busybox/rootfs" "$BATS_TEST_TMPDIR/t"
	(cd "$BATS_TEST_TMPDIR/t" && mkdir -p etc/ssh var/lib/dbus var/lib/systemd usr/bin usr/lib/systemd && echo 0123456789abcdef0123456789abcdef > etc/machine-id && chmod 444 etc/machine-id &&
		cp etc/machine-id var/lib/dbus/ && echo key > etc/ssh/ssh_host_ed25519_key && echo key > etc/ssh/ssh_host_ed25519_key.pub && echo 12 > etc/debian_version &&
		: > usr/bin/ssh-keygen && : > usr/lib/systemd/systemd && echo seed > var/lib/systemd/random-seed && echo kept > etc/ssh/sshd_config)
	ok template import machine "$BATS_TEST_TMPDIR/t"
	ok create machine --template machine
	[ -e "$(etc machine)/machine-id" ]
	[ ! -s "$(etc machine)/machine-id" ]
	[ ! -e "$(tree machine)/var/lib/dbus/machine-id" ]
	[ ! -e "$(tree machine)/var/lib/systemd/random-seed" ]
	[ "$(ls "$(etc machine)/ssh")" = sshd_config ]
	[ -L "$(etc machine)/systemd/system/multi-user.target.wants/ssh-host-keys.service" ]
	ok destroy machine
	rm -rf "$BERTH_ROOT/var/lib/berth/templates"
	ln -s "$BERTH_TEST_TEMPLATES" "$BERTH_ROOT/var/lib/berth/templates"
}

@test "push and pull: files in and out, by stdin and stdout, whole or not at all" {
	head -c 300000 /dev/urandom > "$BATS_TEST_TMPDIR/file"
	chmod 754 "$BATS_TEST_TMPDIR/file"
	ok push web "$BATS_TEST_TMPDIR/file" /root/there
	cmp "$BATS_TEST_TMPDIR/file" "$(tree)/root/there"
	[ "$(stat -c %a:%u:%g "$(tree)/root/there")" = 754:0:0 ]
	ok push web "$BATS_TEST_TMPDIR/file" /root
	cmp "$BATS_TEST_TMPDIR/file" "$(tree)/root/file"
	printf hello | berth push web - /root/hello --mode 600
	ok exec web -- cat /root/hello
	is hello
	ok pull web /root/there "$BATS_TEST_TMPDIR/back"
	cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/back"
	[ "$(berth pull web /root/hello -)" = hello ]
	ok exec web -- sh -c 'cp /bin/busybox /root/suid; chmod 4777 /root/suid; chown 1000 /root/suid'
	ok pull web /root/suid "$BATS_TEST_TMPDIR/suid"
	[ "$(stat -c %a:%u "$BATS_TEST_TMPDIR/suid")" = 755:0 ]
	refused 1 "No such file" pull web /nothing "$BATS_TEST_TMPDIR/nothing"
	refused 1 "is no file" pull web /etc "$BATS_TEST_TMPDIR/nothing"
	refused 1 "cannot open the directory" push web "$BATS_TEST_TMPDIR/file" /no/such/place
	refused 2 "accepted is an absolute path" push web "$BATS_TEST_TMPDIR/file" relative
	refused 2 "is a directory" push web "$BATS_TEST_TMPDIR" /root
	[ -z "$(ls -A "$BATS_TEST_TMPDIR" | grep -E 'nothing|part')" ]
	# A fifo does not hold it up, and links stay inside.
	ok exec web -- sh -c 'mkfifo /root/fifo; ln -s /etc/shadow /root/link; ln -s ../../../../../../../../../etc /root/up'
	refused 1 "is no file" pull web /root/fifo "$BATS_TEST_TMPDIR/nothing"
	ok pull web /root/link "$BATS_TEST_TMPDIR/shadow"
	cmp "$BATS_TEST_TMPDIR/shadow" "$(etc)/shadow"
	ok push web "$BATS_TEST_TMPDIR/file" /root/up/pushed
	[ ! -e /etc/pushed ]
	[ -e "$(etc)/pushed" ]
	# A link in the file's place is replaced, not followed.
	ok push web "$BATS_TEST_TMPDIR/file" /root/link
	[ ! -L "$(tree)/root/link" ]
	[ "$(head -c 5 "$(etc)/shadow")" = root: ]
}
