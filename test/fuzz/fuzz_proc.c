/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is read below /proc, and the host's subuid: the readers of files are replaced at link time, and every file says what the input says. A
 * program chooses its name, which is in some of these files.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "cgroup/container_cgroup.h"
#include "cgroup/resource_limits.h"
#include "container/claim.h"
#include "container/commitments.h"
#include "container/exec.h"
#include "container/guest_init.h"
#include "container/host.h"
#include "container/id_range.h"
#include "fuzz.h"

static const char *text;

int __wrap_read_small_at(int dirfd, const char *path, char *buffer, size_t size);
int __wrap_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_length);
int __wrap_replace_file_at(int dirfd, const char *name, const char *content, size_t length, mode_t mode, struct berth_error *err);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);

/* As the real one does: cut to the buffer, without the last newline. */
int __wrap_read_small_at(int dirfd, const char *path, char *buffer, size_t size)
{
	size_t length = strnlen(text, size - 1);

	(void)dirfd;
	(void)path;
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	if (length > 0 && buffer[length - 1] == '\n')
		buffer[length - 1] = '\0';
	return 0;
}

int __wrap_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_length)
{
	(void)dirfd;
	(void)path;
	if (strlen(text) > max)
		return -EFBIG;
	*ret = strdup(text);
	must(*ret);
	if (ret_length)
		*ret_length = strlen(text);
	return 0;
}

int __wrap_replace_file_at(int dirfd, const char *name, const char *content, size_t length, mode_t mode, struct berth_error *err)
{
	(void)dirfd;
	(void)name;
	(void)content;
	(void)length;
	(void)mode;
	(void)err;
	return 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (strncmp(path, "/etc/sub", 8) != 0)
		return __real_fopen(path, mode);	/* libFuzzer's */
	return fmemopen((void *)(uintptr_t)text, strlen(text) + 1, "r");
}

/* --- what these files ask for besides --------------------------------------------------------------------------------------------- */

int exec_quietly(struct container *container, const char *const *argv, int64_t deadline, struct berth_error *err)
{
	(void)container;
	(void)argv;
	(void)deadline;
	(void)err;
	return 0;
}

int container_run_directory(const struct container *container, bool make, struct berth_error *err)
{
	(void)container;
	(void)make;
	(void)err;
	return -ENOENT;
}

int instance_directory(const struct berth *berth, enum directory which, struct berth_error *err)
{
	(void)berth;
	(void)which;
	(void)err;
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int commitments_read(const struct berth *berth, struct commitments *ret, struct berth_error *err)
{
	(void)berth;
	(void)err;
	memset(ret, 0, sizeof(*ret));
	return 0;
}

void limits_read_usage(const struct container_cgroup *cgroup, unsigned int parts, struct limits_usage *ret)
{
	(void)cgroup;
	(void)parts;
	memset(ret, 0xff, sizeof(*ret));
}

int lock_directory(int fd, unsigned int timeout_ms, const char *what, struct berth_error *err)
{
	(void)fd;
	(void)timeout_ms;
	(void)what;
	(void)err;
	return 0;
}

int claim_take(int directory, const char *thing, const char *owner, char holder[static CLAIM_OWNER_MAX], struct berth_error *err)
{
	(void)directory;
	(void)thing;
	(void)owner;
	(void)holder;
	(void)err;
	return 0;
}

int claim_release(int directory, const char *thing, const char *owner, struct berth_error *err)
{
	(void)directory;
	(void)thing;
	(void)owner;
	(void)err;
	return 0;
}

/* --- the target ------------------------------------------------------------------------------------------------------------------- */

/* A process of any name: its start time is the kernel's word and not the name's. */
static void check_stat(const char *name, uint64_t started)
{
	char stat[1024];
	const char *input = text;

	snprintf(stat, sizeof(stat), "77 (%.63s) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %" PRIu64 " 1000 100 18446744073709551615\n", name, started);
	text = stat;
	must(process_start_time(77) == started);
	text = input;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct berth berth = { .root = "/nonexistent", .cgroup_parent = "berth", .id_first = 1, .id_last = 9 };
	struct cgroup_host host = { .v2_root = -1 };
	struct container_cgroup cgroup = { .host = &host, .parent = "berth", .path = "berth/c1" };
	struct container container = { .berth = &berth, .directory = -1, .state.init.pid = 77 };
	char *input = fuzz_text(data, size);
	struct host_resources resources;
	struct berth_error err;
	struct berth_host all;
	uint64_t id;

	text = input;
	(void)process_start_time(77);
	check_stat(input, size * 7919 + 1);
	(void)guest_init_is_ready(&container);
	must(host_resources_read(&berth, &resources, &err) == 0);
	(void)berth_host(&berth, &all, &err);
	must(!container_cgroup_has_process(&cgroup, 77) || strstr(input, "0::/berth/c1"));
	if (id_range_allocate(&berth, "c1", &id, &err) == 0)
		must(id >= berth.id_first && id <= berth.id_last);
	else
		must(err.text[0]);
	free(input);
	return 0;
}
