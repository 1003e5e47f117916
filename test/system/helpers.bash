# SPDX-License-Identifier: LGPL-2.1-or-later
# What every system test uses: an instance of its own, assertions that tell the story when they fail, and a look at
# the end for anything left on the host. test/run prepares BERTH_PREFIX, BERTH_TEST_TEMPLATES and a network namespace.

bats_require_minimum_version 1.5.0

# An instance for the test file, with the templates that test/run has built.
berth_setup() {
	export BERTH_ROOT
	BERTH_ROOT=$(mktemp -d "${BERTH_TEST_DIR:-/var/tmp}/berth-test.XXXXXX")
	mkdir -p "$BERTH_ROOT/var/lib/berth"
	ln -s "$BERTH_TEST_TEMPLATES" "$BERTH_ROOT/var/lib/berth/templates"
	# Ranges and names of an instance come from its root's path.
	BERTH_CGROUP=$(cgroup_mount)
	export BERTH_CGROUP
	ip link set lo up
	leftovers > "$BERTH_ROOT/before"
}

# Ends everything and fails if the host has anything left of it.
berth_teardown() {
	local name left
	for name in $(ls "$BERTH_ROOT/var/lib/berth/containers" 2> /dev/null); do
		berthctl destroy --force "$name" || true
	done
	berthctl recover > /dev/null
	left=$(leftovers | grep -vxFf "$BERTH_ROOT/before" || true)
	rm -rf "$BERTH_ROOT"
	if [ -n "$left" ]; then
		echo "left on the host: $left" >&2
		return 1
	fi
}

# Everything that a host without running containers must not have; what was there before the file began is not its doing.
leftovers() {
	local family
	# Of this root: another run may be at work beside.
	find /sys/fs/cgroup -maxdepth 4 -type d -path "*/$(instance_cgroup)/*" 2> /dev/null
	ip -o link show 2> /dev/null | grep -oE ' v[ei]-[0-9-]*' || true
	ls -A "$BERTH_ROOT/run/berth" 2> /dev/null | grep -vxF .commitments || true
	grep -E "$BERTH_ROOT" /proc/self/mountinfo || true
	for family in inet arp bridge; do nft list table $family berth 2> /dev/null | grep elements || true; done
	ip neigh show proxy 2> /dev/null || true
	ip -6 neigh show proxy 2> /dev/null || true
	pgrep -af "berth-monitor .*$BERTH_ROOT" || true
	ls -A "$BERTH_ROOT/var/lib/berth/containers" 2> /dev/null || true
	find "$BERTH_ROOT/var/lib/berth/ids" "$BERTH_ROOT/var/lib/berth/addresses" "$BERTH_ROOT/var/lib/berth/ports" -type l 2> /dev/null || true
}

cgroup_mount() {
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then echo /sys/fs/cgroup; else echo /sys/fs/cgroup/unified; fi
}

# True where cgroup v1 holds the memory controller.
is_hybrid() {
	[ -d /sys/fs/cgroup/memory ]
}

# The command under test. Nothing may hang a run: two minutes are more than any of them needs.
berth() {
	timeout -k 5 120 berthctl "$@"
}

# Runs the command and remembers $status, $output and $stderr; prints all when an assertion fails.
try() {
	local errors
	errors=$(mktemp)
	status=0
	output=$(berth "$@" 2> "$errors") || status=$?
	stderr=$(cat "$errors")
	rm -f "$errors"
	command="berthctl $*"
}

story() {
	printf '%s\n' "$1" "command: ${command:-?}" "status: ${status:-?}" "stdout: ${output:-}" "stderr: ${stderr:-}" >&2
	return 1
}

# ok COMMAND...: exit 0 and nothing on stderr.
ok() {
	try "$@"
	[ "$status" -eq 0 ] || story "expected success"
	[ -z "$stderr" ] || story "expected nothing on stderr"
}

# refused CODE TEXT COMMAND...: that exit code, one line on stderr that begins "berthctl: " and contains TEXT.
refused() {
	local code=$1 text=$2
	shift 2
	try "$@"
	[ "$status" -eq "$code" ] || story "expected exit code $code"
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] || story "expected one line on stderr"
	[[ $stderr == "berthctl: "*"$text"* ]] || story "expected the error to contain: $text"
}

is() {
	[ "$output" = "$1" ] || story "expected stdout: $1"
}

has() {
	[[ $output == *"$1"* ]] || story "expected stdout to contain: $1"
}

hasnt() {
	[[ $output != *"$1"* ]] || story "expected stdout not to contain: $1"
}

# A member of an object in JSON: json_get PATH < object, the path as jq writes it.
json_get() {
	jq -r "$1"
}

# A fact of a container's status.
status_of() {
	berth status "$1" --json | json_get ".\"$2\""
}

# Waits up to SECONDS for a command to succeed.
eventually() {
	local seconds=$1 end
	shift
	end=$((SECONDS + seconds))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { echo "not within $seconds s: $*" >&2; return 1; }
		sleep 0.1
	done
}

# Programs of the tests, put into a container's tree.
programs_into() {
	local name
	for name in "$@"; do
		mkdir -p "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin"
		cp "$BERTH_TEST_PROGRAMS"/{hog,thrash,work,frame,forge} "$BERTH_ROOT/var/lib/berth/containers/$name/rootfs/bin/"
	done
}

# A kernel file of a container's limit cgroup, wherever its controller is mounted: kernel NAME FILE.
kernel() {
	cat "$(find /sys/fs/cgroup -path "*/$(instance_cgroup)/$1/$2" | head -n 1)"
}

# The cgroup of this root's containers: its name ends in the FNV-1a hash of the path. Another run may have one beside it.
instance_cgroup() {
	local hash=2166136261 i
	for ((i = 0; i < ${#BERTH_ROOT}; i++)); do
		hash=$(((hash ^ $(printf %d "'${BERTH_ROOT:i:1}")) * 16777619 & 0xffffffff))
	done
	printf 'berth-%08x\n' "$hash"
}

# A member of a limit in status: limit NAME KEY configured|effective|used|peak|hits
limit() {
	berth status "$1" --json | jq -r ".limits.\"$2\".\"$3\""
}

# The work of a container with a neighbour that exceeds its own limits, against its work alone:
#   neighbours NAME "WORK..." NEIGHBOUR "EXCESS..."
# Fails below four fifths; the figures are shown. Three tries: the machine has other work too, and what a limit lets through shows each time.
neighbours() {
	local name=$1 work=$2 neighbour=$3 excess=$4 alone beside pid round
	for round in 1 2 3; do
		# shellcheck disable=SC2086 # a list of words
		alone=$(berth exec "$name" -- work $work)
		berthctl exec "$neighbour" -- sh -c "$excess" > /dev/null 2>&1 &
		pid=$!
		sleep 1
		# shellcheck disable=SC2086
		beside=$(berth exec "$name" -- work $work)
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
		echo "# $work: $alone alone, $beside beside '$excess': $((beside * 100 / alone)) % (round $round)" >&3
		[ $((beside * 100)) -lt $((alone * 80)) ] || return 0
	done
	echo "work $work: $alone alone, $beside beside"
	return 1
}
