#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest, or whoever made an archive, says reaches the operator's terminal and scripts: never a control character (C0 but for newline and tab, DEL, C1 in UTF-8), never broken JSON.

load ../system/helpers

setup_file() {
	berth_setup
	# A templates directory of its own: this file imports.
	rm "$BERTH_ROOT/var/lib/berth/templates"
	mkdir "$BERTH_ROOT/var/lib/berth/templates"
	cp -a "$BERTH_TEST_TEMPLATES/busybox" "$BERTH_ROOT/var/lib/berth/templates/"
	berth create web --template busybox --memory 32M
	berth start web --wait
}
teardown_file() { berth_teardown; }
teardown() { printf 'root:x:0:0:root:/root:/bin/sh\n' > "$(tree)/etc/passwd"; }

tree() { echo "$BERTH_ROOT/var/lib/berth/containers/${1:-web}/rootfs"; }

# A title, a colour, a bell; DEL; CSI and DCS as C1 in UTF-8; what ends a string in JSON.
ESC=$'\e]0;owned\a\e[31m'
C1=$'\xc2\x9b31m\xc2\x90'
DEL=$'\x7f'
QUOTES='","state":"gone'
NO_UTF8=$'\xff\xc3'

# Fails, and shows them, when a file has bytes that a terminal obeys; "json" when it is no JSON besides.
clean() {
	local found
	found=$(LC_ALL=C grep -aP -m 3 '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1" | cat -v)
	[ -z "$found" ] || { echo "control characters: $found"; return 1; }
	[ "${2:-}" != json ] || { iconv -f UTF-8 -t UTF-8 "$1" > /dev/null && jq -e . "$1" > /dev/null; } || { echo "no JSON"; return 1; }
}

# says COMMAND...: what it prints on both is clean. What is not is kept for the end of the test: clean_all.
says() {
	local kind=
	[[ " $* " != *" --json "* ]] || kind=json
	status=0
	berth "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" < /dev/null || status=$?
	[ -s "$BATS_TEST_TMPDIR/out" ] || kind=
	{ clean "$BATS_TEST_TMPDIR/out" $kind && clean "$BATS_TEST_TMPDIR/err"; } >> "$BATS_TEST_TMPDIR/unclean" 2>&1 || printf '  of berthctl%s\n' "$(printf ' %q' "$@")" >> "$BATS_TEST_TMPDIR/unclean"
}

# fails COMMAND...: the same of one that fails, in one line.
fails() {
	says "$@"
	[ "$status" -ne 0 ] || { echo "it did not fail: $*"; return 1; }
	[ "$(wc -l < "$BATS_TEST_TMPDIR/err")" -eq 1 ] || echo "more than a line: $(cat -v "$BATS_TEST_TMPDIR/err")" >> "$BATS_TEST_TMPDIR/unclean"
}

clean_all() {
	[ ! -s "$BATS_TEST_TMPDIR/unclean" ] || { head -n 60 "$BATS_TEST_TMPDIR/unclean"; return 1; }
}

# All that tells of containers.
all_say() {
	local name=${1:-web}
	says list
	says list --json
	says list --output name,hostname,init,template,description,ip,plan
	says list --json --output name,hostname,init,template
	says status "$name"
	says status "$name" --json
	says get "$name"
	says get "$name" --json
	says host
	says host --json
	says traffic "$name"
	says traffic "$name" --json
}

templates_say() {
	local name=$1
	says template list
	says template list --json
	says template show "$name"
	says template show "$name" --json
}

@test "the check of these tests finds what it looks for" {
	local text
	for text in "$ESC" "$C1" "$DEL" $'a\rb' $'a\bb'; do
		printf '%s' "$text" > "$BATS_TEST_TMPDIR/text"
		run clean "$BATS_TEST_TMPDIR/text"
		[ "$status" -ne 0 ]
	done
	printf '{"a":"%s"}' "$QUOTES" > "$BATS_TEST_TMPDIR/text"
	clean "$BATS_TEST_TMPDIR/text"
	run clean "$BATS_TEST_TMPDIR/text" json
	[ "$status" -eq 0 ]
	printf '{"a":"%s"}' "$NO_UTF8" > "$BATS_TEST_TMPDIR/text"
	run clean "$BATS_TEST_TMPDIR/text" json
	[ "$status" -ne 0 ]
}

@test "the console: only a visitor gets its bytes, the log is a file that only root reads" {
	local log=$BERTH_ROOT/var/lib/berth/containers/web/console.log
	berth exec web -- sh -c 'printf "%s\n" "$1" > /dev/console' sh "$ESC$C1$DEL mark"
	eventually 5 grep -q mark "$log"
	grep -qF "$ESC$C1$DEL" "$log" || skip "no control: the bytes are not in the log"
	[ "$(stat -c %F:%a:%u "$log")" = "regular file:600:0" ]
	all_say
	says exec web -- true
	says set web --hostname web
	says wait web --state running --timeout 5
	says restart web --kill
	says recover
	{ sleep 0.5; printf '\001q'; } | timeout 20 berthctl console web > "$BATS_TEST_TMPDIR/visit"
	grep -qF "$ESC$C1$DEL" "$BATS_TEST_TMPDIR/visit"
	clean_all
}

@test "names set inside: hostname, os-release, issue, processes, users" {
	printf 'NAME="%s"\nPRETTY_NAME="%s"\nID="%s"\nVERSION_ID="%s"\n' "$ESC$C1" "$ESC$QUOTES" "$ESC" "$C1" > "$(tree)/etc/os-release"
	printf '%s\n' "$ESC" > "$(tree)/etc/issue"
	cp "$BERTH_TEST_PROGRAMS/hog" "$(tree)/bin/$ESC"
	berth exec web -- hostname "$ESC$C1"
	berth exec web -- hostname | grep -qF "$ESC$C1" || skip "no control: the name is not set"
	printf '%s:x:1:1:%s:%s:%s\nroot:x:0:0:%s:/root:/bin/sh\n' "$ESC" "$ESC" "$ESC" "$C1" "$ESC" > "$(tree)/etc/passwd"
	all_say
	says restart web --kill
	all_say
	rm "$(tree)/bin/$ESC"
	clean_all
}

@test "names of processes that are killed for want of memory, in the events" {
	local name kills=0
	for name in $'\e[31mx\a\r' $'\xc2\x9b31m\xc2\x90\x7f' $'\xff\xc3","e":"' $') total-vm:1\e' $'x\ny'; do
		cp "$BERTH_TEST_PROGRAMS/hog" "$(tree)/bin/$name"
		berth exec web -- "$name" 64 > /dev/null 2>&1 || true
		kills=$((kills + 1))
		rm "$(tree)/bin/$name"
	done
	told() { [ "$(berth status web --json | jq '.events | length')" -ge "$kills" ]; }
	eventually 10 told || skip "no control: $(berth status web --json | jq -c .events)"
	all_say
	clean "$BERTH_ROOT/var/lib/berth/containers/web/events"
	clean_all
}

@test "errors of exec and enter: the shell, the home and the users of the guest's passwd" {
	local text
	for text in "$ESC" "$DEL" "$C1"; do
		printf 'root:x:0:0:root:/root:/bin/%s\n' "$text" > "$(tree)/etc/passwd"
		fails enter web
		grep -q "cannot run" "$BATS_TEST_TMPDIR/err"
		printf 'root:x:0:0:root:/%s:/bin/sh\n' "$text" > "$(tree)/etc/passwd"
		says exec web -- true
		fails exec web --user "$text" -- true
		fails exec web --directory "/$text" -- true
		fails exec web -- "$text"
	done
	grep -qF "$C1" "$(tree)/etc/passwd"
	clean_all
}

@test "errors of push and pull: names of the guest's files" {
	local text name
	mkdir -p "$(tree)/srv/names"
	for text in "$ESC" "$DEL" "$C1" $'two\nlines'; do
		rm -rf "$(tree)"/srv/names/*
		mkfifo "$(tree)/srv/names/$text"
		# As an operator's script takes the names.
		for name in "$(tree)"/srv/names/*; do
			name=${name##*/}
			[ "$name" = "$text" ]
			fails pull web "/srv/names/$name" "$BATS_TEST_TMPDIR/x"
			fails pull web "/srv/names/$name/more" "$BATS_TEST_TMPDIR/x"
			fails pull web "/srv/names/$name" "/nonexistent/$name"
			fails push web "/nonexistent/$name" /srv
			fails push web "$(tree)/etc/passwd" "/srv/names/$name/more"
		done
	done
	clean_all
}

@test "what a guest's init says of itself by sd_notify: STATUS, ERRNO, READY" {
	ok create talks --template busybox --init /bin/talks
	cp "$BERTH_TEST_PROGRAMS/notify" "$(tree talks)/bin/"
	printf '#!/bin/sh\nexec /bin/notify 0 "%s"\n' "STATUS=$ESC$C1$DEL
ERRNO=$ESC
MAINPID=1
READY=1" > "$(tree talks)/bin/talks"
	chmod 755 "$(tree talks)/bin/talks"
	says start talks --wait --timeout 10
	# The control: what came with it was heard.
	[ "$(status_of talks ready)" = true ] || skip "no control: the notice was not heard"
	all_say talks
	says restart talks --kill
	ok destroy --force talks
	clean_all
}

# template_of NAME TREE: imported from an archive.
template_of() {
	tar -C "$2" -cf "$BATS_TEST_TMPDIR/$1.tar" .
	says template import "$1" "$BATS_TEST_TMPDIR/$1.tar" --verbose
}

@test "templates: os-release and the facts in an archive of a stranger's" {
	local tree=$BATS_TEST_TMPDIR/tree text kind i=0
	mkdir -p "$tree"/{etc,bin,sbin}
	echo root:x:0:0::/root:/bin/sh > "$tree/etc/passwd"
	for text in "$ESC" "$C1" "$DEL" "$QUOTES" "$NO_UTF8"; do
		i=$((i + 1))
		printf 'NAME="%s"\nPRETTY_NAME="%s"\nID="%s"\nVERSION_ID="%s"\n' "$text" "$text" "$text" "$text" > "$tree/etc/os-release"
		rm -f "$tree/.berth-template"
		template_of "release$i" "$tree"
		[ "$status" -eq 0 ] || { cat -v "$BATS_TEST_TMPDIR/err"; return 1; }
		templates_say "release$i"
		# The file that a script of Berth's would leave.
		printf 'distribution=%s\nrelease=%s\ninit=program\ncommand=/bin/x %s\n' "$text" "$text" "$text" > "$tree/.berth-template"
		grep -qF "$text" "$tree/.berth-template"
		template_of "facts$i" "$tree"
		[ "$status" -ne 0 ] || templates_say "facts$i"
		printf 'init=%s\n' "$text" > "$tree/.berth-template"
		template_of "init$i" "$tree"
		[ "$status" -ne 0 ] || templates_say "init$i"
		says create "of-$i" --template "facts$i"
		[ "$status" -ne 0 ] || { all_say "of-$i"; says start "of-$i"; says destroy --force "of-$i"; }
		for kind in release facts init; do berth template delete --force "$kind$i" 2> /dev/null || true; done
	done
	clean_all
}

@test "templates: the command, the system and the names in an image layout of a stranger's" {
	local layout=$BATS_TEST_TMPDIR/layout kind
	mkdir -p "$BATS_TEST_TMPDIR/tree/bin"
	: > "$BATS_TEST_TMPDIR/tree/bin/x"
	tar -C "$BATS_TEST_TMPDIR/tree" -cf "$BATS_TEST_TMPDIR/layer.tar" .
	for kind in command os architecture media name; do
		rm -rf "$layout"
		PAYLOAD="$C1$DEL$ESC" python3 - "$layout" "$kind" "$BATS_TEST_TMPDIR/layer.tar" <<-'END'
			import hashlib, json, os, platform, sys
			top, kind, layer = sys.argv[1:]
			payload = os.environ["PAYLOAD"]
			os.makedirs(top + "/blobs/sha256")
			def put(data, media):
			    digest = hashlib.sha256(data).hexdigest()
			    open(top + "/blobs/sha256/" + digest, "wb").write(data)
			    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}
			def text(value):
			    return json.dumps(value).encode()
			machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
			config = {"architecture": payload if kind == "architecture" else machine, "os": payload if kind == "os" else "linux", "config": {"Entrypoint": ["/bin/" + payload[:5]] if kind == "command" else ["/bin/x"]}}
			manifest = {"schemaVersion": 2, "config": put(text(config), "application/vnd.oci.image.config.v1+json"), "layers": [put(open(layer, "rb").read(), payload if kind == "media" else "application/vnd.oci.image.layer.v1.tar")]}
			first = put(text(manifest), "application/vnd.oci.image.manifest.v1+json")
			first["annotations"] = {"org.opencontainers.image.ref.name": payload if kind == "name" else "one"}
			manifests = [first]
			if kind == "name":
			    manifests.append(dict(first, digest="sha256:" + "0" * 64, annotations={"org.opencontainers.image.ref.name": payload + "2"}))
			open(top + "/index.json", "wb").write(text({"schemaVersion": 2, "manifests": manifests}))
			open(top + "/oci-layout", "wb").write(text({"imageLayoutVersion": "1.0.0"}))
		END
		grep -rqaE 'u009b|\\u001b' "$layout"
		says template import "layout$kind" "$layout" --verbose
		[ "$kind" != command ] || [ "$status" -eq 0 ]
		if [ "$status" -eq 0 ]; then
			templates_say "layout$kind"
			says create "of-$kind" --template "layout$kind"
			[ "$status" -ne 0 ] || { all_say "of-$kind"; says start "of-$kind"; says destroy --force "of-$kind"; }
			ok template delete --force "layout$kind"
		fi
	done
	clean_all
}

@test "templates: members of an archive that are refused by their names" {
	local text
	for text in "$ESC" "$C1" "$DEL" $'two\nlines' "$NO_UTF8"; do
		python3 - "$BATS_TEST_TMPDIR/bad.tar" "$text" <<-'END'
			import io, os, sys, tarfile
			archive = tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT, errors="surrogateescape")
			for name in ("etc", "etc/passwd", "../" + sys.argv[2]):
			    info = tarfile.TarInfo(name)
			    info.type = tarfile.DIRTYPE if name == "etc" else tarfile.REGTYPE
			    info.mode = 0o755
			    archive.addfile(info, io.BytesIO(b""))
			archive.close()
		END
		grep -qF "${text%%$'\n'*}" "$BATS_TEST_TMPDIR/bad.tar"
		fails template import bad "$BATS_TEST_TMPDIR/bad.tar"
		says template import bad "$BATS_TEST_TMPDIR/bad.tar" --verbose
		[ "$status" -ne 0 ]
	done
	clean_all
}
