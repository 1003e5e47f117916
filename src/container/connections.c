/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The networks of all running containers at once: recover --network, and what the timer calls. */
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/connection.h"
#include "container/traffic.h"
#include "net/network.h"

/* --- recover --network ------------------------------------------------------------------------------------------------------------ */

/* Held while all are worked at: none starts, stops or changes in between. */
struct running {
	size_t count, size;
	struct container *containers;
	struct container_config **applied;
};

static void running_free(struct running *running)
{
	for (size_t i = 0; i < running->count; i++) {
		container_close(&running->containers[i]);
		free(running->applied[i]);
	}
	free(running->containers);
	free(running->applied);
}

static int running_add(struct running *running, struct berth *berth, const char *name, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	CLEAN_FREE struct container_config *applied = malloc(sizeof(*applied));
	int r = container_open_locked(berth, name, &container, err);
	enum berth_state state;

	/* Destroyed in between, or one that recover has to look at. */
	if (r < 0)
		return err->kind == BERTH_NOT_FOUND || err->kind == BERTH_FAILED ? 0 : r;
	state = container_state_now(&container);
	if (!applied || (state != BERTH_RUNNING && state != BERTH_PAUSED) || connection_read(&container, applied) < 0)
		return 0;
	if (running->count == running->size) {
		size_t size = running->size ? running->size * 2 : 64;
		struct container *containers = reallocarray(running->containers, size, sizeof(*containers));
		struct container_config **list = containers ? reallocarray(running->applied, size, sizeof(struct container_config *)) : NULL;

		if (containers)
			running->containers = containers;
		if (!list)
			return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
		running->applied = list;
		running->size = size;
	}
	running->containers[running->count] = container;
	container.directory = -EBADF;
	running->applied[running->count++] = take_ptr(applied);
	return 0;
}

static int find_running(struct berth *berth, struct running *running, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(berth, DIRECTORY_RUN, err);
	CLEAN_DIR DIR *dir = list_directory(run);
	int r = 0;
	struct dirent *entry;

	if (!dir)
		return run < 0 ? run : fail_errno(err, "cannot list the running containers");
	while (r == 0 && (entry = readdir(dir)))
		if (name_is_valid(entry->d_name))
			r = running_add(running, berth, entry->d_name, err);
	return r;
}

int berth_recover_network(struct berth *berth, unsigned int *ret, struct berth_error *err)
{
	CLEAN(running_free) struct running running = { 0 };
	struct berth_error ignored;
	struct rlimit files;
	int r, result = 0;

	/* A descriptor for each running container: more than a shell gives. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	*ret = 0;
	r = find_running(berth, &running, err);
	for (size_t i = 0; r == 0 && i < running.count; i++)
		(void)traffic_collect(&running.containers[i], running.applied[i], &ignored);
	if (r == 0)
		r = firewall_rebuild((const struct container_config *const *)running.applied, running.count, err);
	for (size_t i = 0; r == 0 && i < running.count; i++) {
		const struct container *container = &running.containers[i];
		struct berth_error one;
		CLEAN_FD int ns = connection_open_namespace(container->state.init.pid, &one);
		int mended = ns < 0 ? ns : network_mend(running.applied[i], container->name, ns, &one);

		/* One that cannot be mended does not keep the others from it. */
		if (mended < 0) {
			(void)fail_context(&one, "%s", container->name);
			*err = one;
			result = mended;
			continue;
		}
		*ret += network_exists(running.applied[i]);
	}
	return r < 0 ? r : result;
}

/* --- the timer ---------------------------------------------------------------------------------------------------------------------- */

static int collect_one(struct berth *berth, const char *name, unsigned int *collected, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct container_config applied;
	int r = container_open_locked(berth, name, &container, err);
	enum berth_state state;

	if (r < 0)
		return r;
	state = container_state_now(&container);
	if ((state != BERTH_RUNNING && state != BERTH_PAUSED) || connection_read(&container, &applied) < 0)
		return 0;
	r = traffic_collect(&container, &applied, err);
	/* A month that ends, or is used up, changes the network. */
	if (r == 0)
		r = connection_change(&container, &container.config, err);
	*collected += r == 0;
	return r < 0 ? fail_context(err, "%s", name) : 0;
}

int berth_traffic_collect(struct berth *berth, const char *name, unsigned int *ret, struct berth_error *err)
{
	CLEAN_FD int run = instance_directory(berth, DIRECTORY_RUN, err);
	int result = 0;

	*ret = 0;
	if (name || run < 0)
		return run < 0 ? run : collect_one(berth, name, ret, err);
	CLEAN_DIR DIR *dir = list_directory(run);
	struct dirent *entry;
	if (!dir)
		return fail_errno(err, "cannot list the running containers");
	while ((entry = readdir(dir))) {
		struct berth impatient = *berth;
		struct berth_error one;
		int r;

		if (!name_is_valid(entry->d_name))
			continue;
		/* One that another command is at is collected next time. */
		impatient.lock_timeout_ms = 0;
		r = collect_one(&impatient, entry->d_name, ret, &one);
		if (r < 0 && one.kind != BERTH_BUSY && one.kind != BERTH_NOT_FOUND) {
			*err = one;
			result = r;
		}
	}
	return result;
}
