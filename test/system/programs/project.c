/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* project DIRECTORY [subvolume]: tries what would take files out of the container's disk quota, and says "refused" when none of it works. */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int failed(const char *what, int r)
{
	if (r < 0) {
		printf("%s: %s\n", what, strerror(errno));
		return 1;
	}
	printf("%s: done\n", what);
	return 0;
}

int main(int argc, char *argv[])
{
	int directory = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1, refused = 1;
	struct btrfs_ioctl_vol_args volume = { .name = "own" };
	struct fsxattr attributes, changed;

	if (directory < 0)
		return 2;
	if (argc > 2) {
		refused &= failed("subvolume", ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &volume));
		volume.fd = directory;
		refused &= failed("snapshot", ioctl(directory, BTRFS_IOC_SNAP_CREATE, &volume));
	} else {
		if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes) < 0)
			return 2;
		changed = attributes;
		changed.fsx_projid = 0;
		refused &= failed("project 0", ioctl(directory, FS_IOC_FSSETXATTR, &changed));
		changed = attributes;
		changed.fsx_xflags &= ~(unsigned int)FS_XFLAG_PROJINHERIT;
		refused &= failed("no inheritance", ioctl(directory, FS_IOC_FSSETXATTR, &changed));
	}
	printf("%s\n", refused ? "refused" : "let through");
	return 0;
}
