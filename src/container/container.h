/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container for the time of one command: its directory, its lock, what it should be and what it is.
 */
#pragma once

#include "config/config.h"
#include "container/instance.h"
#include "container/state.h"
#include "cgroup/container_cgroup.h"

struct container {
	const struct berth *berth;
	char name[33];
	int directory;			/* fd of /var/lib/berth/containers/NAME; the lock is on it */
	struct container_config config;
	struct container_state state;
	struct container_cgroup cgroup;
};

/* Opens an existing container and reads configuration and state, without the lock. BERTH_USAGE for a bad name,
 * BERTH_NOT_FOUND, BERTH_FAILED for a configuration that cannot be read. Release with container_close(). */
int container_open(const struct berth *berth, const char *name, struct container *ret, struct berth_error *err);

/* The same with the lock, waiting for it up to the instance's lock timeout (BERTH_BUSY). */
int container_open_locked(const struct berth *berth, const char *name, struct container *ret, struct berth_error *err);
void container_close(struct container *container);
#define CLEAN_CONTAINER CLEAN(container_close)

/* Locks an open directory; -EWOULDBLOCK as BERTH_BUSY after timeout_ms. The lock goes with the last copy of the fd. */
int lock_directory(int fd, unsigned int timeout_ms, const char *name, struct berth_error *err);
/* The same, beside others that have it shared. */
int lock_directory_shared(int fd, unsigned int timeout_ms, const char *name, struct berth_error *err);

/* Whether an entry of parent is what fd is. */
bool is_still_at(int fd, int parent, const char *entry);

/* Opens and locks what is at an entry of parent, and is so still when the lock is had: who works on an entry that commands rename (a container, what creates, destroys and
 * builds have under way) must have come by here. The fd; -ENOENT as BERTH_NOT_FOUND, -EWOULDBLOCK as BERTH_BUSY after timeout_ms. */
int open_locked_directory(int parent, const char *entry, unsigned int timeout_ms, const char *name, struct berth_error *err);

/* Reads the configuration alone: container->directory and name are set. BERTH_FAILED when it cannot be read. */
int container_read_config(struct container *container, struct berth_error *err);

/* Writes the configuration file. */
int container_save(const struct container *container, const struct container_config *config, struct berth_error *err);

/* What a writer of its configuration or traffic that was killed has left. With the lock. */
void container_remove_temporaries(const struct container *container);

/* What it is now, by the kernel's word. */
enum berth_state container_state_now(const struct container *container);

/* A pidfd of the living init, or -ESRCH. */
int container_init(const struct container *container);

/* BERTH_WRONG_STATE unless it runs. */
int container_require_running(const struct container *container, struct berth_error *err);

/* First host id of its range. */
uid_t container_host_uid(const struct container *container);

/* fd of its run directory; makes it when asked, else -ENOENT. */
int container_run_directory(const struct container *container, bool make, struct berth_error *err);

int name_check(const char *name, struct berth_error *err);

/* A container comes and goes by one rename: its directory is first ".NAME.creating", at last ".NAME.destroying". */
#define CREATING_SUFFIX ".creating"
#define DESTROYING_SUFFIX ".destroying"
bool container_is_in_transit(const struct berth *berth, const char *name);
