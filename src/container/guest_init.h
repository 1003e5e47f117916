/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the process 1 of a running guest is, how it is asked to go down, and when it is up. Told from what the kernel says of the process and its
 * children, never from a file's word: a guest that lies is killed at the end of the timeout like any other that does not obey.
 */
#pragma once

#include "container/container.h"

/* Asks init to power off, by its own way; waits for nothing but the guest's own command, until deadline at most. init is its pidfd. 1: asked; 0: there is nothing that
 * it heeds. */
int guest_init_ask(struct container *container, int init, int64_t deadline, struct berth_error *err);

/* Whether it has said that it is up (READY=1), or, of those that do not, has come to where logins and services are. */
bool guest_init_is_ready(const struct container *container);
