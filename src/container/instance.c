/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/instance.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"

static volatile sig_atomic_t interrupted;

void berth_interrupt(void)
{
	interrupted = 1;
}

bool was_interrupted(void)
{
	return interrupted;
}

const char *berth_version(void)
{
	return BERTH_VERSION;
}

/* FNV-1a: spreads instances over names and numbers; it protects nothing. */
static uint32_t hash_text(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

static int resolve_root(const char *root, char resolved[static PATH_MAX], struct berth_error *err)
{
	if (root[0] != '/')
		return fail(err, BERTH_USAGE, EINVAL, "root: '%.200s' is not an absolute path", root);
	if (mkdir(root, 0755) < 0 && errno != EEXIST)
		return fail_errno(err, "cannot make the root directory %s", root);
	if (!realpath(root, resolved))
		return fail_errno(err, "cannot resolve the root directory %s", root);
	return 0;
}

int berth_open(const char *root, struct berth **ret, struct berth_error *err)
{
	struct berth *berth = calloc(1, sizeof(*berth));
	char resolved[PATH_MAX] = "/";
	int r = 0;

	if (berth)
		berth->warning = calloc(1, WARNING_MAX);
	if (!berth || !berth->warning) {
		free(berth);
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	}
	if (root && root[0] && strcmp(root, "/") != 0)
		r = resolve_root(root, resolved, err);
	if (r == 0 && strlen(resolved) >= sizeof(berth->root))
		r = fail(err, BERTH_USAGE, ENAMETOOLONG, "root: the path is too long");
	if (r < 0) {
		berth_close(berth);
		return r;
	}
	berth->lock_timeout_ms = 30000;
	berth->id_first = ID_FIRST;
	berth->id_last = ID_LAST / 2;
	strcpy(berth->cgroup_parent, "berth");
	if (strcmp(resolved, "/") != 0) {
		uint32_t hash = hash_text(resolved);

		strcpy(berth->root, resolved);
		snprintf(berth->cgroup_parent, sizeof(berth->cgroup_parent), "berth-%08x", hash);
		/* A stretch of 1,000 ranges of its own, as far as 32 stretches can be told apart. */
		berth->id_first = ID_LAST / 2 + 1 + hash % 32 * 1000;
		berth->id_last = berth->id_first + 999;
	}
	*ret = berth;
	return 0;
}

void berth_close(struct berth *berth)
{
	free(berth->warning);
	free(berth);
}

const char *berth_warning(const struct berth *berth)
{
	return berth->warning;
}

void berth_set_lock_timeout(struct berth *berth, unsigned int milliseconds)
{
	berth->lock_timeout_ms = milliseconds;
}

int instance_directory(const struct berth *berth, enum directory directory, struct berth_error *err)
{
	static const char *const paths[] = {
		[DIRECTORY_CONTAINERS] = "/var/lib/berth/containers",
		[DIRECTORY_TEMPLATES] = "/var/lib/berth/templates",
		[DIRECTORY_IDS] = "/var/lib/berth/ids",
		[DIRECTORY_ADDRESSES] = "/var/lib/berth/addresses",
		[DIRECTORY_PORTS] = "/var/lib/berth/ports",
		[DIRECTORY_RUN] = "/run/berth",
	};
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s%s", berth->root, paths[directory]);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	/* 0700: the trees inside hold setuid programs with the guests' ids, which no host user may reach. */
	return make_directory(path, 0700, err);
}

int installed_path(const char *relative, char path[static PATH_MAX], struct berth_error *err)
{
	const char *prefix = secure_getenv("BERTH_PREFIX");

	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", prefix && prefix[0] == '/' ? prefix : BERTH_PREFIX, relative) >= PATH_MAX)
		return fail(err, BERTH_USAGE, ENAMETOOLONG, "BERTH_PREFIX: the path is too long");
	return 0;
}
