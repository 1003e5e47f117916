/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "container/guest_files.h"

static const char *const files[][2] = {
	{ "var/lib/dbus", "machine-id" }, { "var/lib/systemd", "random-seed" }, { "var/lib/systemd", "credential.secret" }, { "var/lib/NetworkManager", "secret_key" },
	{ "var/lib", "random-seed" }, { "var/lib/misc", "random-seed" }, { "var/lib/seedrng", "seed.credit" },
};

static bool is_host_key(const char *name)
{
	return !strncmp(name, "ssh_host_", 9) && strstr(name, "_key");
}

/* True if there were any. */
static bool remove_host_keys(int rootfs)
{
	CLEAN_FD int ssh = guest_open(rootfs, "etc/ssh", O_RDONLY | O_DIRECTORY, 0);
	CLEAN_DIR DIR *dir = list_directory(ssh);
	struct dirent *entry;
	bool any = false;

	while (dir && (entry = readdir(dir)))
		if (is_host_key(entry->d_name))
			any |= unlinkat(ssh, entry->d_name, 0) == 0;
	return any;
}

/* Debian's family makes them when the package is installed and never again. */
static int make_keys_at_boot(int rootfs, struct berth_error *err)
{
	static const char unit[] = "[Unit]\nDescription=Make SSH host keys where there are none\nBefore=ssh.service ssh.socket sshd.service\n"
		"ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key\n\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n\n[Install]\nWantedBy=multi-user.target\n";
	/* Read as shell by Debian's scripts of sysvinit, OpenRC and runit. */
	static const char line[] = "[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -A > /dev/null\n";

	if (!guest_exists(rootfs, "etc/debian_version") || !guest_exists(rootfs, "usr/bin/ssh-keygen"))
		return 0;
	if (guest_exists(rootfs, "lib/systemd/systemd") || guest_exists(rootfs, "usr/lib/systemd/systemd")) {
		int r = guest_files_put(rootfs, "etc/systemd/system", "ssh-host-keys.service", unit, 0644, err);
		if (r == 0 && guest_make_directories(rootfs, "etc/systemd/system/multi-user.target.wants", 0755) == 0)
			r = guest_replace_link(rootfs, "etc/systemd/system/multi-user.target.wants", "ssh-host-keys.service", "/etc/systemd/system/ssh-host-keys.service", err);
		return r;
	}
	return guest_files_put_block(rootfs, "etc/default", "ssh", "", line, err);
}

int guest_identity_renew(int rootfs, struct berth_error *err)
{
	/* Empty, and not gone: systemd takes the container's uuid for it then (machine-id(5)). */
	close_keep_errno(guest_open(rootfs, "etc/machine-id", O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
	for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
		CLEAN_FD int dir = guest_open(rootfs, files[i][0], O_RDONLY | O_DIRECTORY, 0);

		if (dir >= 0)
			(void)unlinkat(dir, files[i][1], 0);
	}
	return remove_host_keys(rootfs) ? make_keys_at_boot(rootfs, err) : 0;
}
