#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# memory, memory-high, memory-guarantee, swap: exceeded, changed live, kept over a restart, refused. On a hybrid host by cgroup v1's
# files, in the virtual machine by v2's, where there is swap too (on compressed memory).

load helpers

MIB=$((1024 * 1024))

setup_file() {
	berth_setup
	berth create mem --template busybox --memory 64M --pids 50 --cpus 0.4
	programs_into mem
	berth start mem
}
teardown_file() { berth_teardown; }

has_swap() {
	[ "$(awk 'NR > 1' /proc/swaps | wc -l)" -gt 0 ]
}

# The last event of a container: its kind and the process.
last_event() {
	berth status "$1" --json | jq -r '.events[-1] | "\(.event) \(.process)"'
}

@test "memory: a process that exceeds it is killed, one below it lives, the container goes on" {
	ok exec mem -- hog 20
	has held
	try exec mem -- hog 100
	[ "$status" -eq 137 ] || story "expected the kernel to kill it"
	ok exec mem -- hog 20
	[ "$(status_of mem oom-kills)" -ge 1 ]
	[ "$(status_of mem state)" = running ]
}

@test "memory: what was killed and when is told by status" {
	eventually 5 eval '[ "$(last_event mem)" = "oom-kill hog" ]'
	[ $(($(date +%s) - $(berth status mem --json | jq '.events[-1].time'))) -lt 60 ]
	[ "$(berth status mem --json | jq '.events[-1].bytes')" -gt $((30 * MIB)) ]
	ok status mem
	has "oom-kill    hog"
}

# How many kills the events tell of, against the kernel's count.
all_told() {
	[ "$(berth status mem --json | jq '[.events[] | select(.event == "oom-kill")] | length')" = "$(status_of mem oom-kills)" ]
}

@test "memory: every kill is told once, however fast they come" {
	local i
	for i in 1 2 3 4 5; do try exec mem -- hog 100; done
	eventually 10 all_told
	sleep 1.5
	all_told
	[ "$(berth status mem --json | jq '[.events[] | select(.process == "?")] | length')" = 0 ]
}

@test "memory: page cache and tmpfs count" {
	try exec mem -- dd if=/dev/zero of=/dev/shm/big bs=1M count=100
	[ "$status" -ne 0 ]
	berth exec mem -- rm -f /dev/shm/big
	ok exec mem -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=100 2> /dev/null; rm /root/big'
	[ "$(status_of mem memory-peak)" -le $((64 * MIB)) ]
	[ "$(limit mem memory effective)" = $((64 * MIB)) ]
}

@test "memory: changed live, both ways, and kept over a restart" {
	ok set mem --memory 160M
	ok exec mem -- hog 100
	ok restart mem --kill
	ok exec mem -- hog 100
	ok set mem --memory 64M
	try exec mem -- hog 100
	[ "$status" -eq 137 ]
	ok get mem memory
	is 64M
}

@test "memory: lowered below what is in use it is refused with the figure, and nothing is killed" {
	berth exec mem -- hog 40 6 > /dev/null &
	local hog=$!
	sleep 1
	refused 7 "in use" set mem --memory 16M
	[ "$(limit mem memory effective)" = $((64 * MIB)) ]
	ok get mem memory
	is 64M
	wait "$hog"
	is_hybrid || [ "$(kernel mem memory.high)" = max ]
}

@test "memory: lowered below what the page cache has it is reclaimed" {
	berth exec mem -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=50 2> /dev/null; cat /root/big > /dev/null; sync'
	[ "$(status_of mem memory-used)" -gt $((30 * MIB)) ]
	ok set mem --memory 16M
	[ "$(status_of mem memory-used)" -le $((16 * MIB)) ]
	ok exec mem -- rm /root/big
	ok set mem --memory 64M
}

@test "memory: unlimited is no limit" {
	ok set mem --memory unlimited
	ok exec mem -- hog 200
	ok set mem --memory 64M
}

@test "memory: nonsense is refused and changes nothing" {
	refused 2 "accepted is a size" set mem --memory lots
	refused 2 "accepted is a size" set mem --memory -5M
	refused 2 "larger than any machine" set mem --memory 99999999T
	refused 2 "accepted is a size" set mem --swap 1.5
	refused 2 "more than memory" set mem --memory-guarantee 1G
	refused 2 "accepted is a size" set mem --memory-guarantee unlimited
	ok get mem memory
	is 64M
}

@test "swap 0: memory is all there is, swap on the host or not" {
	ok get mem swap
	is 0
	try exec mem -- hog 80
	[ "$status" -eq 137 ]
}

@test "swap: a size of its own on top of memory (vSwap: memory and swap on compressed memory)" {
	has_swap || skip "this host has no swap; the virtual machine has"
	ok set mem --swap 64M
	ok exec mem -- hog 100
	has held
	[ "$(limit mem swap peak)" = null ] || [ "$(limit mem swap peak)" -gt $((20 * MIB)) ]
	try exec mem -- hog 180
	[ "$status" -eq 137 ]
	ok set mem --swap 0
	try exec mem -- hog 100
	[ "$status" -eq 137 ]
}

@test "swap on a v1 host: the sum is set, the size is what is shown" {
	is_hybrid || skip "cgroup v2 has swap as a size of its own"
	ok set mem --swap 16M
	[ "$(kernel mem memory.memsw.limit_in_bytes)" = $((80 * MIB)) ]
	ok get mem swap
	is 16M
	[ "$(limit mem swap effective)" = $((16 * MIB)) ]
	ok set mem --swap 0
	[ "$(kernel mem memory.memsw.limit_in_bytes)" = $((64 * MIB)) ]
}

@test "memory-high: slows down before the limit kills" {
	is_hybrid && skip "cgroup v1 has no memory.high; bad_input.bats tests that the key is refused"
	ok set mem --memory-high 32M
	[ "$(kernel mem memory.high)" = $((32 * MIB)) ]
	berth exec mem -- sh -c 'timeout 5 hog 50 3' || true
	[ "$(limit mem memory-high hits)" -gt 0 ]
	ok set mem --memory-high unlimited
	[ "$(kernel mem memory.high)" = max ]
}

# --- the rule of berth(7), MEMORY: over its limit a guest goes on, slower, or loses a process within seconds ---------------------------

# A working set larger than memory: thrash NAME MEGABYTES SECONDS [map]; prints the seconds it took, sets $status.
thrash() {
	local begin=$SECONDS
	try exec "$1" -- timeout 90 thrash "/root/${4:+small}file" "$2" "$3" ${4:+"$4"}
	took=$((SECONDS - begin))
	echo "# thrash $2 MiB ${4:+and programs }of $(berth get "$1" memory), high $(berth get "$1" memory-high), swap $(berth get "$1" swap): status $status after $took s, $(last_event "$1")" >&3
}

@test "thrashing, no swap, programs on a slow disk: a process is ended within seconds" {
	ok create slow --template busybox --memory 64M --pids 50 --cpus 0.4
	programs_into slow
	dd if=/dev/urandom of="$BERTH_ROOT/var/lib/berth/containers/slow/rootfs/root/file" bs=1M count=80 2> /dev/null
	dd if=/dev/urandom of="$BERTH_ROOT/var/lib/berth/containers/slow/rootfs/root/smallfile" bs=1M count=16 2> /dev/null
	sync
	# Whoever wrote it has it in the page cache, and pays for it; the container is to read it itself.
	for file in file smallfile; do dd if="$BERTH_ROOT/var/lib/berth/containers/slow/rootfs/root/$file" iflag=nocache count=0 2> /dev/null; done
	ok start slow
	berth exec slow -- cat /root/smallfile > /dev/null
	ok set slow --io-read-rate 1M
	thrash slow 58 60 map
	[ "$status" -eq 137 ] || story "expected it to be ended"
	[ "$took" -lt 50 ]
	eventually 5 eval '[ "$(last_event slow)" = "stall-kill thrash" ]'
	[ "$(status_of slow state)" = running ]
	ok exec slow -- hog 20
}

@test "thrashing, no swap, memory-high: a process is ended within seconds" {
	is_hybrid && skip "cgroup v1 has no memory.high"
	ok set slow --io-read-rate unlimited --memory-high 48M
	thrash slow 52 60
	[ "$status" -eq 137 ] || story "expected it to be ended"
	[ "$took" -lt 50 ]
}

@test "page cache heavy, no swap: goes on, slower" {
	is_hybrid || ok set slow --memory-high unlimited
	thrash slow 20 15
	[ "$status" -eq 0 ] || story "expected it to go on"
	[ "$output" -gt 0 ]
	ok set slow --io-read-rate 2M
	thrash slow 20 25
	[ "$status" -eq 0 ] || story "expected it to go on, at its rate"
	ok set slow --io-read-rate unlimited
}

@test "anonymous memory over the limit with swap, with and without memory-high: goes on, slower" {
	has_swap || skip "this host has no swap; the virtual machine has"
	is_hybrid && skip "the virtual machine's"
	ok set slow --swap 96M
	thrash slow 70 20
	[ "$status" -eq 0 ] || story "expected it to go on"
	ok set slow --memory-high 56M
	thrash slow 70 20
	[ "$status" -eq 0 ] || story "expected it to go on"
}

@test "thrashing leaves the neighbour its speed" {
	if is_hybrid; then
		ok set slow --io-read-rate 1M
		neighbours mem "memory 5" slow "thrash /root/smallfile 58 30 map"
	else
		ok set slow --swap 0 --memory-high 48M
		neighbours mem "memory 5" slow "thrash /root/file 52 30"
	fi
	ok destroy --force slow
}

@test "memory-guarantee: cold memory stays while others are short (burst: more is had as long as nobody needs it)" {
	is_hybrid && skip "cgroup v1 has no memory.low; bad_input.bats tests that the key is refused"
	has_swap
	ok create kept --template busybox --memory 200M --memory-guarantee 64M --swap 200M
	ok create lost --template busybox --memory 200M --swap 200M
	programs_into kept lost
	ok start kept lost
	[ "$(kernel kept memory.low)" = $((64 * MIB)) ]
	[ "$(kernel kept memory.min)" = $((64 * MIB)) ]
	berthctl exec kept -- hog 50 60 > /dev/null &
	local one=$!
	berthctl exec lost -- hog 50 60 > /dev/null &
	local other=$!
	sleep 2
	# Both have burst: more than is guaranteed, as long as there is enough. Then the host has 90 MiB for all of them.
	local all
	all=$(dirname "$(dirname "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/kept/memory.low")")")
	[ "$(cat "$all/memory.low")" = $((64 * MIB)) ]
	echo 90M > "$all/memory.max"
	local kept lost
	kept=$(status_of kept swap-used)
	lost=$(status_of lost swap-used)
	echo max > "$all/memory.max"
	echo "# short of memory: $((kept / 1024)) KiB of the guaranteed 64 MiB went to swap, $((lost / 1024)) KiB of the neighbour's" >&3
	kill $one $other 2> /dev/null || true
	wait $one $other 2> /dev/null || true
	[ "$kept" -lt $((2 * MIB)) ]
	[ "$lost" -gt $((8 * MIB)) ]
	ok set kept --memory-guarantee 32M
	[ "$(cat "$all/memory.low")" = $((32 * MIB)) ]
	[ "$(kernel kept memory.low)" = $((32 * MIB)) ]
	ok destroy --force kept
	[ "$(cat "$all/memory.low")" = 0 ]
	ok destroy --force lost
}

@test "a set that is killed leaves what the next command puts right" {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		timeout -s KILL "0.00$i" berthctl set mem --memory 32M --cpus 0.3 --pids 40 || true
	done
	ok recover
	[ "$(berth get mem memory)" = "$(numfmt --to=iec "$(limit mem memory effective)")" ]
	[ "$(berth get mem pids)" = "$(limit mem pids effective)" ]
	ok set mem --memory 64M --cpus 0.4 --pids 50
	[ "$(limit mem memory effective)" = $((64 * MIB)) ]
}
