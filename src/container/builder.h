/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a program that fills or reads a tree, as root of a user namespace of its own: what the program, and the package scripts that it runs, do to the tree they do
 * to an idmapped mount of it, and for the rest they are nobody of the host's. The host's network and programs are there.
 *
 * On a tmpfs of its own mount namespace it finds:
 *
 *   /mnt/rootfs   the tree                             /mnt/tmp     scratch space on the same disk
 *   /mnt/source   a directory of the caller's, read-only    /mnt/given   files of the caller's
 */
#pragma once

#include "container/instance.h"

#define BUILDER_WORKSHOP "/mnt"
#define BUILDER_ROOTFS BUILDER_WORKSHOP "/rootfs"
#define BUILDER_SOURCE BUILDER_WORKSHOP "/source"
#define BUILDER_GIVEN BUILDER_WORKSHOP "/given"
#define BUILDER_FILES_MAX 8

struct builder_file {
	const char *name;
	char *data;			/* owned */
	size_t length;
	mode_t mode;
};

struct builder {
	struct builder_file files[BUILDER_FILES_MAX];
	size_t file_count;
	int rootfs;			/* borrowed, as the others */
	bool readonly;			/* the tree is read only */
	int scratch;			/* directory for /mnt/tmp, or -EBADF: a tmpfs */
	int source;			/* directory, or -EBADF */
	int input, output;		/* stdin and stdout, or -EBADF: none, and where the messages go */
	bool verbose;			/* its messages go to stderr too */
	bool tells_kind;		/* its exit status is an enum berth_failure */
};

/* Empty, with no descriptors. */
void builder_init(struct builder *builder);
void builder_release(struct builder *builder);
#define CLEAN_BUILDER CLEAN(builder_release)

/* Reads a file of the host's to be given; name must outlive the builder. */
int builder_give(struct builder *builder, const char *name, const char *path, mode_t mode, struct berth_error *err);
/* Takes over text, allocated with malloc(). */
int builder_give_text(struct builder *builder, const char *name, char *text, struct berth_error *err);

/* Runs argv (argv[0] is the program's path as it sees it) to its end, with environment (NAME=VALUE, or NULL) beside what every builder has. A failure carries the last
 * line that begins with "E: ", or the last one. progress counts lines. host_uid is the first of the range of host ids that it gets. */
int builder_run(const struct builder *builder, const char *const *argv, const char *const *environment, uid_t host_uid, berth_progress_function progress, void *data, struct berth_error *err);
