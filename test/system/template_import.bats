#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Templates of strangers' making: archives, directories, image layouts, an index on a server; and a template as an archive.

load helpers

setup_file() {
	berth_setup
	# A templates directory of its own: this file imports and deletes.
	rm "$BERTH_ROOT/var/lib/berth/templates"
	berth template build busybox
	export GNUPGHOME=$BERTH_ROOT/gnupg
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --no-autostart --passphrase '' --pinentry-mode loopback --version > /dev/null
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-generate-key 'Index <index@example.org>' ed25519 sign never
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-generate-key 'Stranger <stranger@example.org>' ed25519 sign never
	gpg --batch --quiet --export index@example.org > "$BERTH_ROOT/index.gpg"
}
teardown_file() {
	gpgconf --kill all
	berth_teardown
}

# A server that a failed test has left.
teardown() { [ -z "${SERVER:-}" ] || kill "$SERVER" 2> /dev/null || true; }

templates() { echo "$BERTH_ROOT/var/lib/berth/templates"; }
tree_of() { echo "$BERTH_ROOT/var/lib/berth/templates/$1/rootfs"; }

# A tree with everything that an archive can carry, below $1.
rich_tree() {
	cp -a "$(tree_of busybox)" "$1"
	(
		cd "$1"
		install -m 4755 -o 0 -g 0 bin/busybox bin/su2
		chown 12:34 mnt
		ln etc/group etc/group2
		ln -s ../nowhere/at/all etc/dangling
		ln -s /etc/passwd etc/absolute
		truncate -s 200M etc/sparse && printf end >> etc/sparse
		printf 'x' > "etc/name with blanks and ü"
		setfacl -m u:1:rw etc/passwd
		setfacl -d -m g:5:rx srv
		setfattr -n user.note -v kept etc/group
		python3 -c 'import os; os.setxattr("bin/su2", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))'
		touch -d 2001-02-03 srv etc/dangling -h
		mkdir -p dev && mknod dev/null c 1 3
		mkdir -p "$(printf 'deep/%.0s' {1..60})"
	)
}

facts() { (cd "$1" && find . ! -type c ! -name .berth-template -printf '%p %m %U %G %y %l %s\n' | sed 's/ d \(.*\) [0-9]*$/ d \1/' | sort); }

check_rich() {
	[ "$(facts "$1")" = "$(facts "$2")" ] || { diff <(facts "$1") <(facts "$2"); return 1; }
	[ "$(stat -c %i "$2/etc/group")" = "$(stat -c %i "$2/etc/group2")" ]
	[ "$(stat -c %b "$2/etc/sparse")" -lt 100 ]
	[ "$(tail -c 3 "$2/etc/sparse")" = end ]
	[ "$(getfacl -cn "$2/etc/passwd" "$2/srv" 2> /dev/null)" = "$(getfacl -cn "$1/etc/passwd" "$1/srv" 2> /dev/null)" ]
	[ "$(getfattr --only-values -n user.note "$2/etc/group")" = kept ]
	[ "$(stat -c %y "$2/srv" | cut -c1-10)" = 2001-02-03 ]
	getcap -n "$2/bin/su2" | grep -q 'cap_chown\|='
}

@test "a tarball of each compression comes in whole: owners, modes, links, ACLs, attributes, capabilities, holes" {
	local source=$BATS_TEST_TMPDIR/tree kind
	rich_tree "$source"
	for kind in gzip xz zstd bzip2 none; do
		(cd "$source" && tar --create --numeric-owner --acls --xattrs --xattrs-include='*' --sparse --$([ $kind = none ] && echo no-auto-compress || echo $kind) -f "$BATS_TEST_TMPDIR/$kind.tar" .)
		ok template import "$kind" "$BATS_TEST_TMPDIR/$kind.tar"
		check_rich "$source" "$(tree_of "$kind")"
		[ ! -e "$(tree_of "$kind")/dev/null" ]
		ok template show "$kind"
		has "distribution  busybox"
		has "init          busybox"
		has "origin        import"
		ok create "of-$kind" --template "$kind"
		ok start "of-$kind"
		ok exec "of-$kind" -- cat "/etc/name with blanks and ü"
		is x
		ok destroy --force "of-$kind"
		ok template delete "$kind"
	done
}

@test "from stdin, from a directory, with old tar formats" {
	local source=$BATS_TEST_TMPDIR/tree format
	cp -a "$(tree_of busybox)" "$source"
	tar -C "$source" -c . | berth template import piped -
	ok template import directory "$source"
	for format in v7 ustar gnu pax; do
		tar -C "$source" --format=$format -cf "$BATS_TEST_TMPDIR/$format.tar" .
		ok template import $format "$BATS_TEST_TMPDIR/$format.tar"
		[ "$(facts "$source")" = "$(facts "$(tree_of $format)")" ]
	done
	[ "$(facts "$source")" = "$(facts "$(tree_of piped)")" ]
	[ "$(facts "$source")" = "$(facts "$(tree_of directory)")" ]
	chown 70000 "$source/mnt"
	refused 1 "belongs to 70000; a container has the ids 0 to 65535" template import directory2 "$source"
	refused 4 "is built already" template import piped "$BATS_TEST_TMPDIR/pax.tar"
	refused 2 "cannot open" template import nothing /nonexistent
}

@test "an image of LXC or Incus: metadata and rootfs" {
	local image=$BATS_TEST_TMPDIR/image
	mkdir "$image" "$image/templates"
	echo 'architecture: x86_64' > "$image/metadata.yaml"
	echo '{{ container.name }}' > "$image/templates/hostname.tpl"
	cp -a "$(tree_of busybox)" "$image/rootfs"
	tar -C "$image" -cJf "$BATS_TEST_TMPDIR/image.tar.xz" metadata.yaml templates rootfs
	ok template import lxc "$BATS_TEST_TMPDIR/image.tar.xz"
	[ "$(facts "$image/rootfs")" = "$(facts "$(tree_of lxc)")" ]
}

@test "hostile archives: every one is refused with the reason, and nothing is written anywhere" {
	local name reason count=0
	while read -r name reason; do
		python3 "$BATS_TEST_DIRNAME/hostile.py" "$name" "$BATS_TEST_TMPDIR/$name"
		refused 1 "$reason" template import hostile "$BATS_TEST_TMPDIR/$name" --max-size 64M
		[ "$(ls -A "$(templates)" | grep hostile)" = "" ] || story "$name left something"
		count=$((count + 1))
	done < <(python3 "$BATS_TEST_DIRNAME/hostile.py")
	[ "$count" -ge 40 ]
	[ ! -e /var/tmp/berth-escaped ]
	[ ! -e /berth-escaped ]
	[ ! -e "$BERTH_ROOT/berth-escaped" ]
	[ -z "$(find "$(templates)" /tmp /var/tmp -name berth-escaped)" ]
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]
}

@test "an archive larger than the disk: refused, and the disk is as it was" {
	local disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=48M none "$disk"
	mkdir -p "$disk/var/lib/berth"
	head -c 100000000 /dev/zero > "$BATS_TEST_TMPDIR/zeros"
	tar -C "$BATS_TEST_TMPDIR" -czf "$BATS_TEST_TMPDIR/zeros.tar.gz" zeros
	refused 1 "No space left" template import large "$BATS_TEST_TMPDIR/zeros.tar.gz" --root "$disk"
	[ -z "$(ls -A "$disk/var/lib/berth/templates")" ]
	[ "$(df --output=used -k "$disk" | tail -n 1)" -lt 1000 ]
	umount "$disk"
}

# Three layers: files; a whiteout, a changed file, a directory for a file; an opaque directory.
layers() {
	local one=$BATS_TEST_TMPDIR/1 two=$BATS_TEST_TMPDIR/2 three=$BATS_TEST_TMPDIR/3
	mkdir -p "$one"/{bin,etc/old,srv/data} "$two"/{etc,srv/data} "$three/etc/old"
	cp /bin/busybox "$one/bin/hello"
	for name in kept gone changed kind; do echo one > "$one/etc/$name"; done
	echo one > "$one/etc/old/hidden"
	echo one > "$one/srv/data/file"
	: > "$two/etc/.wh.gone"
	: > "$two/srv/.wh.data"
	rmdir "$two/srv/data"
	echo two > "$two/etc/changed"
	mkdir "$two/etc/kind"
	: > "$three/etc/old/.wh..wh..opq"
	echo three > "$three/etc/old/new"
	for name in 1 2 3; do tar -C "$BATS_TEST_TMPDIR/$name" -cf "$BATS_TEST_TMPDIR/$name.tar" .; done
	printf '%s\n' "$BATS_TEST_TMPDIR"/{1,2,3}.tar
}

@test "an OCI image layout: layers, whiteouts, opaque directories; its command is what its containers run" {
	mapfile -t layers < <(layers)
	local tree
	python3 "$BATS_TEST_DIRNAME/oci.py" "$BATS_TEST_TMPDIR/image" "${layers[@]}"
	ok template import app "$BATS_TEST_TMPDIR/image"
	tree=$(tree_of app)
	[ "$(cat "$tree/etc/kept" "$tree/etc/changed" "$tree/etc/old/new")" = $'one\ntwo\nthree' ]
	[ -d "$tree/etc/kind" ]
	[ ! -e "$tree/etc/gone" ]
	[ ! -e "$tree/srv/data" ]
	[ ! -e "$tree/etc/old/hidden" ]
	[ -z "$(find "$tree" -name '.wh.*')" ]
	ok template show app --json
	[ "$(json_get .command <<< "$output")" = '/bin/hello "a b"' ]
	[ "$(json_get .init <<< "$output")" = program ]
	python3 "$BATS_TEST_DIRNAME/oci.py" "$BATS_TEST_TMPDIR/indexed" --index "${layers[@]}"
	ok template import indexed "$BATS_TEST_TMPDIR/indexed"
}

@test "an OCI image layout that is wrong: digest, machine, path, which image" {
	mapfile -t layers < <(layers)
	local name
	for name in bad-digest other-machine escape two; do python3 "$BATS_TEST_DIRNAME/oci.py" "$BATS_TEST_TMPDIR/$name" --$name "${layers[@]}"; done
	refused 1 "and should be" template import wrong "$BATS_TEST_TMPDIR/bad-digest"
	refused 1 "the image is for mips machines" template import wrong "$BATS_TEST_TMPDIR/other-machine"
	refused 1 "an image without a SHA-256 digest" template import wrong "$BATS_TEST_TMPDIR/escape"
	refused 1 "it has 2 images; name one" template import wrong "$BATS_TEST_TMPDIR/two"
	refused 1 "it has no image of the name three" template import wrong "$BATS_TEST_TMPDIR/two" --image three
	ok template import second "$BATS_TEST_TMPDIR/two" --image two
	[ -e "$(tree_of second)/etc/gone" ]
	printf '../../berth-escaped' > "$BATS_TEST_TMPDIR/two/index.json"
	refused 1 "it is no index of images" template import wrong "$BATS_TEST_TMPDIR/two"
	# A layer that reaches out through a link of the layer below.
	mkdir -p "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b/out"
	ln -s /var/tmp "$BATS_TEST_TMPDIR/a/out"
	echo x > "$BATS_TEST_TMPDIR/b/out/berth-escaped"
	tar -C "$BATS_TEST_TMPDIR/a" -cf "$BATS_TEST_TMPDIR/a.tar" out
	tar -C "$BATS_TEST_TMPDIR/b" -cf "$BATS_TEST_TMPDIR/b.tar" out/berth-escaped
	python3 "$BATS_TEST_DIRNAME/oci.py" "$BATS_TEST_TMPDIR/through" "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
	refused 1 "through symlink" template import wrong "$BATS_TEST_TMPDIR/through"
	[ ! -e /var/tmp/berth-escaped ]
	[ -z "$(ls -A "$(templates)" | grep wrong)" ]
}

@test "export and import again: nothing is lost; a file that is cut short is not left" {
	local source=$BATS_TEST_TMPDIR/tree end
	rich_tree "$source"
	ok template import rich "$source"
	for end in tar tar.gz tar.xz tar.zst; do
		ok template export rich "$BATS_TEST_TMPDIR/rich.$end"
		ok template import again "$BATS_TEST_TMPDIR/rich.$end"
		check_rich "$source" "$(tree_of again)"
		ok template delete again
	done
	berth template export rich - | berth template import again -
	check_rich "$source" "$(tree_of again)"
	refused 2 "accepted are" template export rich "$BATS_TEST_TMPDIR/rich.zip"
	mkdir "$BATS_TEST_TMPDIR/directory.tar"
	refused 2 "cannot write" template export rich "$BATS_TEST_TMPDIR/directory.tar"
	[ ! -e "$BATS_TEST_TMPDIR/directory.tar.part" ]
	refused 3 "is not built" template export nothing "$BATS_TEST_TMPDIR/nothing.tar"
	[ -z "$(ls "$BATS_TEST_TMPDIR" | grep -E 'part|nothing')" ]
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]
}

@test "update: a script's template is built anew, an import says how" {
	mkdir -p "$BERTH_ROOT/etc/berth/templates"
	printf '. "$BERTH_GIVEN/functions"\nmkdir -p "$BERTH_ROOTFS/etc"\necho "$BERTH_MIRROR" > "$BERTH_ROOTFS/etc/mirror"\ndate +%%N > "$BERTH_ROOTFS/etc/built"\nfacts program\n' > "$BERTH_ROOT/etc/berth/templates/mine"
	ok template build mine --mirror http://mirror.example/mine
	local before
	before=$(cat "$(tree_of mine)/etc/built")
	ok template update mine
	[ "$(cat "$(tree_of mine)/etc/built")" != "$before" ]
	[ "$(cat "$(tree_of mine)/etc/mirror")" = http://mirror.example/mine ]
	printf 'exit 1\n' >> "$BERTH_ROOT/etc/berth/templates/mine"
	refused 1 "its script failed" template update mine
	[ "$(cat "$(tree_of mine)/etc/mirror")" = http://mirror.example/mine ]
	ok template import imported "$(tree_of busybox)"
	refused 5 "was imported; import it anew" template update imported
	printf 'version = 1\ntemplate-mirror = other http://other.example\ntemplate-mirror = mine http://configured.example/mine\n' > "$BERTH_ROOT/etc/berth/berth.conf"
	sed -i '$d' "$BERTH_ROOT/etc/berth/templates/mine"
	ok template build mine --replace
	[ "$(cat "$(tree_of mine)/etc/mirror")" = http://configured.example/mine ]
	rm "$BERTH_ROOT/etc/berth/berth.conf"
}

# --- an index on a server -----------------------------------------------------------------------------------------------------

# A server with a certificate of its own, and an index with busybox/1 in two versions.
serve() {
	local www=$BATS_TEST_TMPDIR/www file
	mkdir -p "$www/streams/v1" "$www/images"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout "$BATS_TEST_TMPDIR/key" -out "$BERTH_ROOT/authority" 2> /dev/null
	for file in old new; do
		rm -rf "$BATS_TEST_TMPDIR/t"
		cp -a "$(tree_of busybox)" "$BATS_TEST_TMPDIR/t"
		echo $file > "$BATS_TEST_TMPDIR/t/etc/version"
		tar -C "$BATS_TEST_TMPDIR/t" -cJf "$www/images/$file.tar.xz" .
	done
	index
	python3 - "$www" "$BERTH_ROOT/authority" "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/port" > /dev/null 2>&1 3>&- <<-'END' &
		import functools, http.server, ssl, sys
		handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[2], sys.argv[3])
		server.socket = context.wrap_socket(server.socket, server_side=True)
		open(sys.argv[4], "w").write(str(server.server_port))
		server.serve_forever()
	END
	SERVER=$!
	eventually 10 test -s "$BATS_TEST_TMPDIR/port"
	mkdir -p "$BERTH_ROOT/etc/berth"
	printf 'version = 1\ntemplate-index = https://localhost:%s\ntemplate-keyring = %s\ntemplate-authority = %s\n' "$(cat "$BATS_TEST_TMPDIR/port")" \
		"$BERTH_ROOT/index.gpg" "$BERTH_ROOT/authority" > "$BERTH_ROOT/etc/berth/berth.conf"
}

index() {
	local www=$BATS_TEST_TMPDIR/www machine
	machine=$(dpkg --print-architecture)
	python3 - "$www" "$machine" <<-'END'
		import hashlib, json, os, sys
		def item(name):
		    data = open(os.path.join(sys.argv[1], "images", name + ".tar.xz"), "rb").read()
		    return {"items": {"root": {"ftype": "root.tar.xz", "path": "images/" + name + ".tar.xz", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}}}
		product = {"aliases": "busybox/1, busybox/stable", "arch": sys.argv[2], "versions": {"20260101_01:00": item("old"), "20260301_01:00": item("new")}}
		open(os.path.join(sys.argv[1], "streams/v1/images.json"), "w").write(json.dumps({"format": "products:1.0", "products": {"busybox:1": product}}))
	END
	sign index@example.org
}

sign() {
	rm -f "$BATS_TEST_TMPDIR/www/streams/v1/images.json.gpg"
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback --local-user "$1" --output "$BATS_TEST_TMPDIR/www/streams/v1/images.json.gpg" --detach-sign "$BATS_TEST_TMPDIR/www/streams/v1/images.json"
}

@test "fetch: the newest image of a signed index over https; update fetches again" {
	refused 7 "berth.conf names no index of images" template fetch busybox:1
	serve
	ok template fetch busybox:1
	[ "$(cat "$(tree_of busybox-1)/etc/version")" = new ]
	ok template show busybox:1
	has "origin        index"
	cp "$BATS_TEST_TMPDIR/www/images/old.tar.xz" "$BATS_TEST_TMPDIR/www/images/new.tar.xz"
	index
	ok template update busybox:1
	[ "$(cat "$(tree_of busybox-1)/etc/version")" = old ]
	refused 3 "the index has no debian/99" template fetch debian:99
	kill "$SERVER"
}

@test "fetch: wrong key, changed index, changed or truncated image, unknown certificate, no server: refused, nothing left" {
	serve
	local www=$BATS_TEST_TMPDIR/www
	sign stranger@example.org
	refused 1 "there is no signature by a pinned key" template fetch busybox:2
	index
	sed -i 's/stable/2/' "$www/streams/v1/images.json"
	refused 1 "the signature does not fit: the file was changed" template fetch busybox:2
	rm "$www/streams/v1/images.json.gpg"
	refused 1 "404" template fetch busybox:1 --replace
	index
	printf 'x' | dd of="$www/images/new.tar.xz" bs=1 seek=5000 conv=notrunc status=none
	refused 1 "and should be" template fetch busybox:stable
	truncate -s -100 "$www/images/new.tar.xz"
	refused 1 "and should be" template fetch busybox:stable
	head -c 1000000 /dev/zero >> "$www/images/new.tar.xz"
	refused 1 "longer than the" template fetch busybox:stable
	sed -i '/authority/d' "$BERTH_ROOT/etc/berth/berth.conf"
	refused 1 "certificate" template fetch busybox:stable
	kill "$SERVER"
	wait "$SERVER" || true
	refused 1 "localhost" template fetch busybox:stable
	[ -z "$(ls -A "$(templates)" | grep -E 'busybox-(2|stable)|building')" ]
	rm "$BERTH_ROOT/etc/berth/berth.conf"
}

@test "an import that is killed leaves nothing that recover does not take away" {
	mkfifo "$BATS_TEST_TMPDIR/slow"
	(tar -C "$(tree_of busybox)" -c . | head -c 40000; sleep 5) > "$BATS_TEST_TMPDIR/slow" 3>&- &
	timeout -s KILL 1 berthctl template import slow "$BATS_TEST_TMPDIR/slow" || true
	ok recover
	[ -z "$(ls -A "$(templates)" | grep slow)" ]
	[ -z "$(find "$BERTH_ROOT/var/lib/berth/ids" -type l)" ]
}

@test "sizes that are none, and options of another verb, are refused" {
	local size
	for size in 0 -1 1.5.0G 12Q nan 1e400; do refused 2 "max-size: '$size' is not acceptable" template import sized "$BATS_TEST_TMPDIR" --max-size "$size"; done
	refused 2 "template build has no option --max-size; it is for import, fetch, update" template build busybox --max-size 1G
	refused 2 "template delete has no option --replace" template delete busybox --replace
	refused 2 "template list has no option --mirror" template list --mirror http://192.0.2.1/
}
