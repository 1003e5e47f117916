#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# nesting: Docker and Podman in a Debian guest, with an image made of the busybox tree; and what stays closed without it, and with it.

load helpers

setup_file() {
	berth_setup
	berth create nest --template nested --ip 10.77.30.1 --nesting yes --fuse yes
	tar -C "$BERTH_TEST_TEMPLATES/busybox/rootfs" -cf "$BERTH_ROOT/image.tar" .
	berth push nest "$BERTH_ROOT/image.tar" /root/image.tar
	berth start nest --wait --timeout 110
	# cgroup v1 holds the host's pids controller on some: then Podman must not ask for it.
	LIMIT=$(is_hybrid && echo --pids-limit=0 || true)
	export LIMIT
}
teardown_file() { berth_teardown; }

@test "Docker: an overlay, its own network, a published port that the world reaches" {
	docker_is_up() { berthctl exec nest -- docker info > /dev/null 2>&1; }
	eventually 60 docker_is_up
	ok exec nest -- sh -c 'docker import /root/image.tar bb 2>&1 > /dev/null'
	ok exec nest -- docker info --format '{{.Driver}}'
	is overlay2
	ok exec nest -- docker run --rm --network none bb /bin/sh -c 'id -u; echo $$'
	is $'0\n1'
	ok exec nest -- docker run --rm bb /bin/sh -c 'ping -c 1 -W 3 10.77.30.1 > /dev/null && ip -o -4 addr show dev eth0 | grep -o 172.17.0.2'
	is 172.17.0.2
	ok exec nest -- sh -c 'docker run -d --name web -p 8080:80 bb /bin/sh -c "mkdir /www; echo from the inner container > /www/index.html; exec httpd -f -h /www" > /dev/null'
	page() { timeout 3 bash -c 'exec 3<> /dev/tcp/10.77.30.1/8080; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' | grep -q 'from the inner container'; }
	eventually 20 page
	ok exec nest -- docker exec web ps
	has httpd
	ok exec nest -- sh -c 'docker stop -t 1 web > /dev/null && docker rm web > /dev/null'
}

@test "Podman: an image, a container, files on a volume" {
	ok exec nest -- sh -c 'podman import -q /root/image.tar bb > /dev/null 2>&1; podman images -q | wc -l'
	is 1
	ok exec nest -- sh -c "podman run $LIMIT --rm --network none localhost/bb /bin/sh -c 'id -u; echo \$\$' 2> /dev/null"
	is $'0\n1'
	ok exec nest -- sh -c "podman run $LIMIT --rm -v /root:/given:ro --network none localhost/bb ls /given 2> /dev/null"
	has image.tar
}

@test "with nesting, nested user namespaces and new mounts of proc; still closed is what is the host's" {
	ok exec nest -- unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t proc proc /proc && mount -t tmpfs none /mnt && id -u'
	is 0
	try exec nest -- sh -c 'mount -t ext4 /dev/vda /mnt 2>&1; mknod /tmp/d b 253 0 2>&1; ls /tmp/d'
	[ "$status" -ne 0 ]
	ok push nest "$BERTH_TEST_PROGRAMS/calls" /root/calls --mode 755
	# bpf, socketcall; socket(AF_ALG) of i386; x32's numbers; unknown calls; AF_ALG and AF_VSOCK: as without nesting.
	ok exec nest -- /root/calls
	[[ $output =~ ^-1\ -38\ -?[0-9]+\ 1\ -97\ 38\ 38\ 38\ [0-9]+\ 97\ 97$ ]] || story "something is open"
}

@test "without nesting there are no nested user namespaces, for root and for others" {
	ok set nest --nesting no
	has "takes effect at the next start"
	ok restart nest --kill
	try exec nest -- unshare --user true
	[ "$status" -ne 0 ]
	try exec nest --user nobody -- unshare --user true
	[ "$status" -ne 0 ]
	ok exec nest -- unshare --mount sh -c 'mount -t tmpfs none /mnt'
	[ "$(berth get nest nesting)" = no ]
}
