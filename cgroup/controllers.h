/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where each controller lives and how a value gets into one of its files; which file a limit is, and in which units, is resource_limits.c's knowledge.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* CONTROLLER_CORE is the cgroup core itself: always there, always cgroup2, never to be enabled. */
enum controller {
	CONTROLLER_MEMORY, CONTROLLER_CPU, CONTROLLER_CPUSET, CONTROLLER_PIDS, CONTROLLER_IO, CONTROLLER_COUNT, CONTROLLER_CORE = CONTROLLER_COUNT,
};
enum controller_version { CONTROLLER_ABSENT, CONTROLLER_V1, CONTROLLER_V2 };

struct cgroup_host {
	int v2_root;			/* fd of the cgroup2 mount */
	bool nsdelegate, recursiveprot;	/* options of that mount */
	enum controller_version version[CONTROLLER_COUNT];
	char v1_mount[CONTROLLER_COUNT][64];	/* mount point of a v1 hierarchy; "" otherwise */
};

/* Finds the host's hierarchies once per process; the result lives as long as the process. BERTH_REFUSED when there
 * is no cgroup2 mount. */
int cgroup_host_get(const struct cgroup_host **ret, struct berth_error *err);

enum controller_version controller_version(const struct cgroup_host *host, enum controller controller);
const char *controller_name(enum controller controller);

/* Why an absent controller is not there, in words, by libcgroup's knowledge of /proc/cgroups. Static; for who has time. */
const char *controller_absence(enum controller controller);

/* Writes value to file of the cgroup at path (relative to its hierarchy's root): cgroup v2 by the host's own fd, v1 by its mount.
 * The error names file, value and the kernel's words. */
int controller_write(const struct cgroup_host *host, enum controller controller, const char *path, const char *file,
		     const char *value, struct berth_error *err);

/* A file of the cgroup in the controller's own hierarchy, opened for reading or for writing; a negative errno. */
int controller_open(const struct cgroup_host *host, enum controller controller, const char *path, const char *file,
		    int flags);

/* Reads a controller's file, NUL-terminated, cut at size. False: it is not there or cannot be read. */
bool controller_read(const struct cgroup_host *host, enum controller controller, const char *path, const char *file, char *text, size_t size);

/* The number in a controller's file; UINT64_MAX for "max" and for a file that is not there. */
uint64_t controller_read_number(const struct cgroup_host *host, enum controller controller, const char *path, const char *file);

/* N of the line "word N" in the text of a file of such lines; UINT64_MAX if there is none. */
uint64_t controller_keyed(const char *text, const char *word);
