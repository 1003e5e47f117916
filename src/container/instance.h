/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One Berth on this host: where its files are and which names it takes from the host's shared spaces (cgroups, host
 * ids, interfaces). With --root everything lies under that directory, and the names differ from the default one's.
 */
#pragma once

#include <limits.h>
#include <stdint.h>

#include "base/error.h"

/* Host ids come in ranges of 65,536; a range's number is a container's id. The default instance takes numbers from
 * the lower half of the 32-bit id space, others from the upper half. */
#define ID_RANGE_SIZE 65536u
#define ID_FIRST 16u
#define ID_LAST 65000u

struct berth {
	char root[PATH_MAX / 2];	/* "" or an absolute path without a last slash */
	char cgroup_parent[48];
	uint32_t id_first, id_last;
	unsigned int lock_timeout_ms;
	char *warning;			/* WARNING_MAX bytes: what the last command went on in spite of */
};
#define WARNING_MAX 512

/* Directories are made at first use, root-only. */
enum directory {
	DIRECTORY_CONTAINERS,	/* /var/lib/berth/containers: one directory each */
	DIRECTORY_TEMPLATES,	/* /var/lib/berth/templates */
	DIRECTORY_IDS,		/* /var/lib/berth/ids: claims on id ranges */
	DIRECTORY_ADDRESSES,	/* /var/lib/berth/addresses: claims on addresses */
	DIRECTORY_PORTS,	/* /var/lib/berth/ports: claims on ports of the host */
	DIRECTORY_RUN,		/* /run/berth: one directory for each running container */
};
/* Returns an fd of the directory. */
int instance_directory(const struct berth *berth, enum directory directory, struct berth_error *err);

/* Where Berth's own programs are: "bin/berthctl", "libexec/berth/berth-monitor" under the installation's prefix, which
 * BERTH_PREFIX overrides for an uninstalled build. */
int installed_path(const char *relative, char path[static PATH_MAX], struct berth_error *err);

/* True once berth_interrupt() was called: long work undoes itself. */
bool was_interrupted(void);
