/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/connection.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/traffic.h"
#include "net/network.h"

#define NETWORK_FILE "network"
#define NEXT_FILE "network.next"

/* --- notes ---------------------------------------------------------------------------------------------------------------- */

static int note(const struct container *container, const char *file, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FD int run = container_run_directory(container, false, err);
	CLEAN_FREE char *text = NULL;
	size_t length;
	int r = run < 0 ? run : config_format(config, &text, &length, err);

	return r < 0 ? r : replace_run_file_at(run, file, text, length, err);
}

static int read_note(const struct container *container, const char *file, struct container_config *ret)
{
	CLEAN_FREE char *text = NULL;
	struct berth_error ignored;
	size_t length;
	CLEAN_FD int run = container_run_directory(container, false, &ignored);
	int r = run < 0 ? run : read_file_at(run, file, 256 * 1024, &text, &length);

	return r < 0 ? r : config_parse(text, length, ret, &ignored);
}

static void forget_next(const struct container *container)
{
	struct berth_error ignored;
	CLEAN_FD int run = container_run_directory(container, false, &ignored);

	if (run >= 0)
		(void)unlinkat(run, NEXT_FILE, 0);
}

int connection_read(const struct container *container, struct container_config *ret)
{
	return read_note(container, NETWORK_FILE, ret);
}

static int make_effective(const struct container *container, struct container_config *config, struct berth_error *err)
{
	traffic_enforce(container, config);
	return network_resolve(config, err);
}

int connection_open_namespace(pid_t init, struct berth_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", init);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "cannot open the container's network namespace") : fd;
}

/* --- start and change ---------------------------------------------------------------------------------------------------------- */

int connection_prepare(const struct container *container, struct berth_error *err)
{
	struct container_config effective = container->config;
	int r = make_effective(container, &effective, err);

	return r == 0 ? note(container, NETWORK_FILE, &effective, err) : r;
}

int connection_up(const struct container *container, pid_t init, struct berth_error *err)
{
	struct container_config effective;
	CLEAN_FD int ns = connection_open_namespace(init, err);
	int r;

	if (ns < 0)
		return ns;
	r = connection_read(container, &effective);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read what the network is to be: %s", strerror(-r));
	return network_up(&effective, container->name, ns, err);
}

static bool same_network(const struct container_config *a, const struct container_config *b)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].applied_by == BY_NETWORK && !config_same(a, b, &keys[i]))
			return false;
	return true;
}

/* Noted, done, settled. */
static int go_from_to(const struct container *container, const struct container_config *from, const struct container_config *to, int ns,
		      struct berth_error *err)
{
	int r = note(container, NEXT_FILE, to, err);

	if (r == 0)
		r = network_change(from, to, container->name, ns, err);
	if (r == 0)
		r = note(container, NETWORK_FILE, to, err);
	if (r == 0)
		forget_next(container);
	return r;
}

/* A change that died has left something of both, and nobody knows what: all of it goes, and what is wanted is made from nothing. */
static int clear_away(const struct container *container, const struct container_config *now, const struct container_config *half, int ns,
		      struct container_config *ret, struct berth_error *err)
{
	struct container_config nothing = *now;
	int r;

	memset(&nothing.eth0, 0, sizeof(nothing.eth0));
	memset(&nothing.nics, 0, sizeof(nothing.nics));
	nothing.eth0.mode = NET_NONE;
	nothing.net_proxy = false;
	r = network_change(half, &nothing, container->name, ns, err);
	if (r == 0)
		r = network_change(now, &nothing, container->name, ns, err);
	if (r == 0)
		*ret = nothing;
	return r;
}

int connection_change(const struct container *container, const struct container_config *config, struct berth_error *err)
{
	struct container_config now, half, wanted = *config;
	struct berth_error ignored;
	int r = connection_read(container, &now);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read what the network is: %s; berthctl restart makes it anew", strerror(-r));
	/* The uplink that was found at the start is kept: a default route that is away for a moment concerns nobody. */
	if (now.net_proxy && wanted.net_proxy && !wanted.net_uplink[0]) {
		strcpy(wanted.net_uplink, now.net_uplink);
		wanted.given[KEY_NET_UPLINK] = true;
	}
	r = make_effective(container, &wanted, err);
	if (r < 0)
		return r;
	r = read_note(container, NEXT_FILE, &half);
	if (r < 0 && r != -ENOENT)
		return fail(err, BERTH_FAILED, -r, "cannot read whether the network is being changed: %s", strerror(-r));
	bool broken_off = r == 0;
	if (!broken_off && same_network(&now, &wanted))
		return 0;
	CLEAN_FD int ns = connection_open_namespace(container->state.init.pid, err);
	if (ns < 0)
		return ns;
	/* What a change takes away is counted no more. */
	(void)traffic_collect(container, &now, &ignored);
	r = broken_off ? clear_away(container, &now, &half, ns, &now, err) : 0;
	if (r < 0)
		return r;
	r = go_from_to(container, &now, &wanted, ns, err);
	if (r < 0 && !broken_off && network_change(&wanted, &now, container->name, ns, &ignored) == 0)
		forget_next(container);
	return r;
}

int connection_down(const struct container *container, struct berth_error *err)
{
	static const char *const files[] = { NEXT_FILE, NETWORK_FILE };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(files); i++) {
		struct container_config noted;
		struct berth_error ignored;
		int found = read_note(container, files[i], &noted);

		if (found == -ENOENT)
			continue;
		/* Not to be read now is not the same as not there: the note stays until what it says is gone. A broken one says nothing, and the configuration is the next best. */
		if (found == -EINVAL)
			noted = container->config;
		else if (found < 0)
			return fail(err, BERTH_FAILED, -found, "cannot read what the network of %s is: %s", container->name, strerror(-found));
		/* Traffic that cannot be written down (a full disk) keeps no container up. */
		(void)traffic_collect(container, &noted, &ignored);
		r = network_down(&noted, err);
	}
	return r;
}

bool connection_is_filtered(const struct container *container)
{
	struct container_config applied;
	struct traffic_counters unused;
	struct berth_error ignored;
	uint64_t handle;

	return connection_read(container, &applied) < 0 || !network_exists(&applied) ||
	       firewall_read_counters(&applied, &unused, &handle, &ignored) == 0;
}
