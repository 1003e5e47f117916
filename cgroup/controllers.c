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

/* nsdelegate is an option of the superblock: any line of a cgroup2 mount shows it. */
static bool has_nsdelegate(void)
{
	CLEAN_FILE FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024];

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, " cgroup2 ") && strstr(line, "nsdelegate"))
			return true;
	return false;
}

static void find_controller(struct cgroup_host *host, enum controller controller, const char *v2_controllers)
{
	const char *name = names[controller];
	size_t length = strlen(name);
	char *mount = NULL;

	for (const char *p = v2_controllers; (p = strstr(p, name)); p += length) {
		if ((p == v2_controllers || p[-1] == ' ') && (p[length] == ' ' || !p[length])) {
			host->version[controller] = CONTROLLER_V2;
			return;
		}
	}
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
	const char *mount = find_v2_mount();
	char controllers[256];
	int r;

	if (host.v2_root >= 0) {
		*ret = &host;
		return 0;
	}
	if (!mount)
		return fail(err, BERTH_REFUSED, ENODEV,
			    "cgroup v2 is not mounted; mount it: mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup");
	CLEAN_FD int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "cannot open %s", mount);
	r = read_small_at(fd, "cgroup.controllers", controllers, sizeof(controllers));
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read %s/cgroup.controllers: %s", mount, strerror(-r));
	r = cgroup_init();
	if (r)
		return fail(err, BERTH_FAILED, EIO, "libcgroup cannot read the host's cgroup mounts: %s", cgroup_strerror(r));
	for (enum controller c = 0; c < CONTROLLER_COUNT; c++)
		find_controller(&host, c, controllers);
	host.nsdelegate = has_nsdelegate();
	host.v2_root = take_fd(&fd);
	*ret = &host;
	return 0;
}

static void cleanup_cgroup(struct cgroup **cgroup)
{
	if (*cgroup)
		cgroup_free(cgroup);
}

int controller_write(enum controller controller, const char *path, const char *file, const char *value,
		     struct berth_error *err)
{
	CLEAN(cleanup_cgroup) struct cgroup *cgroup = cgroup_new_cgroup(path);
	/* libcgroup asks by the name the hierarchy was mounted with. */
	const char *name = !strncmp(file, "blkio.", 6) ? "blkio" : names[controller];
	struct cgroup_controller *group = cgroup ? cgroup_add_controller(cgroup, name) : NULL;
	int r;

	if (!group)
		return fail(err, BERTH_FAILED, ENOMEM, "libcgroup cannot name the %s controller of %s", name, path);
	/* One value at a time: libcgroup does not say which of several the kernel refused. */
	r = cgroup_add_value_string(group, file, value);
	if (r == 0)
		r = cgroup_modify_cgroup(cgroup);
	if (r == 0)
		return 0;
	int code = r == ECGOTHER ? cgroup_get_last_errno() : r == ECGROUPVALUENOTEXIST ? ENOENT : EIO;
	return fail(err, BERTH_FAILED, code, "cannot write '%s' to %s of cgroup %s: %s", value, file, path,
		    r == ECGOTHER ? strerror(code) : cgroup_strerror(r));
}

int controller_open(const struct cgroup_host *host, enum controller controller, const char *path, const char *file, int flags)
{
	char name[256];
	int fd;

	if (host->version[controller] == CONTROLLER_ABSENT)
		return -ENOENT;
	if (host->version[controller] == CONTROLLER_V2) {
		snprintf(name, sizeof(name), "%s/%s", path, file);
		fd = openat(host->v2_root, name, flags | O_CLOEXEC);
	} else {
		snprintf(name, sizeof(name), "%s/%s/%s", host->v1_mount[controller], path, file);
		fd = open(name, flags | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}
