#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every distribution's script against a tiny repository or archive of the test's own, with real signatures: right ones, and wrong, expired, missing ones,
# changed and truncated files. (Debian is built from its real mirror before the tests; guests/ boots what comes of these.)

load helpers

setup_file() {
	berth_setup
	rm "$BERTH_ROOT/var/lib/berth/templates"
	export GNUPGHOME=$BERTH_ROOT/gnupg www
	# The builder is nobody of the host's: what is a mirror here must be for everybody.
	www=$(mktemp -d /var/tmp/berth-test-www.XXXXXX)
	chmod 755 "$www"
	mkdir -p "$BERTH_ROOT/etc/berth/template-keyrings"
	mkdir -m 700 "$GNUPGHOME"
	local name
	for name in right stranger; do
		gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-generate-key "$name <$name@example.org>" rsa2048 sign never
	done
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback --faked-system-time 20200101T000000 --quick-generate-key "expired <expired@example.org>" rsa2048 sign 1d
	for name in almalinux rocky fedora opensuse arch alpine gentoo ubuntu devuan; do
		for key in right expired; do echo "$name $(fingerprint $key) of the test"; done
	done > "$BERTH_ROOT/etc/berth/template-keys"
	gpg --batch --quiet --armor --export right@example.org > "$BERTH_ROOT/right.asc"
	gpg --batch --quiet --armor --export stranger@example.org > "$BERTH_ROOT/stranger.asc"
	gpg --batch --quiet --armor --export expired@example.org > "$BERTH_ROOT/expired.asc"
	small_tree "$BERTH_ROOT/small"
	package "$BERTH_ROOT/rpms"
}
teardown_file() {
	gpgconf --kill all
	rm -rf "$www"
	berth_teardown
}

teardown() { [ -z "${SERVER:-}" ] || kill "$SERVER" 2> /dev/null || true; }

fingerprint() { gpg --batch --with-colons --list-keys "$1@example.org" | sed -n 's/^fpr:*\([0-9A-F]*\):.*/\1/p' | head -n 1; }

# sign KEY FILE SIGNATURE [--armor]
sign() {
	local key=$1 file=$2 signature=$3
	shift 3
	rm -f "$signature"
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback $([ "$key" != expired ] || echo --faked-system-time 20200101T010000) "$@" \
		--local-user "$key@example.org" --output "$signature" --detach-sign "$file"
}

tree_of() { echo "$BERTH_ROOT/var/lib/berth/templates/$1/rootfs"; }
nothing_left() { [ -z "$(ls -A "$BERTH_ROOT/var/lib/berth/templates" 2> /dev/null | grep -v "${1:-^$}")" ] && [ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]; }

# A busybox tree whose package managers only note what they were asked.
small_tree() {
	local name
	mkdir -p "$1"/{bin,sbin,usr/bin,etc,etc/apk,proc,dev,sys,tmp,root,var/log,etc/runlevels,etc/init.d}
	cp "$(command -v busybox)" "$1/bin/busybox"
	for name in sh cat echo id rm mkdir; do ln -s busybox "$1/bin/$name"; done
	ln -s ../bin/busybox "$1/sbin/init"
	for name in apk pacman pacman-key xbps-install; do
		printf '#!/bin/sh\necho "%s $* as $(id -u)" >> /var/log.asked\n' $name > "$1/usr/bin/$name"
		chmod 755 "$1/usr/bin/$name"
	done
	printf 'tty1::respawn:/sbin/getty 38400 tty1\n' > "$1/etc/inittab"
	echo '#rc_sys=""' > "$1/etc/rc.conf"
	echo '#!/bin/sh' > "$1/etc/init.d/sshd"
	printf 'ID=small\nVERSION_ID=7\n' > "$1/etc/os-release"
	echo secret > "$1/etc/machine-id"
}

# One package that is all of a distribution: it has a shell, and its script says who runs it.
package() {
	local name=everything
	mkdir -p "$1" "$BERTH_ROOT/build"
	cat > "$BERTH_ROOT/build/$name.spec" <<-END
		Name: $name
		Version: 1
		Release: 1
		Summary: a distribution
		License: none
		AutoReqProv: no
		$(for word in almalinux-release rocky-release fedora-release openSUSE-release dnf dnf5 zypper systemd passwd shadow NetworkManager wicked openssh openssh-server iproute iproute2 iputils procps-ng procps \
			hostname less vim-minimal vim-small rootfiles glibc-minimal-langpack ca-certificates; do echo "Provides: $word"; done)
		%description
		A distribution in one package.
		%install
		mkdir -p %{buildroot}
		cp -a $BERTH_ROOT/small/. %{buildroot}/
		mkdir -p %{buildroot}/usr/lib/systemd/system
		touch %{buildroot}/usr/lib/systemd/system/sshd.service
		%post
		/bin/busybox id -u > /etc/script-ran-as
		/bin/busybox mknod /etc/disk b 8 0
		exit 0
		%files
		/*
	END
	rpmbuild --quiet -bb --define "_topdir $BERTH_ROOT/build" --define "_rpmdir $1" --define '_binary_payload w1.gzdio' --define '__os_install_post %{nil}' "$BERTH_ROOT/build/$name.spec" > /dev/null 2>&1
	mv "$1"/*/*.rpm "$1/everything.rpm"
}

# repository DIRECTORY KEY: of that package, signed ("" is not at all).
repository() {
	mkdir -p "$1"
	cp "$BERTH_ROOT/rpms/everything.rpm" "$1/"
	[ -z "$2" ] || rpmsign --define "_gpg_name $2@example.org" --define "__gpg /usr/bin/gpg" --define "__gpg_sign_cmd %{__gpg} gpg --batch --no-verbose --no-armor --passphrase '' --pinentry-mode loopback $([ "$2" != expired ] || echo --faked-system-time 20200101T010000) --no-secmem-warning -u %{_gpg_name} -sbo %{__signature_filename} --digest-algo sha256 %{__plaintext_filename}" \
		--addsign "$1/everything.rpm" > /dev/null 2>&1
	createrepo_c --quiet "$1"
}

@test "AlmaLinux and Rocky 9 and 10, Fedora, openSUSE: from a signed repository, the scripts as nobody of the host" {
	local name release machine
	machine=$(uname -m)
	for release in 9 10; do
		repository "$www/el/$release/BaseOS/$machine/os" right
		repository "$www/el/$release/AppStream/$machine/os" right
		cp "$BERTH_ROOT/right.asc" "$www/el/RPM-GPG-KEY-AlmaLinux-$release"
		cp "$BERTH_ROOT/right.asc" "$www/el/RPM-GPG-KEY-Rocky-$release"
	done
	for path in releases/43/Everything/$machine/os updates/43/Everything/$machine distribution/leap/15.6/repo/oss distribution/leap/16.0/repo/oss/$machine tumbleweed/repo/oss; do
		repository "$www/$path" right
		cp "$BERTH_ROOT/right.asc" "$www/$path/repodata/repomd.xml.key"
	done
	gpg --dearmor < "$BERTH_ROOT/right.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/fedora.gpg"
	for name in almalinux:9:el almalinux:10:el rocky:9:el rocky:10:el fedora:43: opensuse:15.6: opensuse:16.0: opensuse:tumbleweed:; do
		ok template build "${name%:*}" --mirror "file://$www/${name##*:}"
		name=${name%:*}
		tree=$(tree_of "${name/:/-}")
		[ "$(cat "$tree/etc/script-ran-as")" = 0 ]
		[ ! -e "$tree/etc/disk" ]
		[ ! -s "$tree/etc/machine-id" ]
		[ -L "$tree/etc/systemd/system/multi-user.target.wants/sshd.service" ]
		ok template show "$name"
		has "distribution  ${name%:*}"
		has "release       ${name#*:}"
		has "init          systemd"
		ok template delete "$name"
	done
	nothing_left
}

@test "rpm: a stranger's signature, none, an expired key, a changed index, a changed or truncated package: refused; --insecure takes them" {
	local machine mirror=$www/bad kind
	machine=$(uname -m)
	for kind in stranger "" right; do
		rm -rf "$mirror"
		repository "$mirror/9/BaseOS/$machine/os" "$kind"
		repository "$mirror/9/AppStream/$machine/os" "$kind"
		cp "$BERTH_ROOT/right.asc" "$mirror/RPM-GPG-KEY-AlmaLinux-9"
		[ "$kind" = right ] || refused 1 "not signed by a pinned key" template build almalinux:9 --mirror "file://$mirror"
	done
	cp "$BERTH_ROOT/stranger.asc" "$mirror/RPM-GPG-KEY-AlmaLinux-9"
	refused 1 "none of the keys is one that is pinned" template build almalinux:9 --mirror "file://$mirror"
	cp "$BERTH_ROOT/expired.asc" "$mirror/RPM-GPG-KEY-AlmaLinux-9"
	refused 1 "the pinned key has expired" template build almalinux:9 --mirror "file://$mirror"
	rm "$mirror/RPM-GPG-KEY-AlmaLinux-9"
	refused 1 "there are no keys to verify almalinux:9 with" template build almalinux:9 --mirror "file://$mirror"
	cp "$BERTH_ROOT/right.asc" "$mirror/RPM-GPG-KEY-AlmaLinux-9"
	printf 'x' | dd of="$(ls "$mirror/9/BaseOS/$machine"/os/repodata/*primary.xml*)" bs=1 seek=50 conv=notrunc status=none
	refused 1 "dnf could not install" template build almalinux:9 --mirror "file://$mirror"
	for damage in change truncate; do
		for part in BaseOS AppStream; do
			rm -rf "$mirror/9/$part"
			repository "$mirror/9/$part/$machine/os" right
			if [ $damage = change ]; then
				printf 'xxxx' | dd of="$mirror/9/$part/$machine/os/everything.rpm" bs=1 seek=20000 conv=notrunc status=none
			else
				truncate -s -4000 "$mirror/9/$part/$machine/os/everything.rpm"
			fi
		done
		refused 1 "dnf could not install" template build almalinux:9 --mirror "file://$mirror"
	done
	nothing_left
	rm -rf "$mirror"
	repository "$mirror/9/BaseOS/$machine/os" ""
	repository "$mirror/9/AppStream/$machine/os" stranger
	ok template build almalinux:9 --mirror "file://$mirror" --insecure
	ok template delete almalinux:9
}

# The archives, each where its distribution's mirror has it: archive NAME KEY.
archive() {
	local machine deb file list
	machine=$(uname -m)
	deb=$(dpkg --print-architecture)
	case $1 in
	alpine)
		file=$www/alpine/v3.22/releases/$machine/alpine-minirootfs-3.22.1-$machine.tar.gz
		mkdir -p "$(dirname "$file")"
		tar -C "$BERTH_ROOT/small" -czf "$file" .
		printf -- '-\n  branch: v3.22\n  file: %s\n' "$(basename "$file")" > "$(dirname "$file")/latest-releases.yaml"
		cp "$BERTH_ROOT/right.asc" "$www/alpine/ncopa.asc"
		sign "$2" "$file" "$file.asc" --armor
		;;
	arch)
		file=$www/arch/iso/latest/archlinux-bootstrap-$machine.tar.zst
		mkdir -p "$(dirname "$file")" "$BERTH_ROOT/arch/root.$machine"
		cp -a "$BERTH_ROOT/small/." "$BERTH_ROOT/arch/root.$machine/"
		mkdir -p "$BERTH_ROOT/arch/root.$machine"/{etc/pacman.d,usr/lib/systemd/system}
		printf '#DisableSandbox\nCheckSpace\n' > "$BERTH_ROOT/arch/root.$machine/etc/pacman.conf"
		tar -C "$BERTH_ROOT/arch" --zstd -cf "$file" "root.$machine"
		gpg --dearmor < "$BERTH_ROOT/right.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/arch.gpg"
		sign "$2" "$file" "$file.sig"
		;;
	gentoo)
		file=$www/gentoo/releases/$deb/autobuilds/20260101T000000Z/stage3-$deb-openrc-20260101T000000Z.tar.xz
		mkdir -p "$(dirname "$file")"
		tar -C "$BERTH_ROOT/small" -cJf "$file" .
		printf '# a comment\n20260101T000000Z/%s 12345\n' "$(basename "$file")" > "$www/gentoo/releases/$deb/autobuilds/latest-stage3-$deb-openrc.txt"
		gpg --dearmor < "$BERTH_ROOT/right.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/gentoo.gpg"
		sign "$2" "$file" "$file.asc" --armor
		;;
	void)
		file=$www/void/live/current/void-$machine-ROOTFS-20260101.tar.xz
		mkdir -p "$(dirname "$file")"
		tar -C "$BERTH_ROOT/small" -cJf "$file" .
		list=$(dirname "$file")/sha256sum.txt
		echo "SHA256 ($(basename "$file")) = $(sha256sum < "$file" | cut -c1-64)" > "$list"
		for key in right stranger; do [ -e "$BERTH_ROOT/$key.key" ] || minisign -G -W -p "$BERTH_ROOT/$key.pub" -s "$BERTH_ROOT/$key.key" > /dev/null; done
		minisign -S -s "$BERTH_ROOT/$2.key" -x "$(dirname "$file")/sha256sum.sig" -m "$list" > /dev/null
		grep -q ^void "$BERTH_ROOT/etc/berth/template-keys" || echo "void $(tail -n 1 "$BERTH_ROOT/right.pub") of the test" >> "$BERTH_ROOT/etc/berth/template-keys"
		;;
	esac
	ARCHIVE=$file
}
release_of() { case $1 in alpine) echo alpine:3.22 ;; gentoo) echo gentoo:openrc ;; *) echo "$1" ;; esac; }

@test "Alpine, Arch, Gentoo, Void: from a signed archive; their package managers run inside" {
	local name template tree
	for name in alpine arch gentoo void; do
		archive $name right
		template=$(release_of $name)
		ok template build "$template" --mirror "file://$www/$name"
		tree=$(tree_of "${template/:/-}")
		[ -x "$tree/bin/busybox" ]
		[ ! -s "$tree/etc/machine-id" ]
		[ $name = gentoo ] || grep -q ' as 0' "$tree/var/log.asked"
		ok template show "$template"
		has "distribution  $name"
		ok template delete "$template"
	done
	nothing_left
}

@test "archives: a stranger's signature, an expired key, a changed or truncated archive, none at all: refused; --insecure takes them" {
	local name template
	for name in alpine arch gentoo void; do
		template=$(release_of $name)
		archive $name stranger
		refused 1 "there is no signature by a pinned key" template build "$template" --mirror "file://$www/$name"
		ok template build "$template" --mirror "file://$www/$name" --insecure
		ok template delete "$template"
		if [ $name != void ]; then
			archive $name expired
			refused 1 "" template build "$template" --mirror "file://$www/$name"
			rm "$ARCHIVE".???
			refused 1 "" template build "$template" --mirror "file://$www/$name"
		fi
		archive $name right
		printf 'x' | dd of="$ARCHIVE" bs=1 seek=3000 conv=notrunc status=none
		refused 1 "" template build "$template" --mirror "file://$www/$name"
		archive $name right
		truncate -s -500 "$ARCHIVE"
		refused 1 "" template build "$template" --mirror "file://$www/$name"
		rm "$ARCHIVE"
		refused 1 "" template build "$template" --mirror "file://$www/$name"
		nothing_left
	done
}

@test "a download that is cut short by the server is a failure, and not a template" {
	archive alpine right
	python3 - "$www/alpine" "$BATS_TEST_TMPDIR/port" > /dev/null 2>&1 3>&- <<-'END' &
		import http.server, os, sys
		class Handler(http.server.SimpleHTTPRequestHandler):
		    def do_GET(self):
		        path = sys.argv[1] + self.path
		        data = open(path, "rb").read()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(data)))
		        self.end_headers()
		        self.wfile.write(data[: len(data) // 2] if path.endswith(".tar.gz") else data)
		        self.close_connection = True
		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		open(sys.argv[2], "w").write(str(server.server_port))
		server.serve_forever()
	END
	SERVER=$!
	eventually 10 test -s "$BATS_TEST_TMPDIR/port"
	refused 1 "bytes remaining" template build alpine:3.22 --mirror "http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")"
	# The same through a proxy, which is asked for the address as it is.
	http_proxy=http://127.0.0.1:1 refused 1 "127.0.0.1" template build alpine:3.22 --mirror "http://mirror.example/alpine"
	kill "$SERVER"
	nothing_left
}

# An apt repository with nothing in it but its signed index: apt KEY.
apt_index() {
	local top=$www/apt/dists/noble suite
	for suite in noble noble-updates noble-security; do
		top=$www/apt/dists/$suite
		mkdir -p "$top"/{main,universe}/binary-"$(dpkg --print-architecture)"
		for part in main universe; do : > "$top/$part/binary-$(dpkg --print-architecture)/Packages"; done
		(cd "$top" && rm -f Release InRelease && apt-ftparchive -o APT::FTPArchive::Release::Suite=$suite -o APT::FTPArchive::Release::Codename=$suite release . > ../Release.new && mv ../Release.new Release)
		gpg --batch --quiet --passphrase '' --pinentry-mode loopback $([ "$1" != expired ] || echo --faked-system-time 20200101T010000) --local-user "$1@example.org" --clearsign --output "$top/InRelease" "$top/Release"
	done
}

@test "apt: a stranger's signature, an expired key, a changed index: refused (Ubuntu, Devuan's and Debian's way too)" {
	gpg --dearmor < "$BERTH_ROOT/right.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/ubuntu.gpg"
	apt_index stranger
	refused 1 "" template build ubuntu:24.04 --mirror "file://$www/apt"
	[[ $stderr == *"public key is not available"* || $stderr == *"NO_PUBKEY"* || $stderr == *"not signed"* ]] || story "expected the key to be the reason"
	gpg --dearmor < "$BERTH_ROOT/expired.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/ubuntu.gpg"
	refused 1 "the pinned key has expired" template build ubuntu:24.04 --mirror "file://$www/apt"
	gpg --dearmor < "$BERTH_ROOT/right.asc" > "$BERTH_ROOT/etc/berth/template-keyrings/ubuntu.gpg"
	apt_index right
	sed -i 's/^Codename: .*/Codename: changed/' "$www/apt/dists/noble/InRelease"
	refused 1 "" template build ubuntu:24.04 --mirror "file://$www/apt"
	apt_index right
	echo "Package: evil" > "$www/apt/dists/noble/main/binary-$(dpkg --print-architecture)/Packages"
	refused 1 "" template build ubuntu:24.04 --mirror "file://$www/apt"
	nothing_left
}

@test "what is not known and what has no mirror is refused with what is accepted" {
	refused 1 "accepted are ubuntu:22.04 and ubuntu:24.04" template build ubuntu:8.04
	refused 1 "no mirror is known for ubuntu:24.04: give --mirror URL" template build ubuntu:24.04
	refused 1 "accepted are devuan:5 and devuan:6" template build devuan:1
	refused 1 "accepted are almalinux:9 and almalinux:10" template build almalinux:7
	refused 1 "the template's name is arch" template build arch:2
	refused 3 "there is no script" template build plan9
	refused 2 "accepted are http, https and file URLs" template build void --mirror ftp://mirror.example
	nothing_left
}
