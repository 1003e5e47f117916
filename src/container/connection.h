/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container's network (net/network.h) over its life. What was put in force is noted in its run directory before the kernel has it, in the form of
 * a configuration: "network" is what is there, "network.next" what a change under way may have put there already. Whoever comes after a dead
 * command undoes both.
 */
#pragma once

#include "container/container.h"

/* Before the namespace is there: what the configuration and the month's traffic make of the network, noted. */
int connection_prepare(const struct container *container, struct berth_error *err);

/* Brings up what was noted, in the network namespace of the process. */
int connection_up(const struct container *container, pid_t init, struct berth_error *err);

/* What is in force. -ENOENT if nothing is noted. */
int connection_read(const struct container *container, struct container_config *ret);

/* From what is in force to what the configuration and the month's traffic say, on a running container; does nothing if that is the same. A
 * failure leaves what there was. */
int connection_change(const struct container *container, const struct container_config *config, struct berth_error *err);

/* Collects the traffic and takes down all that was noted; the namespace is gone or going. */
int connection_down(const struct container *container, struct berth_error *err);

/* fd of the network namespace of a container's init. */
int connection_open_namespace(pid_t init, struct berth_error *err);

/* Whether the firewall has the container's elements, as far as can be told without taking their place. */
bool connection_is_filtered(const struct container *container);
