/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storage/image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"

#define IMAGE_LEAST (UINT64_C(64) << 20)

static int make_file(const char *path, uint64_t bytes, struct berth_error *err)
{
	struct statvfs fs;
	int r = 0;
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return fail(err, BERTH_EXISTS, EEXIST, "%s exists already", path);
	if (fd < 0)
		return fail_errno(err, "cannot make %s", path);
	if (fstatvfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < bytes)
		r = fail(err, BERTH_REFUSED, ENOSPC, "only %" PRIu64 "M are free where %s is: a full disk below would break the filesystem above",
			 (uint64_t)fs.f_bavail * fs.f_frsize >> 20, path);
	else if (ftruncate(fd, (off_t)bytes) < 0)
		r = fail_errno(err, "cannot set the size of %s", path);
	if (r < 0)
		(void)unlink(path);
	return r < 0 ? r : take_fd(&fd);
}

static int make_filesystem(const char *path, struct berth_error *err)
{
	static const char *const places[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs" };
	/* No blocks kept for root: what fills it is guests, and their quotas end before the filesystem does. */
	const char *argv[] = { places[access(places[0], X_OK) != 0], "-q", "-F", "-t", "ext4", "-m", "0", "-O", "quota,project", "-E",
			       "quotatype=prjquota,lazy_itable_init=1,nodiscard", path, NULL };
	const char *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int r = process_run(argv, environment);

	if (r == -ENOENT)
		return fail(err, BERTH_FAILED, ENOENT, "cannot make the filesystem: mke2fs is not there; install e2fsprogs");
	if (r != 0)
		return fail(err, BERTH_FAILED, r < 0 ? -r : EIO, "cannot make the filesystem in %s: mke2fs ended with %d", path, r);
	return 0;
}

/* Another process may take the free number between our two calls: then the next one. */
static int attach_loop(int file, const char *path, char device[static 32], struct berth_error *err)
{
	struct loop_config config = { .fd = (uint32_t)file, .info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO } };
	CLEAN_FD int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return fail_errno(err, "cannot open /dev/loop-control (modprobe loop?)");
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%.63s", path);
	for (int i = 0; i < 16; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), loop;

		if (number < 0)
			return fail_errno(err, "cannot get a loop device");
		snprintf(device, 32, "/dev/loop%d", number);
		loop = open(device, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			return fail_errno(err, "cannot open %s", device);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return loop;
		close_keep_errno(loop);
		/* A filesystem without direct I/O. */
		if (errno == EINVAL && (config.info.lo_flags & LO_FLAGS_DIRECT_IO))
			config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO;
		else if (errno != EBUSY)
			break;
	}
	return fail_errno(err, "cannot attach %s to a loop device", path);
}

int image_make(const char *path, uint64_t bytes, const char *mount_point, struct berth_error *err)
{
	char device[32];
	int r;

	if (bytes < IMAGE_LEAST)
		return fail(err, BERTH_USAGE, EINVAL, "size: too small for a filesystem; accepted is a size of at least 64M");
	CLEAN_FD int file = make_file(path, bytes, err);
	if (file < 0)
		return file;
	r = make_filesystem(path, err);
	CLEAN_FD int loop = r < 0 ? r : attach_loop(file, path, device, err);
	if (r == 0)
		r = loop < 0 ? loop : 0;
	if (r == 0 && mount(device, mount_point, "ext4", 0, "prjquota") < 0)
		r = fail_errno(err, "cannot mount %s on %s%s", path, mount_point,
			       errno == ESRCH || errno == EINVAL ? " (does this kernel have disk quotas? modprobe quota_v2)" : "");
	/* The loop device goes by itself when nobody has it open and it is not mounted. */
	if (r < 0)
		(void)unlink(path);
	return r;
}
