/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/forwarding.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

static int set_sysctl(const char *path, const char *value, struct berth_error *err)
{
	char now[32];
	int r = read_small_at(AT_FDCWD, path, now, sizeof(now));

	/* Writing the value it has is not free: conf/all/forwarding walks every interface. */
	if (r == 0 && !strcmp(now, value))
		return 0;
	if (r == 0)
		r = write_small_at(AT_FDCWD, path, value);
	return r < 0 ? fail(err, BERTH_FAILED, -r, "cannot write '%s' to %s: %s", value, path, strerror(-r)) : 0;
}

static int keep_router_advertisements(struct berth_error *err)
{
	CLEAN_DIR DIR *dir = opendir("/proc/sys/net/ipv6/conf");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[320], now[32];

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "all") || !strncmp(entry->d_name, "ve-", 3))
			continue;
		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", entry->d_name);
		if (read_small_at(AT_FDCWD, path, now, sizeof(now)) == 0 && !strcmp(now, "1")) {
			int r = set_sysctl(path, "2", err);

			if (r < 0 && r != -ENOENT)
				return r;
		}
	}
	return 0;
}

int forwarding_enable(bool ipv4, bool ipv6, struct berth_error *err)
{
	static const char all6[] = "/proc/sys/net/ipv6/conf/all/forwarding";
	char now[32];
	int r = 0;

	if (ipv4)
		r = set_sysctl("/proc/sys/net/ipv4/ip_forward", "1", err);
	if (r < 0 || !ipv6)
		return r;
	r = read_small_at(AT_FDCWD, all6, now, sizeof(now));
	if (r < 0)
		return fail(err, BERTH_REFUSED, -r, "ip: this host has no IPv6 (%s: %s)", all6, strerror(-r));
	if (!strcmp(now, "1"))
		return 0;
	r = keep_router_advertisements(err);
	return r < 0 ? r : set_sysctl(all6, "1", err);
}

/* files: paths below /proc/sys/net with %s for the interface, and values. Families that the kernel does not have are skipped. */
static int set_all(const char *const files[][2], size_t count, const char *interface, struct berth_error *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *part = strstr(files[i][0], "%s");
		char path[128];
		int r;

		snprintf(path, sizeof(path), "/proc/sys/net/%.*s%s%s", (int)(part - files[i][0]), files[i][0], interface, part + 2);
		r = set_sysctl(path, files[i][1], err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int forwarding_harden(const char *interface, struct berth_error *err)
{
	static const char *const files[][2] = {
		{ "ipv6/conf/%s/accept_ra", "0" },
		{ "ipv6/conf/%s/accept_redirects", "0" },
		{ "ipv4/conf/%s/accept_redirects", "0" },
		{ "ipv4/conf/%s/send_redirects", "0" },
	};

	return set_all(files, ARRAY_LENGTH(files), interface, err);
}

int forwarding_answer(const char *interface, struct berth_error *err)
{
	/* ARP for a proxy entry needs no switch. The delay is for networks with several that answer. */
	static const char *const files[][2] = {
		{ "ipv6/conf/%s/proxy_ndp", "1" },
		{ "ipv6/neigh/%s/proxy_delay", "0" },
		{ "ipv4/neigh/%s/proxy_delay", "0" },
	};

	return set_all(files, ARRAY_LENGTH(files), interface, err);
}
