/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ownership in one line: variables that release what they hold when they leave scope.
 * An unset fd is -EBADF; a plain "int fd" parameter is borrowed; take_fd() and take_ptr() hand over.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void close_keep_errno(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

static inline void cleanup_fd(int *fd)
{
	close_keep_errno(*fd);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define CLEAN(function) __attribute__((cleanup(function)))
#define CLEAN_FREE CLEAN(cleanup_free)
#define CLEAN_FD CLEAN(cleanup_fd)
#define CLEAN_DIR CLEAN(cleanup_dir)
#define CLEAN_FILE CLEAN(cleanup_file)

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

#define take_ptr(p) __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
