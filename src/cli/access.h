/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of create and set that say how its owner gets into a guest. */
#pragma once

#include "cli/command.h"

#define ACCESS_OPTIONS \
	{ "root-password", "PASSWORD", "root's password inside; - reads a line from stdin, so that no list of processes shows it", 0 }, \
	{ "ssh-key", "FILE|KEY", "a public key for root inside, or a file of them; may be given several times", 0 }

struct access {
	struct berth_access outside;
	char *password;
	char *keys[64];
	size_t count;
	char *user_data;
};

/* Reads them. Returns 0 or an exit code; access_free() in any case. */
int access_read(const struct invocation *invocation, struct access *ret);
void access_free(struct access *access);
bool access_given(const struct access *access);
