/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/controllers.h"

#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/cleanup.h"
#include "base/file.h"

static const char *const names[CONTROLLER_COUNT] = {
	[CONTROLLER_MEMORY] = "memory", [CONTROLLER_CPU] = "cpu", [CONTROLLER_CPUSET] = "cpuset",
	[CONTROLLER_PIDS] = "pids", [CONTROLLER_IO] = "io",
};

const char *controller_name(enum controller controller)
{
	return names[controller];
}

static void cleanup_mounts(FILE **mounts)
{
	if (*mounts)
		endmntent(*mounts);
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The two places where cgroup2 is mounted: alone (systemd, OpenRC "unified") or beside v1 hierarchies ("hybrid"). */
static const char *find_v2_mount(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
		if (is_cgroup2(places[i]))
			return places[i];
	return NULL;
}

enum controller_version controller_version(const struct cgroup_host *host, enum controller controller)
{
	return controller == CONTROLLER_CORE ? CONTROLLER_V2 : host->version[controller];
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += length)
		if ((p == words || p[-1] == ' ') && (p[length] == ' ' || !p[length]))
			return true;
	return false;
}

/* v1 calls io blkio. */
static const char *v1_name(enum controller controller)
{
	return controller == CONTROLLER_IO ? "blkio" : names[controller];
}

/* One look at the mounts: the options of cgroup2, which are its superblock's and in any line of it, and the v1 hierarchies of what v2 does not have. */
static bool find_mounts(struct cgroup_host *host)
{
	CLEAN(cleanup_mounts) FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent mount;
	char line[1024];

	if (!mounts)
		return false;
	while (getmntent_r(mounts, &mount, line, sizeof(line))) {
		if (!strcmp(mount.mnt_type, "cgroup2")) {
			host->nsdelegate = hasmntopt(&mount, "nsdelegate") != NULL;
			host->recursiveprot = hasmntopt(&mount, "memory_recursiveprot") != NULL;
		}
		for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
			if (strcmp(mount.mnt_type, "cgroup") != 0 || host->version[c] != CONTROLLER_ABSENT || !hasmntopt(&mount, v1_name(c)) ||
			    strlen(mount.mnt_dir) >= sizeof(host->v1_mount[0]))
				continue;
			strcpy(host->v1_mount[c], mount.mnt_dir);
			host->version[c] = CONTROLLER_V1;
		}
	}
	return true;
}

int cgroup_host_get(const struct cgroup_host **ret, struct berth_error *err)
{
	static struct cgroup_host host = { .v2_root = -EBADF };
	const char *mount;
	char controllers[256];
	int r;

	if (host.v2_root >= 0) {
		*ret = &host;
		return 0;
	}
	mount = find_v2_mount();
	if (!mount)
		return fail(err, BERTH_REFUSED, ENODEV,
			    "cgroup v2 is not mounted; mount it: mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup");
	CLEAN_FD int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "cannot open %s", mount);
	r = read_small_at(fd, "cgroup.controllers", controllers, sizeof(controllers));
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read %s/cgroup.controllers: %s", mount, strerror(-r));
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		host.version[c] = has_word(controllers, names[c]) ? CONTROLLER_V2 : CONTROLLER_ABSENT;
	/* Controllers that are not found are not there: no descriptor for looking is something else. */
	if (!find_mounts(&host))
		return fail_errno(err, "cannot read /proc/self/mounts");
	host.v2_root = take_fd(&fd);
	*ret = &host;
	return 0;
}

int controller_open(const struct cgroup_host *host, enum controller controller, const char *path, const char *file, int flags)
{
	enum controller_version version = controller_version(host, controller);
	char name[256];
	int fd;

	if (version == CONTROLLER_ABSENT)
		return -ENOENT;
	if (version == CONTROLLER_V2) {
		snprintf(name, sizeof(name), "%s/%s", path, file);
		fd = openat(host->v2_root, name, flags | O_CLOEXEC);
	} else {
		snprintf(name, sizeof(name), "%s/%s/%s", host->v1_mount[controller], path, file);
		fd = open(name, flags | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

int controller_write(const struct cgroup_host *host, enum controller controller, const char *path, const char *file,
		     const char *value, struct berth_error *err)
{
	CLEAN_FD int fd = controller_open(host, controller, path, file, O_WRONLY);
	int r = fd < 0 ? fd : write(fd, value, strlen(value)) < 0 ? -errno : 0;

	if (r == 0)
		return 0;
	return fail(err, BERTH_FAILED, -r, "cannot write '%.*s' to %s of cgroup %s: %s", (int)strcspn(value, "\n"), value, file, path,
		    strerror(-r));
}

bool controller_read(const struct cgroup_host *host, enum controller controller, const char *path, const char *file, char *text, size_t size)
{
	CLEAN_FD int fd = controller_open(host, controller, path, file, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

uint64_t controller_read_number(const struct cgroup_host *host, enum controller controller, const char *path, const char *file)
{
	char text[64];

	if (!controller_read(host, controller, path, file, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

uint64_t controller_keyed(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *line = text; line && *line; line = next_line(line))
		if (!strncmp(line, word, length) && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	return UINT64_MAX;
}

const char *controller_absence(enum controller controller)
{
	struct controller_data data = { .hierarchy = 0 };
	const char *why = "the kernel was built without it";
	void *all = NULL;

	for (int r = cgroup_get_all_controller_begin(&all, &data); r == 0; r = cgroup_get_all_controller_next(&all, &data))
		if (!strcmp(data.name, v1_name(controller)))
			why = !data.enabled ? "it was switched off at boot (cgroup_disable)" : data.hierarchy ? "a v1 hierarchy has it that is not mounted here" : "no cgroup that Berth sees has it";
	(void)cgroup_get_all_controller_end(&all);
	return why;
}
