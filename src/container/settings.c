/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* set and get: the configuration of a container, and its change while it runs. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "container/addresses.h"
#include "container/commitments.h"
#include "container/connection.h"
#include "container/guest_binds.h"
#include "container/guest_files.h"
#include "container/guest_network.h"
#include "container/host.h"
#include "container/ports.h"
#include "container/rootfs.h"
#include "container/settings.h"
#include "container/trial.h"
#include "cgroup/resource_limits.h"
#include "net/network.h"

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

int settings_assign(struct container_config *config, const struct policy *policy, const struct berth_setting *settings, size_t count,
		    struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct plan *plan;

		if (strcmp(settings[i].key, keys[KEY_PLAN].outside.name) != 0 || !settings[i].value[0])
			continue;
		r = policy_find_plan(policy, settings[i].value, &plan, err);
		if (r == 0)
			config_merge(config, &plan->config);
	}
	if (r == 0)
		r = config_assign(config, settings, count, err);
	return r < 0 ? r : config_check(config, err);
}

/* --- one function for each kind of change of a running container; each can be run backwards -------------------------- */

static int change_limits(struct container *container, const struct container_config *old, const struct container_config *new,
			 struct berth_error *err)
{
	return limits_change(&container->cgroup, old, new, err);
}

static int change_storage(struct container *container, const struct container_config *old, const struct container_config *new,
			  struct berth_error *err)
{
	(void)old;
	return rootfs_apply_quota(container, new, container_state_now(container) != BERTH_STOPPED, err);
}

static int change_network(struct container *container, const struct container_config *old, const struct container_config *new,
			  struct berth_error *err)
{
	CLEAN_FD int rootfs = container->config.linked ? -EBADF : rootfs_open(container, err);
	int r = rootfs < 0 && !container->config.linked ? rootfs : connection_change(container, new, err);

	(void)old;
	/* What its own programs read, for when they are restarted; a linked one gets it at its next start. */
	return r == 0 && rootfs >= 0 ? guest_network_write(rootfs, new, err) : r;
}

static int change_mounts(struct container *container, const struct container_config *old, const struct container_config *new,
			 struct berth_error *err)
{
	CLEAN_FD int init = container_init(container);
	CLEAN_FD int run = container_run_directory(container, false, err);
	pid_t pid = container->state.init.pid;
	int r = run < 0 ? run : guest_binds_check(&new->mounts, err);

	if (r == 0 && init < 0)
		r = fail(err, BERTH_WRONG_STATE, ESRCH, "%s is not running any more", container->name);
	if (r == 0)
		r = guest_binds_begin(run, init, pid, &old->mounts, &new->mounts, err);
	return r < 0 ? r : guest_binds_change(init, pid, &old->mounts, &new->mounts, err);
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
	bool renamed = strcmp(old->hostname, new->hostname) != 0;
	struct berth_error ignored;

	/* Its files follow at the next start; name_pending() tells of those whose setting is in no other way in force. */
	if (container->config.linked)
		return renamed ? set_hostname(container, guest_hostname(new, container->name), err) : 0;
	CLEAN_FD int rootfs = rootfs_open(container, err);
	int r = rootfs;
	if (r >= 0)
		r = guest_files_check(rootfs, new, err);
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
	bool always;		/* of a stopped container too: it is the disk's */
	int (*apply)(struct container *container, const struct container_config *old, const struct container_config *new,
		     struct berth_error *err);
} changes[] = {
	{ BY_CGROUP, false, change_limits },
	{ BY_STORAGE, true, change_storage },
	{ BY_NETWORK, false, change_network },
	{ BY_MOUNTS, false, change_mounts },
	{ BY_GUEST, false, change_guest },
};

/* The run file says that a change is under way: whoever finds it there after its end puts things right. */
static int mark_changing(struct container *container, bool changing, struct berth_error *err)
{
	CLEAN_FD int run = container_run_directory(container, false, err);

	container->state.changing = changing;
	if (run >= 0 && !changing)
		guest_binds_end(run);
	return run < 0 ? run : state_write(run, &container->state, err);
}

/* A configuration for the kernel: with the cores that "auto" is. */
static struct container_config resolved(const struct container *container, const struct container_config *config, const char *cores)
{
	struct container_config copy = *config;
	struct limits_meter meter;

	if (strcmp(config->cpuset, CPUSET_AUTO) != 0)
		return copy;
	if (cores)
		snprintf(copy.cpuset, sizeof(copy.cpuset), "%.256s", cores);
	else if (limits_read_meter(&container->cgroup, KEY_CPUSET, &meter) && meter.known)
		snprintf(copy.cpuset, sizeof(copy.cpuset), "%.256s", meter.text);
	return copy;
}

/* Applies to the kernel, then writes the file; on any failure goes back, so that it is both or neither. After a set that died nothing is
 * known of what the kernel has: all is written, and there is no way back but another set, or recover. */
static int apply_and_save(struct container *container, bool running, const struct container_config *new, const char *cores,
			  struct berth_error *err)
{
	struct container_config from = resolved(container, &container->config, NULL), to = resolved(container, new, cores);
	bool broken_off = running && container->state.changing;
	size_t done = 0;
	int r = running ? mark_changing(container, true, err) : 0;

	if (r < 0)
		return r;
	for (; done < ARRAY_LENGTH(changes); done++) {
		if ((!running && !changes[done].always) || (!broken_off && !differs(&from, &to, changes[done].by)))
			continue;
		r = changes[done].apply(container, broken_off && changes[done].by == BY_CGROUP ? NULL : &from, &to, err);
		if (r < 0)
			break;
	}
	if (r == 0 && !running && differs(&from, &to, BY_CGROUP))
		r = trial_limits(container, &to, err);
	if (r == 0)
		r = container_save(container, new, err);
	if (r < 0 && broken_off)
		return fail_context(err, "a set was interrupted before, and cannot be put right");
	while (r < 0 && done-- > 0) {
		struct berth_error ignored;

		if ((running || changes[done].always) && differs(&from, &to, changes[done].by))
			(void)changes[done].apply(container, &to, &from, &ignored);
	}
	if (running) {
		struct berth_error ignored;

		(void)mark_changing(container, false, &ignored);
	}
	return r;
}

static void name_pending(const struct container_config *old, const struct container_config *new, char *pending, size_t size)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		size_t length = strlen(pending);
		bool at_start = keys[i].applied_by == BY_START || (new->linked && keys[i].applied_by == BY_GUEST && i != KEY_HOSTNAME);

		if (at_start && !config_same(old, new, &keys[i]))
			snprintf(pending + length, size - length, "%s%s", length ? " " : "", keys[i].outside.name);
	}
}

/* Promises first, for they are refused by the policy; and given back when nothing comes of it. */
static int promise_and_apply(struct container *container, bool running, const struct container_config *new, const struct policy *policy,
			     struct berth_error *err)
{
	struct container_config *old = &container->config;
	struct commitments sums;
	struct berth_error ignored;
	char cores[257] = "";
	int r = commitments_take(container, new, running, policy, cores, &sums, err);

	if (r < 0)
		return r;
	r = apply_and_save(container, running, new, cores, err);
	/* The second time: a count of all that another command made in between has read the old file. */
	(void)commitments_take(container, r < 0 ? old : new, running, NULL, cores, &sums, &ignored);
	if (running && (old->memory_guarantee || new->memory_guarantee))
		(void)commitments_protect(&container->cgroup, &sums, &ignored);
	return r;
}

int settings_settle(struct container *container, struct berth_error *err)
{
	if (!container->state.changing)
		return 0;
	rootfs_find_disk(container, &container->config);
	return promise_and_apply(container, true, &container->config, NULL, err);
}

/* What the network of the new configuration takes and the old one had not. */
static int claim_network(const struct container *container, const struct policy *policy, struct container_config *new, struct berth_error *err)
{
	const struct berth *berth = container->berth;
	struct berth_error ignored;
	int r = addresses_claim(berth, container->name, new, &container->config, err);

	if (r < 0)
		return r;
	/* A plan that is given again does not take away the ports that its container has. */
	if (!new->net_port_block.first && new->net_port_block.count == container->config.net_port_block.count)
		new->net_port_block = container->config.net_port_block;
	r = ports_choose_block(berth, container->name, policy, new, err);
	if (r == 0)
		r = ports_claim(berth, container->name, new, &container->config, err);
	if (r < 0)
		(void)addresses_release(berth, container->name, new, &container->config, &ignored);
	return r;
}

static void release_network(const struct container *container, const struct container_config *gone, const struct container_config *kept)
{
	struct berth_error ignored;

	(void)addresses_release(container->berth, container->name, gone, kept, &ignored);
	(void)ports_release(container->berth, container->name, gone, kept, &ignored);
}

int berth_set(struct berth *berth, const char *name, const struct berth_setting *settings, size_t count,
	      struct berth_set_result *ret, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	CLEAN_POLICY struct policy policy = { .plans = NULL };
	struct container_config new;
	int r = container_open_locked(berth, name, &container, err);
	enum berth_state state;

	if (r == 0)
		r = host_policy_read(berth, &policy, err);
	if (r < 0)
		return r;
	new = container.config;
	r = settings_assign(&new, &policy, settings, count, err);
	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	state = container_state_now(&container);
	ret->running = state == BERTH_RUNNING || state == BERTH_PAUSED;
	if (same(&container.config, &new) && !container.state.changing)
		return 0;
	rootfs_find_disk(&container, &new);
	rootfs_find_disk(&container, &container.config);
	r = differs(&container.config, &new, BY_NETWORK) ? network_check(&new, err) : 0;
	if (r == 0)
		r = claim_network(&container, &policy, &new, err);
	if (r == 0) {
		r = promise_and_apply(&container, ret->running, &new, &policy, err);
		/* Of both, what is not in the one that is in force now. */
		release_network(&container, r < 0 ? &new : &container.config, r < 0 ? &container.config : &new);
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

int berth_settings_value(const struct berth_settings *settings, const char *key, berth_value_function function, void *data)
{
	const struct key *found = key_find(key);

	return found ? tell((const struct container_config *)settings, (size_t)(found - keys), function, data) : -ENOENT;
}

static int tell_plan(const struct plan *plan, berth_plan_function function, void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];
		const struct berth_key outside = berth_key_at(i);
		const void *field = key_field(&plan->config, key);
		size_t count = !plan->config.given[i] ? 0 : key->type->list ? key->type->count(field) : 1;

		for (size_t j = 0; r == 0 && j < count; j++) {
			char value[VALUE_TEXT_MAX], raw[VALUE_TEXT_MAX];

			key->type->format(field, j, value);
			(key->type->format_raw ? key->type->format_raw : key->type->format)(field, j, raw);
			r = function(plan->name, &outside, value, raw, data);
		}
	}
	return r;
}

int berth_plans(struct berth *berth, berth_plan_function function, void *data, struct berth_error *err)
{
	CLEAN_POLICY struct policy policy;
	int r = host_policy_read(berth, &policy, err);

	for (size_t i = 0; r == 0 && i < policy.plan_count; i++)
		r = tell_plan(&policy.plans[i], function, data);
	return r;
}
