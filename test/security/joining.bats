#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What root of a guest does to a process that comes in by exec or enter (programs/joining.c). Each attack is done as well to a process that comes in without care: the control.

load ../system/helpers

setup_file() {
	berth_setup
	berth create guest --template busybox
	cp "$BERTH_TEST_PROGRAMS/joining" "$(rootfs)/bin/"
	berth start guest --wait
}
teardown_file() { berth_teardown; }
teardown() {
	# What a failed test has left in the guest, or of its own.
	printf 'root:x:0:0:root:/root:/bin/sh\n' > "$(rootfs)/etc/passwd"
	rm -f "$(rootfs)"/etc/{ld.so.preload,group}
	local pid
	for pid in $left; do kill "$pid" 2> /dev/null || true; done
}
left=

rootfs() { echo "$BERTH_ROOT/var/lib/berth/containers/guest/rootfs"; }

init() { status_of guest init-pid; }

# The control's way in: the namespaces of the guest's init by nsenter(1), which closes nothing and hides nothing.
careless() { nsenter -t "$(init)" -U -m -u -i -n -p "$@"; }

@test "descriptors of the operator's shell are not inside" {
	exec 7< / 8>> "$BERTH_ROOT/canary" 9< <(sleep 5 3>&-)
	ok exec guest -- joining fds
	is ""
	# By a terminal there are others in between.
	run script -qec "berthctl exec guest --terminal -- joining fds && echo end" /dev/null
	[[ $output == *end* ]]
	[ -z "$(grep -E '[0-9]+ (/|pipe|socket|anon)' <<< "$output")" ]
	output=$(careless /bin/joining fds)
	exec 7<&- 8>&- 9<&-
	[[ $output == *"7 /"*"8 /"*"9 pipe:"* ]] || skip "no control: $output"
}

@test "a working directory by a descriptor: --directory, links and root's home (CVE-2024-21626)" {
	local n how
	exec 9< /
	# The control: a runtime that changes into the directory while it has the host's open.
	"$BERTH_TEST_PROGRAMS/joining" enter "$(init)" /proc/self/fd/9 /bin/joining outside > /dev/null || skip "no control: a careless runtime stays inside as well"
	for n in {3..9}; do
		rm -rf "$(rootfs)/srv/away"
		ln -s "/proc/self/fd/$n" "$(rootfs)/srv/away"
		for how in "/proc/self/fd/$n" /srv/away "/proc/thread-self/fd/$n/../.."; do
			try exec guest --directory "$how" -- joining outside
			[ "$status" -ne 0 ] || story "the working directory is the host's"
			printf 'root:x:0:0:root:%s:/bin/sh\n' "$how" > "$(rootfs)/etc/passwd"
			try exec guest -- joining outside
			[ "$status" -ne 0 ] || story "root's home $how is the host's"
		done
	done
	exec 9<&-
}

# berthctl has no loader in the guest but what the guest puts there, so it can be held while it begins: a fifo in the place of the loader's first file.
hold_loaders() {
	local loader
	loader=$(grep -aom 1 '/lib[[:alnum:]]*/ld-[[:alnum:]_.-]*' "$(command -v berthctl)")
	mkdir -p "$(rootfs)$(dirname "$loader")"
	cp "$loader" "$(rootfs)$loader"
	mkfifo "$(rootfs)/etc/ld.so.preload"
}

@test "the program of the joining process is not overwritten (CVE-2019-5736)" {
	local before kind victim=$BERTH_ROOT/victim
	before=$(sha256sum < "$(command -v berthctl)")
	hold_loaders
	printf '#!/proc/self/exe\n' > "$(rootfs)/bin/script"
	chmod 755 "$(rootfs)/bin/script"
	ln -sf /proc/self/exe "$(rootfs)/bin/link"
	for kind in script link; do
		berthctl exec guest -- $kind > /dev/null 2>&1 3>&- &
		left="$left $!"
		try exec guest -- joining exe
		[[ $output == "got berthctl"* ]] || story "the attack did not come as far as the program"
		[[ $output == *"Permission denied" ]] || story "expected it to be denied"
		wait $! || true
	done
	# As the shell that enter starts.
	printf 'root:x:0:0:root:/root:/proc/self/exe\n' > "$(rootfs)/etc/passwd"
	script -qec "berthctl enter guest" /dev/null > /dev/null 2>&1 3>&- < /dev/null &
	left="$left $!"
	try exec guest -- joining exe
	[[ $output == "got berthctl"*"Permission denied" ]] || story "expected it to be denied"
	wait $! || true
	[ "$(sha256sum < "$(command -v berthctl)")" = "$before" ]
	# The control: a container without a user namespace, whose root is the host's.
	cp "$(command -v nsenter)" "$victim"
	before=$(sha256sum < "$victim")
	for kind in script link; do
		"$victim" -t "$(init)" -m -p /bin/$kind > /dev/null 2>&1 3>&- &
		left="$left $!"
		output=$(nsenter -t "$(init)" -m -p /bin/joining exe) || skip "no control: $output"
		wait $! || true
		[ "$(sha256sum < "$victim")" != "$before" ] || skip "no control: the program is as it was"
		cp "$(command -v nsenter)" "$victim"
	done
}

# watched COMMAND...: runs it a few times while a process of the guest tries to get into every new one.
watched() {
	local i
	: > "$BATS_TEST_TMPDIR/watch"
	berthctl exec guest -- joining watch 1800 > "$BATS_TEST_TMPDIR/watch" 3>&- &
	local pid=$!
	left="$left $pid"
	eventually 10 grep -q watching "$BATS_TEST_TMPDIR/watch"
	for ((i = 0; i < 8; i++)); do "$@" > /dev/null; done
	wait $pid
	cat "$BATS_TEST_TMPDIR/watch"
}

@test "memory, descriptors, environment and links of the joining process; ptrace of it" {
	export BERTH_MARK=the-operators
	# The guest's owner makes the way in long: large files are read on it.
	{ echo root:x:0:0:root:/root:/bin/sh; yes a:b:c | head -c 3000000; } > "$(rootfs)/etc/passwd"
	yes a:b:1000:c | head -c 3000000 > "$(rootfs)/etc/group"
	exec 9< /
	output=$(watched "$BERTH_TEST_PROGRAMS/joining" enter "$(init)" / /bin/joining target)
	local way
	for way in environ mem vm ptrace fd getfd cwd root exe maps map_files; do
		grep -qE "^$way refused [0-9]+ guest [0-9]+ host [1-9]" <<< "$output" || skip "no control: a careless runtime keeps $way to itself: $output"
	done
	output=$(watched berth exec guest -- joining target)
	exec 9<&-
	echo "$output"
	[ "$(grep -cE ' host 0$' <<< "$output")" = 11 ]
	grep -qE '^mem refused [1-9]' <<< "$output" || skip "the watcher met no joining process before its exec: $output"
	# What has become the guest's is open to the guest: the watcher was awake.
	grep -qE '^mem refused [0-9]+ guest [1-9]' <<< "$output"
}

@test "the joining process reads none of the guest's files that would change what it does" {
	mkdir -p "$(rootfs)"/usr/lib/gconv "$(rootfs)"/lib
	echo 'passwd: evil' > "$(rootfs)/etc/nsswitch.conf"
	echo /lib/evil.so > "$(rootfs)/etc/ld.so.preload"
	touch "$(rootfs)"/lib/{evil.so,libnss_evil.so.2} "$(rootfs)/usr/lib/gconv/gconv-modules" "$(rootfs)/etc/environment"
	opened() {
		python3 - "$BATS_TEST_TMPDIR/opened" "$@" <<-'END'
			import ctypes, os, subprocess, sys
			libc = ctypes.CDLL(None)
			fd = libc.inotify_init1(os.O_NONBLOCK)
			root = os.environ["TREE"]
			for name in ("etc/nsswitch.conf", "etc/ld.so.preload", "lib/evil.so", "lib/libnss_evil.so.2", "usr/lib/gconv/gconv-modules", "etc/environment"):
			    libc.inotify_add_watch(fd, (root + "/" + name).encode(), 0x20)
			subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
			try:
			    print(len(os.read(fd, 65536)) // 16)
			except BlockingIOError:
			    print(0)
		END
	}
	TREE=$(rootfs)
	export TREE
	export LD_PRELOAD='' GCONV_PATH=/usr/lib/gconv
	[ "$(opened berthctl exec guest -- joining target)" = 0 ]
	[ "$(opened berthctl exec guest --user 1000 -- /bin/joining target)" = 0 ]
	ok exec guest -- env
	hasnt GCONV_PATH
	hasnt LD_PRELOAD
	# The control: a program that asks its libc for a user where the guest's tree is the root.
	[ "$(opened python3 -c 'import os, pwd; os.chroot(os.environ["TREE"]); [e for e in pwd.getpwall() if 0]')" -gt 0 ] || skip "no control: libc does not look there"
}

@test "supplementary groups of the operator are not kept" {
	output=$(setpriv --groups 4,27 berthctl exec guest -- joining ids)
	[ "$(head -n 1 <<< "$output")" = groups ]
	output=$(setpriv --groups 4,27 nsenter -t "$(init)" -U -m -p --preserve-credentials /bin/joining ids)
	[ "$(head -n 1 <<< "$output")" != groups ] || skip "no control: the kernel drops them as well"
}

@test "inheritable and ambient capabilities of the operator are not kept (CVE-2022-29162)" {
	local none=0000000000000000
	output=$(setpriv --inh-caps +chown,+sys_admin --ambient-caps +chown,+sys_admin berthctl exec guest -- joining ids)
	[ "$(grep -c "Cap\(Inh\|Amb\):	$none" <<< "$output")" = 2 ]
	setpriv --inh-caps +chown,+sys_admin --ambient-caps +chown,+sys_admin berthctl restart guest --kill
	[ "$(grep -c "Cap\(Inh\|Amb\):	$none" "/proc/$(init)/status")" = 2 ]
	# The control: into the same mounts and processes, but with the operator's own credentials.
	output=$(setpriv --inh-caps +chown,+sys_admin --ambient-caps +chown,+sys_admin nsenter -t "$(init)" -m -p /bin/joining ids)
	[[ $output != *"CapInh:	$none"* ]] || skip "no control: nsenter drops them as well"
}

# on_terminal COMMAND...: runs it as the leader of a session on a terminal of its own and prints what is in the terminal's input when it has ended.
on_terminal() {
	python3 - "$@" <<-'END'
		import fcntl, os, pty, select, sys, termios, threading
		master, slave = pty.openpty()
		pid = os.fork()
		if pid == 0:
		    os.setsid()
		    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
		    for fd in range(3):
		        os.dup2(slave, fd)
		    os.closerange(3, 64)
		    os.execvp(sys.argv[1], sys.argv[1:])
		def drain():
		    while True:
		        try:
		            os.read(master, 4096)
		        except OSError:
		            return
		threading.Thread(target=drain, daemon=True).start()
		status = os.waitpid(pid, 0)[1]
		flags = fcntl.fcntl(slave, fcntl.F_GETFL)
		fcntl.fcntl(slave, fcntl.F_SETFL, flags | os.O_NONBLOCK)
		try:
		    print(os.read(slave, 4096).decode())
		except BlockingIOError:
		    print("status", os.waitstatus_to_exitcode(status))
	END
}

@test "nothing is typed into the operator's terminal (TIOCSTI, TIOCLINUX, CVE-2017-5226)" {
	printf 'root:x:0:0:root:/root:/bin/evil\n' > "$(rootfs)/etc/passwd"
	printf '#!/bin/sh\njoining type "rm -rf /\n"\nexit 3\n' > "$(rootfs)/bin/evil"
	chmod 755 "$(rootfs)/bin/evil"
	[ "$(on_terminal berthctl enter guest)" = "status 3" ]
	[ "$(on_terminal berthctl exec guest --terminal -- evil)" = "status 3" ]
	[ "$(on_terminal berthctl exec guest -- evil)" = "status 3" ]
	# The control: on the same terminal, handed over.
	[[ $(on_terminal nsenter -t "$(init)" -m /bin/joining type "rm -rf /
") == *"rm -rf /"* ]] || skip "no control: this kernel lets nobody type into a terminal"
}

@test "the guest's signals do not reach the host's berthctl" {
	local pid code=0
	berthctl exec guest -- sh -c 'read -r pid; joining signals $pid; kill -KILL $PPID 2> /dev/null; joining signals $pid; exit 42' < <(sleep 0.3; echo $$) > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	left="$left $pid"
	wait $pid || code=$?
	# The parent of the attack is the guest's own shell and is killed; the host's lives and tells of it.
	[ "$code" -eq 137 ]
	code=0
	berth exec guest -- joining signals $$ || code=$?
	[ "$code" -eq 0 ]
	# The control: where the parent has a number, it dies of it.
	code=0
	setsid -w sh -c "'$BERTH_TEST_PROGRAMS/joining' signals 0; exit 42" 2> /dev/null || code=$?
	[ "$code" -eq 137 ] || skip "no control: $code"
}
