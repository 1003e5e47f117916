/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/traffic.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/connection.h"
#include "container/events.h"
#include "net/network.h"

#define TRAFFIC_FILE "traffic"

/* --- the file ------------------------------------------------------------------------------------------------------------- */

static int write_file(const struct container *container, const struct traffic *traffic, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	size_t length;
	int r = traffic_format(traffic, &text, &length, err);

	return r < 0 ? r : replace_file_at(container->directory, TRAFFIC_FILE, text, length, 0600, err);
}

/* Nothing was counted yet, or nobody can tell: then it begins. */
static void read_file(const struct container *container, struct traffic *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t length;

	memset(ret, 0, sizeof(*ret));
	if (read_file_at(container->directory, TRAFFIC_FILE, 65536, &text, &length) < 0 || !traffic_parse(text, length, ret))
		memset(ret, 0, sizeof(*ret));
}

static uint64_t used_of(const struct traffic_month *month, const struct container_config *config)
{
	uint64_t in = month->sum.bytes[TRAFFIC_IN][TRAFFIC_PUBLIC][TRAFFIC_IPV4] + month->sum.bytes[TRAFFIC_IN][TRAFFIC_PUBLIC][TRAFFIC_IPV6];
	uint64_t out = month->sum.bytes[TRAFFIC_OUT][TRAFFIC_PUBLIC][TRAFFIC_IPV4] + month->sum.bytes[TRAFFIC_OUT][TRAFFIC_PUBLIC][TRAFFIC_IPV6];

	return (config->traffic_counted == COUNT_OUT ? 0 : in) + (config->traffic_counted == COUNT_IN ? 0 : out);
}

/* --- looking at the kernel ---------------------------------------------------------------------------------------------------------- */

/* Adds to what the file has what was counted since; writes nothing. Returns 1 if that is something. */
static int look(const struct container *container, const struct container_config *applied, struct traffic *traffic, struct berth_error *err)
{
	struct traffic_counters now;
	char epoch[sizeof(traffic->epoch)], start[11];
	uint64_t handle = 0;
	int r;

	read_file(container, traffic);
	if (!applied || !network_exists(applied))
		return 0;
	r = firewall_read_counters(applied, &now, &handle, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	snprintf(epoch, sizeof(epoch), "%.64s %" PRIu64 " %" PRIu64, state_boot_id(), container->state.starter.start_time, handle);
	if (!strcmp(epoch, traffic->epoch) && !memcmp(&now, &traffic->last, sizeof(now)))
		return 0;
	traffic_month_start(time(NULL), (unsigned int)container->config.traffic_reset_day, start);
	traffic_add(traffic, epoch, &now, start);
	return 1;
}

int traffic_collect(const struct container *container, const struct container_config *applied, struct berth_error *err)
{
	struct traffic traffic;
	int r = look(container, applied, &traffic, err);

	return r > 0 ? write_file(container, &traffic, err) : r;
}

void traffic_enforce(const struct container *container, struct container_config *config)
{
	struct berth_event event = { .kind = BERTH_TRAFFIC_QUOTA, .time = (uint64_t)time(NULL), .process = "-" };
	struct berth_error ignored;
	struct traffic_month *month;
	struct traffic traffic;
	char start[11];

	if (config->traffic_quota == UNLIMITED)
		return;
	read_file(container, &traffic);
	traffic_month_start(time(NULL), (unsigned int)config->traffic_reset_day, start);
	month = traffic_find_month(&traffic, start);
	event.bytes = used_of(month, config);
	if (event.bytes < config->traffic_quota)
		return;
	if (!month->told && write_file(container, (month->told = true, &traffic), &ignored) == 0)
		(void)event_note(container, &event, &ignored);
	/* What is in force is written down as a configuration is: what is not given is not written. */
	if (config->traffic_action == QUOTA_BLOCK)
		config->net_block = config->given[KEY_NET_BLOCK] = true;
	if (config->traffic_action != QUOTA_THROTTLE)
		return;
	for (uint32_t i = 0; i <= config->nics.count; i++) {
		struct nic *nic = i == 0 ? &config->eth0 : &config->nics.at[i - 1];

		nic->rate_in = nic->rate_in < config->traffic_throttle ? nic->rate_in : config->traffic_throttle;
		nic->rate_out = nic->rate_out < config->traffic_throttle ? nic->rate_out : config->traffic_throttle;
	}
	config->given[KEY_NET_RATE_IN] = config->given[KEY_NET_RATE_OUT] = true;
}

/* --- the verbs ---------------------------------------------------------------------------------------------------------------------------- */

int berth_traffic(struct berth *berth, const char *name, berth_traffic_function function, void *data, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	struct container_config applied;
	struct traffic traffic;
	char start[11];
	int r = container_open(berth, name, &container, err);
	enum berth_state state;

	if (r < 0)
		return r;
	state = container_state_now(&container);
	r = look(&container, (state == BERTH_RUNNING || state == BERTH_PAUSED) && connection_read(&container, &applied) == 0 ? &applied : NULL, &traffic, err);
	traffic_month_start(time(NULL), (unsigned int)container.config.traffic_reset_day, start);
	if (r >= 0)
		(void)traffic_find_month(&traffic, start);
	for (uint32_t i = 0; r >= 0 && i < traffic.count; i++) {
		const struct traffic_month *month = &traffic.months[i];
		struct berth_traffic_month told = { .current = !strcmp(month->start, start), .quota = container.config.traffic_quota };

		strcpy(told.start, month->start);
		memcpy(told.bytes, month->sum.bytes, sizeof(told.bytes));
		told.used = used_of(month, &container.config);
		r = function(&told, data);
	}
	return r < 0 ? r : 0;
}
