# SPDX-License-Identifier: LGPL-2.1-or-later
# A world for network tests: the test's network namespace is the host, a second one, joined by the veth "uplink", is the world outside,
# 198.51.100.2 and 2001:db8:ffff::2. It routes 10.77.0.0/16 and 2001:db8::/36 to the host.

world_setup() {
	# Its streams are not the test's: bats waits for whoever holds them.
	unshare --net sleep 3600 < /dev/null > /dev/null 2>&1 3>&- &
	echo $! > "$BERTH_ROOT/world"
	eventually 5 eval '[ "$(readlink /proc/$(cat "$BERTH_ROOT/world")/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
	ip link add uplink type veth peer name eth0 netns "$(cat "$BERTH_ROOT/world")"
	ip addr add 198.51.100.1/24 dev uplink
	ip addr add 2001:db8:ffff::1/64 dev uplink nodad
	ip link set uplink up
	world ip link set lo up
	world ip addr add 198.51.100.2/24 dev eth0
	world ip addr add 2001:db8:ffff::2/64 dev eth0 nodad
	world ip link set eth0 up
	world ip route add 10.77.0.0/16 via 198.51.100.1
	world ip -6 route add 2001:db8::/36 via 2001:db8:ffff::1
	# Link-local addresses are tentative for a second or two, and neighbours are not asked without one.
	settled() { [ -z "$(ip -6 addr show tentative)$(world ip -6 addr show tentative)" ]; }
	eventually 10 settled
}

world_teardown() {
	local world
	world=$(cat "$BERTH_ROOT/world")
	ip link del uplink
	kill "$world"
}

world() { nsenter --net="/proc/$(cat "$BERTH_ROOT/world")/ns/net" "$@"; }

# A host's program in a container's network namespace: what measures there needs no libraries inside.
inside() {
	local name=$1
	shift
	nsenter --net="/proc/$(berth status "$name" --json | jq '."init-pid"')/ns/net" "$@"
}

# background world|NAME|host COMMAND...: the command as a child of the test's own shell, which $! is then, in that network namespace.
background() {
	local ns=/proc/self/ns/net
	case $1 in
	host) ;;
	world) ns="/proc/$(cat "$BERTH_ROOT/world")/ns/net" ;;
	*) ns="/proc/$(berth status "$1" --json | jq '."init-pid"')/ns/net" ;;
	esac
	shift
	nsenter --net="$ns" "$@" > /dev/null 2>&1 < /dev/null 3>&- &
}
# End it.
finish() { kill "$@" 2> /dev/null || true; wait "$@" 2> /dev/null || true; }

# The host end of a container's eth0.
interface_of() { status_of "$1" interface; }

# heard COMMAND...: the frames that arrive on the interface $on (of the namespace $where, "world" or "") while the command runs, as hex, a line each.
heard() {
	local listener ns=/proc/self/ns/net out="$BATS_TEST_TMPDIR/heard"
	[ -z "${where:-}" ] || ns="/proc/$(cat "$BERTH_ROOT/world")/ns/net"
	nsenter --net="$ns" python3 "$BATS_TEST_DIRNAME/frames.py" sniff "$on" 120 > "$out" 3>&- &
	listener=$!
	eventually 10 grep -q ready "$out"
	"$@" || true
	sleep 0.5
	finish "$listener"
	grep -v ready "$out" || true
}

# deliver NAME FUNCTION [ARGUMENT...]: sends the frames that the function prints (as frames.py takes them) from inside the container, by a raw socket of
# the guest's own.
deliver() {
	local name=$1
	shift
	"$@" | python3 "$BATS_TEST_DIRNAME/frames.py" | berth exec "$name" -- frame eth0
}
