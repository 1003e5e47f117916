#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest's process 1: when it is ready, what it is told, a plain program as init, and the way down. guests/ has whole distributions.

load helpers

setup_file() {
	berth_setup
	berth create web --template busybox
}
teardown_file() { berth_teardown; }
setup() { berth stop web --kill --if-needed; }

rootfs() { echo "$BERTH_ROOT/var/lib/berth/containers/$1/rootfs"; }

@test "start --wait: returns when the guest's services are there; status says so" {
	printf '#!/bin/sh\nsleep 1\ntouch /run/service\n' > "$(rootfs web)/etc/init.d/S50slow"
	chmod 755 "$(rootfs web)/etc/init.d/S50slow"
	ok start web
	[ "$(status_of web ready)" = false ]
	ok wait web --state ready --timeout 20
	[ "$(status_of web ready)" = true ]
	ok exec web -- test -e /run/service
	ok stop web
	ok start web --wait
	ok exec web -- test -e /run/service
	ok start web --wait --if-needed
	rm "$(rootfs web)/etc/init.d/S50slow"
}

@test "start --wait has a deadline: 8, and the guest goes on; one that ends says so" {
	printf '#!/bin/sh\nsleep 30\n' > "$(rootfs web)/etc/init.d/S50slow"
	chmod 755 "$(rootfs web)/etc/init.d/S50slow"
	refused 8 "has not said that it is ready" start web --wait --timeout 300ms
	[ "$(status_of web state)" = running ]
	rm "$(rootfs web)/etc/init.d/S50slow"
	ok stop web --kill
	cp "$BERTH_TEST_PROGRAMS/notify" "$(rootfs web)/bin/systemd"
	ok set web --init '/bin/systemd 300 STATUS=starting -'
	refused 5 "it ended before it was ready" start web --wait --timeout 10
	ok set web --init ''
}

@test "an init that speaks sd_notify is ready when it says READY=1" {
	cp "$BERTH_TEST_PROGRAMS/notify" "$(rootfs web)/bin/systemd"
	ok set web --init '/bin/systemd 500 READY=1'
	local begin=${EPOCHREALTIME/./}
	ok start web --wait --timeout 20
	[ $((${EPOCHREALTIME/./} - begin)) -gt 400000 ]
	ok stop web
	# Nothing of the last run is taken for this one's.
	ok set web --init '/bin/systemd 60000 READY=1'
	refused 8 "has not said that it is ready" start web --wait --timeout 300ms
	ok set web --init ''
}

@test "a guest that floods its socket costs the host next to nothing, and is still heard" {
	cp "$BERTH_TEST_PROGRAMS/notify" "$(rootfs web)/bin/notify"
	ok start web --wait
	berthctl exec web -- sh -c 'export NOTIFY_SOCKET=/run/host/notify; for i in 1 2 3 4; do (while true; do notify 0 "STATUS=$i" - ; done) & done; sleep 4' > /dev/null 2>&1 3>&- &
	local pid=$! monitor before
	monitor=$(status_of web monitor-pid)
	sleep 1
	before=$(awk '{print $14 + $15}' "/proc/$monitor/stat")
	sleep 2
	# In clock ticks of 10 ms: less than a twentieth of a processor.
	[ $(($(awk '{print $14 + $15}' "/proc/$monitor/stat") - before)) -lt 10 ]
	kill $pid 2> /dev/null || true
	wait $pid 2> /dev/null || true
	[ "$(status_of web state)" = running ]
	ok stop web --kill
}

@test "what init is told: who runs it, which container, where to speak; credentials are root's alone" {
	ok set web --credential firstboot.locale=C.UTF-8 --credential "motd=hello there"
	ok start web
	ok exec web -- sh -c "tr '\\0' '\\n' < /proc/1/environ"
	has container=berth
	has "container_uuid=$(status_of web uuid)"
	has NOTIFY_SOCKET=/run/host/notify
	has CREDENTIALS_DIRECTORY=/run/host/credentials
	ok exec web -- cat /run/host/credentials/firstboot.locale /run/host/credentials/motd /run/host/container-manager
	is 'C.UTF-8hello thereberth'
	try exec web --user daemon -- cat /run/host/credentials/motd
	[ "$status" -ne 0 ]
	ok set web --credential-del motd
	[ "$(berth get web credential)" = "firstboot.locale=C.UTF-8" ]
	refused 2 "accepted is a name of letters" set web --credential ../x=y
	ok set web --credential ''
}

@test "a plain program as init, with a reaper: it gets its words, its signals, and no zombies stay" {
	ok set web --init '/bin/sh -c "trap \"echo asked; exit 3\" TERM; (sleep 0.1 & exec sleep 0.2 &); echo up; while true; do sleep 0.1; done"' --init-reaper yes
	ok start web --wait
	sleep 0.6
	ok exec web -- sh -c 'cat /proc/[0-9]*/stat 2> /dev/null | grep -c " Z " || true'
	is 0
	ok exec web -- cat /proc/1/comm
	is berth-reaper
	local begin=$SECONDS
	ok stop web
	[ $((SECONDS - begin)) -lt 5 ]
	grep -q asked "$BERTH_ROOT/var/lib/berth/containers/web/console.log"
	ok set web --init /bin/nothing
	ok start web
	eventually 5 stopped web
	grep -q "berth-reaper: cannot run /bin/nothing" "$BERTH_ROOT/var/lib/berth/containers/web/console.log"
	refused 2 "a quote has no end" set web --init '/bin/sh "x'
	ok set web --init '' --init-reaper no
}
stopped() { [ "$(status_of "$1" state)" = stopped ]; }

@test "a template of one program runs it, below the reaper" {
	mkdir -p "$BATS_TEST_TMPDIR/tree/bin"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/tree/bin/busybox"
	ln -s busybox "$BATS_TEST_TMPDIR/tree/bin/sh"
	echo 'command=/bin/sh -c "echo from the template; exec /bin/busybox sleep 1000"' > "$BATS_TEST_TMPDIR/tree/.berth-template"
	rm "$BERTH_ROOT/var/lib/berth/templates"
	ok template import app "$BATS_TEST_TMPDIR/tree"
	ok create app --template app
	[ "$(berth get app init-reaper)" = yes ]
	ok start app --wait
	said() { grep -q "from the template" "$BERTH_ROOT/var/lib/berth/containers/app/console.log"; }
	eventually 5 said
	ok stop app --timeout 10
	ok destroy app
	rm -rf "$BERTH_ROOT/var/lib/berth/templates"
	ln -s "$BERTH_TEST_TEMPLATES" "$BERTH_ROOT/var/lib/berth/templates"
}

@test "exec and enter as another user: ids, groups, home, shell; who is not there is refused" {
	printf 'web:x:1000:1001::/srv:/bin/sh\n' >> "$(rootfs web)/etc/passwd"
	printf 'web:x:1001:\nstaff:x:50:daemon,web\n' >> "$(rootfs web)/etc/group"
	ok start web
	ok exec web --user web -- sh -c 'echo $(id -u) $(id -g) $(id -G) $HOME $USER $PWD'
	is "1000 1001 1001 50 /srv web /srv"
	ok exec web --user 1000 -- id -un
	is web
	ok exec web --user 4321 -- id -u
	is 4321
	try exec web --user web -- cat /etc/shadow
	[ "$status" -ne 0 ]
	ok exec web --user web -- grep CapEff /proc/self/status
	has 0000000000000000
	refused 2 "there is no 'nobody-there' in the container's /etc/passwd" exec web --user nobody-there -- id
	refused 2 "there is no '70000'" exec web --user 70000 -- id
	printf 'id -un; tty; exit\n' | timeout 20 script -qec "berthctl enter web --user web" /dev/null | grep -q '^web'
}
