/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Project quota. An inode has a project, and new ones in a directory with PROJINHERIT get the directory's; the kernel lets nobody in a
 * user namespace change either (fileattr_set_prepare() in fs/ioctl.c), refuses links and renames from another project
 * into such a directory with EXDEV, and shows the quota as the size of the filesystem in statfs(2) of such a directory.
 */
#include "storage/backends.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 512	/* unit of struct fs_disk_quota, whatever the filesystem's blocks are */

/* The xfs commands: every filesystem with quotas has them, and they take one structure (fs/quota/quota.c). */
static int quotactl_of(int fd, unsigned int command, uint32_t project, void *data)
{
	return syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, data) < 0 ? -errno : 0;
}

bool project_quota_enforced(int fd)
{
	struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };

	return quotactl_of(fd, Q_XGETQSTATV, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ACCT) &&
	       (state.qs_flags & FS_QUOTA_PDQ_ENFD);
}

int project_quota_tag(int fd, uint32_t project)
{
	struct fsxattr attributes;
	struct stat st;

	if (fstat(fd, &st) < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -errno;
	attributes.fsx_projid = project;
	/* Only a directory has anything to hand down. */
	if (S_ISDIR(st.st_mode))
		attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

bool project_quota_is_tagged(int fd, uint32_t project)
{
	struct fsxattr attributes;

	return ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0 && attributes.fsx_projid == project &&
	       (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT);
}

int project_quota_set(int fd, uint32_t project, uint64_t bytes, uint64_t inodes)
{
	/* Hard limits alone: a soft one needs a grace time, which is the whole filesystem's. 0 is no limit. */
	struct fs_disk_quota quota = {
		.d_version = FS_DQUOT_VERSION, .d_flags = FS_PROJ_QUOTA, .d_id = project,
		.d_fieldmask = FS_DQ_BSOFT | FS_DQ_BHARD | FS_DQ_ISOFT | FS_DQ_IHARD,
		.d_blk_hardlimit = bytes == QUOTA_UNLIMITED ? 0 : bytes / BLOCK + (bytes % BLOCK != 0),
		.d_ino_hardlimit = inodes == QUOTA_UNLIMITED ? 0 : inodes,
	};

	return quotactl_of(fd, Q_XSETQLIM, project, &quota);
}

int project_quota_read(int fd, uint32_t project, struct disk_usage *ret)
{
	struct fs_disk_quota quota = { 0 };
	int r = quotactl_of(fd, Q_XGETQUOTA, project, &quota);

	/* A project without a file and without a limit is not there. */
	if (r < 0 && r != -ENOENT)
		return r;
	ret->bytes = quota.d_bcount * BLOCK;
	ret->inodes = quota.d_icount;
	ret->bytes_limit = quota.d_blk_hardlimit ? quota.d_blk_hardlimit * BLOCK : QUOTA_UNLIMITED;
	ret->inodes_limit = quota.d_ino_hardlimit ? quota.d_ino_hardlimit : QUOTA_UNLIMITED;
	return 0;
}
