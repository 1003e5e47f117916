/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system calls that glibc 2.36 does not wrap. Nothing here interprets results: -1 and errno, as the kernel says.
 */
#pragma once

#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int sys_openat2(int dirfd, const char *path, struct open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

/* Works like fork(): the child gets 0 and its own copy of memory. Linux 5.7 for CLONE_INTO_CGROUP. */
static inline pid_t sys_clone3(struct clone_args *arguments)
{
	return (pid_t)syscall(SYS_clone3, arguments, sizeof(*arguments));
}

/* keyctl(2) without libkeyutils. */
static inline long sys_keyctl(int operation, const char *argument)
{
	return syscall(SYS_keyctl, operation, argument);
}
