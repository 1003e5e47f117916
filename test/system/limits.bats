#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every limit that is accepted is enforced: each is proven by a guest that exceeds it. Run on a hybrid host, where cgroup v1
# holds the controllers, and in the virtual machine, where v2 does.

load helpers

setup_file() {
	berth_setup
	berth create lim --template busybox --memory 64M --pids 50
	cp "$BERTH_TEST_PROGRAMS/hog" "$BERTH_ROOT/var/lib/berth/containers/lim/rootfs/bin/hog"
	berth start lim
}
teardown_file() { berth_teardown; }

# A kernel file of the container's limit cgroup, wherever its controller is mounted.
kernel() {
	cat "$(find /sys/fs/cgroup -path "*/berth-*/lim/$1")"
}

@test "memory: a process that exceeds it is killed, one below it lives, the container goes on" {
	ok exec lim -- hog 20
	has held
	try exec lim -- hog 100
	[ "$status" -eq 137 ] || story "expected the kernel to kill it"
	ok exec lim -- hog 20
	[ "$(status_of lim oom-kills)" -ge 1 ]
	[ "$(status_of lim state)" = running ]
}

@test "memory: page cache and tmpfs count" {
	try exec lim -- dd if=/dev/zero of=/dev/shm/big bs=1M count=100
	[ "$status" -ne 0 ]
	berth exec lim -- rm -f /dev/shm/big
	ok exec lim -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=100 2> /dev/null; rm /root/big'
	[ "$(status_of lim memory-peak)" -le $((64 * 1024 * 1024)) ]
}

@test "memory: changed live, both ways, and back after a restart" {
	ok set lim --memory 160M
	ok exec lim -- hog 100
	ok restart lim --kill
	ok exec lim -- hog 100
	ok set lim --memory 64M
	try exec lim -- hog 100
	[ "$status" -eq 137 ]
	ok get lim memory
	is 64M
}

@test "memory: unlimited is no limit" {
	ok set lim --memory unlimited
	ok exec lim -- hog 200
	ok set lim --memory 64M
}

@test "swap 0: memory is all there is, swap on the host or not" {
	ok get lim swap
	is 0
	try exec lim -- hog 80
	[ "$status" -eq 137 ]
}

@test "swap: a size of its own on top of memory" {
	[ "$(awk 'NR > 1' /proc/swaps | wc -l)" -gt 0 ] || skip "this host has no swap; the virtual machine has"
	ok set lim --swap 64M
	ok exec lim -- hog 100
	has held
	try exec lim -- hog 180
	[ "$status" -eq 137 ]
	ok set lim --swap 0
	try exec lim -- hog 100
	[ "$status" -eq 137 ]
}

@test "swap on a v1 host: the sum is set, the size is what is shown" {
	is_hybrid || skip "cgroup v2 has swap as a size of its own"
	ok set lim --swap 16M
	[ "$(kernel memory.memsw.limit_in_bytes)" = $((80 * 1024 * 1024)) ]
	ok get lim swap
	is 16M
	ok set lim --swap 0
	[ "$(kernel memory.memsw.limit_in_bytes)" = $((64 * 1024 * 1024)) ]
}

@test "memory-high: slows down before the limit kills" {
	is_hybrid && skip "cgroup v1 has no memory.high; bad_input.bats tests that the key is refused"
	ok set lim --memory-high 32M
	[ "$(kernel memory.high)" = $((32 * 1024 * 1024)) ]
	berth exec lim -- sh -c 'timeout 5 hog 50 3' || true
	[ "$(kernel memory.events | sed -n 's/^high //p')" -gt 0 ]
	ok set lim --memory-high unlimited
	[ "$(kernel memory.high)" = max ]
}

@test "cpus: half a core gets half a core's time" {
	ok set lim --cpus 0.5
	local before after
	before=$(status_of lim cpu-microseconds)
	berth exec lim -- timeout 4 sh -c 'while :; do :; done' || true
	after=$(status_of lim cpu-microseconds)
	# 2 s of 4; some room for the start and end of the loop.
	[ $((after - before)) -lt 2600000 ] || { echo "used $((after - before)) us in 4 s"; false; }
	[ $((after - before)) -gt 1000000 ] || { echo "used $((after - before)) us in 4 s"; false; }
	ok set lim --cpus unlimited
	before=$(status_of lim cpu-microseconds)
	berth exec lim -- timeout 3 sh -c 'while :; do :; done' || true
	after=$(status_of lim cpu-microseconds)
	[ $((after - before)) -gt 2000000 ] || { echo "without the limit: $((after - before)) us in 3 s"; false; }
}

@test "cpu-weight and cpuset reach the kernel, live" {
	ok set lim --cpu-weight 300 --cpuset 0
	if is_hybrid; then
		[ "$(kernel cpu.shares)" = 3072 ]
	else
		[ "$(kernel cpu.weight)" = 300 ]
	fi
	[ "$(kernel cpuset.cpus)" = 0 ]
	ok exec lim -- nproc
	is 1
	ok set lim --cpuset all --cpu-weight 100
	ok exec lim -- nproc
	is "$(nproc)"
}

@test "pids: a fork bomb stops at the limit and the host stays usable" {
	ok set lim --pids 30
	berthctl exec lim -- sh -c 'b() { b | b & }; b; sleep 3' > /dev/null 2>&1 &
	local bomb=$!
	sleep 1
	[ "$(status_of lim pids-used)" -le 30 ]
	ok create calm --template busybox
	ok start calm
	ok exec calm -- true
	ok destroy --force calm
	ok stop lim --kill
	wait $bomb || true
	ok start lim
	ok exec lim -- true
	ok set lim --pids 50
}

@test "a refused value changes neither the kernel nor the file" {
	local before
	before=$(kernel pids.max)
	refused 7 "cpuset" set lim --pids 77 --cpuset 4000
	[ "$(kernel pids.max)" = "$before" ]
	ok get lim pids
	is 50
}

@test "set on a stopped container is checked by the kernel too" {
	ok stop lim --kill
	refused 7 "cpuset" set lim --cpuset 4000
	ok set lim --pids 60
	ok start lim
	[ "$(kernel pids.max)" = 60 ]
}

@test "keys that need a restart are named" {
	ok set lim --init /bin/init2
	has "takes effect at the next start: init"
	ok set lim --init /sbin/init --json
	[ "$(json_get .changed <<< "$output")" = true ]
	[ "$(json_get '.pending[0]' <<< "$output")" = init ]
}

@test "hostname and nameserver are changed live" {
	ok set lim --hostname www.example.org --nameserver 192.0.2.1 --nameserver 192.0.2.2 --search "example.org example.net"
	ok exec lim -- sh -c 'hostname; cat /etc/hostname /etc/resolv.conf; grep 127.0.1.1 /etc/hosts'
	has "www.example.org"
	has "nameserver 192.0.2.2"
	has "search example.org example.net"
	has "127.0.1.1 www.example.org www"
	[ "$(hostname)" != www.example.org ]
	ok exec lim -- chmod u-w /etc/resolv.conf
	ok set lim --nameserver 192.0.2.3
	ok exec lim -- cat /etc/resolv.conf
	hasnt 192.0.2.3
}
