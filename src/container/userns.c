/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/userns.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/instance.h"

pid_t userns_clone(struct clone_args *arguments, uid_t host_uid, struct berth_error *err)
{
	int bits = prctl(PR_GET_SECUREBITS), code;
	pid_t pid;

	/* With NO_SETUID_FIXUP a change of uid leaves capabilities alone (capabilities(7)). */
	if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0 || setresuid((uid_t)-1, host_uid, (uid_t)-1) < 0)
		return fail_errno(err, "cannot become uid %u", host_uid);
	pid = sys_clone3(arguments);
	code = errno;
	if (pid == 0)
		return 0;
	if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0 || prctl(PR_SET_SECUREBITS, bits) < 0)
		return fail_errno(err, "cannot become root again");
	errno = code;
	if (pid < 0)
		return fail_errno(err, "cannot clone into new namespaces%s",
				  code == ENOSPC || code == EUSERS ? " (user.max_user_namespaces?)" : "");
	return pid;
}

int userns_map(pid_t pid, uid_t host_uid, struct berth_error *err)
{
	static const char *const files[] = { "uid_map", "gid_map" };
	char map[64];

	snprintf(map, sizeof(map), "0 %u %u\n", host_uid, ID_RANGE_SIZE);
	for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
		char path[64];
		int r;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		r = write_small_at(AT_FDCWD, path, map);
		if (r < 0)
			return fail(err, BERTH_FAILED, -r, "cannot map host ids from %u: %s: %s", host_uid, files[i], strerror(-r));
	}
	return 0;
}

int userns_idmapped_mount(int directory, pid_t pid, struct berth_error *err)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	CLEAN_FD int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return fail_errno(err, "cannot open the container's user namespace");
	CLEAN_FD int tree = open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return fail_errno(err, "cannot clone the mount of the root filesystem");
	attributes.userns_fd = (uint64_t)ns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		return fail_errno(err, "cannot idmap the root filesystem%s",
				  errno == EINVAL ? " (this filesystem cannot be idmapped by this kernel: use ext4, xfs or btrfs)" : "");
	return take_fd(&tree);
}
