/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/controllers.h"

#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
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

/* They are options of the superblock: any line of a cgroup2 mount shows them. */
static void find_options(struct cgroup_host *host)
{
	CLEAN_FILE FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024];

	while (mounts && fgets(line, sizeof(line), mounts)) {
		if (!strstr(line, " cgroup2 "))
			continue;
		host->nsdelegate = strstr(line, "nsdelegate") != NULL;
		host->recursiveprot = strstr(line, "memory_recursiveprot") != NULL;
		return;
	}
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

static void find_v1_mount(struct cgroup_host *host, enum controller controller)
{
	const char *name = names[controller];
	char *mount = NULL;

	/* v1 calls io blkio. */
	if (cgroup_get_subsys_mount_point(controller == CONTROLLER_IO ? "blkio" : name, &mount) != 0 || !mount)
		return;
	if (!is_cgroup2(mount) && strlen(mount) < sizeof(host->v1_mount[0])) {
		strcpy(host->v1_mount[controller], mount);
		host->version[controller] = CONTROLLER_V1;
	}
	free(mount);
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
	bool all = true;
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++) {
		bool found = has_word(controllers, names[c]);

		host.version[c] = found ? CONTROLLER_V2 : CONTROLLER_ABSENT;
		all = all && found;
	}
	/* libcgroup looks through all mounts, which takes most of a millisecond: only where there can be something to find. */
	r = all ? 0 : cgroup_init();
	if (r)
		return fail(err, BERTH_FAILED, EIO, "libcgroup cannot read the host's cgroup mounts: %s", cgroup_strerror(r));
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		if (host.version[c] == CONTROLLER_ABSENT)
			find_v1_mount(&host, c);
	find_options(&host);
	host.v2_root = take_fd(&fd);
	*ret = &host;
	return 0;
}

static void cleanup_cgroup(struct cgroup **cgroup)
{
	if (*cgroup)
		cgroup_free(cgroup);
}

static int write_v1(enum controller controller, const char *path, const char *file, const char *value)
{
	CLEAN(cleanup_cgroup) struct cgroup *cgroup = cgroup_new_cgroup(path);
	/* libcgroup asks by the name the hierarchy was mounted with. */
	const char *name = controller == CONTROLLER_IO ? "blkio" : names[controller];
	struct cgroup_controller *group = cgroup ? cgroup_add_controller(cgroup, name) : NULL;
	int r;

	if (!group)
		return -ENOMEM;
	/* One value at a time: libcgroup does not say which of several the kernel refused. */
	r = cgroup_add_value_string(group, file, value);
	if (r == 0)
		r = cgroup_modify_cgroup(cgroup);
	if (r == 0)
		return 0;
	return r == ECGOTHER ? -cgroup_get_last_errno() : r == ECGROUPVALUENOTEXIST ? -ENOENT : -EIO;
}

int controller_write(const struct cgroup_host *host, enum controller controller, const char *path, const char *file,
		     const char *value, struct berth_error *err)
{
	char name[256];
	int r;

	if (controller_version(host, controller) == CONTROLLER_V1) {
		r = write_v1(controller, path, file, value);
	} else {
		snprintf(name, sizeof(name), "%s/%s", path, file);
		r = write_small_at(host->v2_root, name, value);
	}
	if (r == 0)
		return 0;
	return fail(err, BERTH_FAILED, -r, "cannot write '%.*s' to %s of cgroup %s: %s", (int)strcspn(value, "\n"), value, file, path,
		    strerror(-r));
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

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, word, length) && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	return UINT64_MAX;
}
