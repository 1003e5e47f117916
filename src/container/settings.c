/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* set and get: the configuration of a container, and its change while it runs. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "container/addresses.h"
#include "container/container.h"
#include "container/guest_files.h"
#include "container/trial.h"
#include "cgroup/resource_limits.h"
#include "net/routed.h"

size_t berth_key_count(void)
{
	return KEY_COUNT;
}

struct berth_key berth_key_at(size_t index)
{
	const struct key *key = &keys[index];
	struct berth_key outside = key->outside;

	outside.syntax = key->type->syntax;
	outside.list = key->type->list;
	outside.number = key->type->number;
	outside.yes_no = key->type->yes_no;
	return outside;
}

static bool differs(const struct container_config *a, const struct container_config *b, enum applied_by by)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].applied_by == by && !config_same(a, b, &keys[i]))
			return true;
	return false;
}

static bool same(const struct container_config *a, const struct container_config *b)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (a->given[i] != b->given[i] || !config_same(a, b, &keys[i]))
			return false;
	return true;
}

/* --- one function for each kind of change of a running container; each can be run backwards -------------------------- */

static int change_limits(struct container *container, const struct container_config *old, const struct container_config *new,
			 struct berth_error *err)
{
	return limits_change(&container->cgroup, old, new, err);
}

static int change_network(struct container *container, const struct container_config *old, const struct container_config *new,
			  struct berth_error *err)
{
	struct routed_network from = { .alias = container->name, .addresses = &old->ip, .nat = old->net_nat };
	struct routed_network to = { .alias = container->name, .addresses = &new->ip, .nat = new->net_nat };
	struct container_state *state = &container->state;
	char path[64];

	CLEAN_FD int run = container_run_directory(container, false, err);
	if (run < 0)
		return run;
	/* Before the kernel has them, the state file has both: a teardown at any moment finds all there can be. */
	for (uint32_t i = 0; i < new->ip.count; i++)
		if (!address_list_has(&state->addresses, &new->ip.at[i]) && state->addresses.count < ADDRESSES_MAX)
			state->addresses.at[state->addresses.count++] = new->ip.at[i];
	state->nat = state->nat || new->net_nat;
	int r = state_write(run, state, err);
	if (r < 0)
		return r;
	strcpy(from.interface, state->interface);
	strcpy(to.interface, state->interface);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", state->init.pid);
	CLEAN_FD int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return fail_errno(err, "cannot open the container's network namespace");
	r = routed_network_change(&from, &to, ns, err);
	if (r < 0)
		return r;
	state->addresses = new->ip;
	state->nat = new->net_nat;
	return state_write(run, state, err);
}

static int set_hostname(const struct container *container, const char *hostname, struct berth_error *err)
{
	char path[64];
	int code = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/uts", container->state.init.pid);
	CLEAN_FD int theirs = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FD int own = open("/proc/thread-self/ns/uts", O_RDONLY | O_CLOEXEC);
	if (theirs < 0 || own < 0 || setns(theirs, CLONE_NEWUTS) < 0)
		return fail_errno(err, "cannot enter the container's uts namespace");
	if (sethostname(hostname, strlen(hostname)) < 0)
		code = errno;
	/* With the guest's name as the host's there is no going on. */
	if (setns(own, CLONE_NEWUTS) < 0)
		abort();
	errno = code;
	return code ? fail_errno(err, "cannot set the hostname to %s", hostname) : 0;
}

static int change_guest(struct container *container, const struct container_config *old, const struct container_config *new,
			struct berth_error *err)
{
	CLEAN_FD int rootfs = container_rootfs(container, err);
	bool renamed = strcmp(old->hostname, new->hostname) != 0;
	struct berth_error ignored;
	int r = rootfs;

	if (r >= 0 && renamed)
		r = set_hostname(container, guest_hostname(new, container->name), err);
	if (r < 0)
		return r;
	r = guest_files_write(rootfs, new, container->name, err);
	if (r < 0) {
		(void)guest_files_write(rootfs, old, container->name, &ignored);
		if (renamed)
			(void)set_hostname(container, guest_hostname(old, container->name), &ignored);
	}
	return r;
}

static const struct change {
	enum applied_by by;
	int (*apply)(struct container *container, const struct container_config *old, const struct container_config *new,
		     struct berth_error *err);
} changes[] = {
	{ BY_CGROUP, change_limits },
	{ BY_NETWORK, change_network },
	{ BY_GUEST, change_guest },
};

/* Applies to the kernel, then writes the file; on any failure goes back, so that it is both or neither. */
static int apply_and_save(struct container *container, bool running, const struct container_config *new, struct berth_error *err)
{
	const struct container_config *old = &container->config;
	size_t done = 0;
	int r = 0;

	for (; running && done < ARRAY_LENGTH(changes); done++) {
		if (!differs(old, new, changes[done].by))
			continue;
		r = changes[done].apply(container, old, new, err);
		if (r < 0)
			break;
	}
	if (!running && differs(old, new, BY_CGROUP))
		r = trial_limits(container, new, err);
	if (r == 0)
		r = container_save(container, new, err);
	if (r == 0)
		return 0;
	while (running && done-- > 0) {
		struct berth_error ignored;

		if (differs(old, new, changes[done].by))
			(void)changes[done].apply(container, new, old, &ignored);
	}
	return r;
}

static void name_pending(const struct container_config *old, const struct container_config *new, char *pending, size_t size)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		size_t length = strlen(pending);

		if (keys[i].applied_by == BY_START && !config_same(old, new, &keys[i]))
			snprintf(pending + length, size - length, "%s%s", length ? " " : "", keys[i].outside.name);
	}
}

int berth_set(struct berth *berth, const char *name, const struct berth_setting *settings, size_t count,
	      struct berth_set_result *ret, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct container_config new;
	struct berth_error ignored;
	int r = container_open_locked(berth, name, &container, err);
	enum berth_state state;

	if (r < 0)
		return r;
	new = container.config;
	r = config_assign(&new, settings, count, err);
	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	state = container_state_now(&container);
	ret->running = state == BERTH_RUNNING || state == BERTH_PAUSED;
	if (same(&container.config, &new))
		return 0;
	r = addresses_claim(berth, name, &new.ip, &container.config.ip, err);
	if (r == 0) {
		r = apply_and_save(&container, ret->running, &new, err);
		/* Of both lists, those that are not in the one that is in force now. */
		if (r < 0)
			(void)addresses_release(berth, name, &new.ip, &container.config.ip, &ignored);
		else
			(void)addresses_release(berth, name, &container.config.ip, &new.ip, &ignored);
	}
	if (r < 0)
		return fail_context(err, "%s", name);
	ret->changed = true;
	if (ret->running)
		name_pending(&container.config, &new, ret->pending, sizeof(ret->pending));
	return 0;
}

static int tell(const struct container_config *config, size_t index, berth_value_function function, void *data)
{
	const struct key *key = &keys[index];
	const struct berth_key outside = berth_key_at(index);
	const void *field = key_field(config, key);
	size_t count = key->type->list ? key->type->count(field) : 1;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		char value[VALUE_TEXT_MAX], raw[VALUE_TEXT_MAX];

		key->type->format(field, i, value);
		if (key->type->format_raw)
			key->type->format_raw(field, i, raw);
		r = function(&outside, value, key->type->format_raw ? raw : value, config->given[index], data);
	}
	return r;
}

int berth_get(struct berth *berth, const char *name, const char *key, berth_value_function function, void *data,
	      struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	const struct key *one = key ? key_find(key) : NULL;
	int r;

	if (key && !one)
		return fail(err, BERTH_USAGE, EINVAL, "there is no key '%.64s'; berthctl help keys lists them", key);
	r = container_open(berth, name, &container, err);
	for (size_t i = 0; r == 0 && i < KEY_COUNT; i++)
		if (!one || one == &keys[i])
			r = tell(&container.config, i, function, data);
	return r;
}
