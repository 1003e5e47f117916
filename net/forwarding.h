/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's sysctls that make it a router for its guests. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Turns on forwarding for the families. IPv6 forwarding makes Linux ignore router advertisements, from which many
 * hosts have their own default route: interfaces that accept them (1) are first set to accept them always (2). */
int forwarding_enable(bool ipv4, bool ipv6, struct berth_error *err);

/* The host end of a container's veth takes no router advertisements and no redirects. Families that the kernel does
 * not have are skipped. */
int forwarding_harden(const char *interface, struct berth_error *err);

/* The interface answers for others' addresses (route_proxy()), at once. */
int forwarding_answer(const char *interface, struct berth_error *err);
