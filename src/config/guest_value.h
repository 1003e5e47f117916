/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The types of settings that are about what a guest is and has: its init's command, devices, mounts, credentials. See value.h. */
#pragma once

#include "config/value.h"

#define COMMAND_WORDS_MAX 32
/* Cuts a command into words, in place: blanks part them, double quotes and backslashes keep them. Returns how many, with words[n] NULL; -1 for
 * a quote without end or too many. */
int command_split(char *text, char *words[static COMMAND_WORDS_MAX + 1]);

/* A device of the host's: "/dev/kvm" or "/dev/sdb:r". */
struct guest_device {
	char path[64];
	bool read, write;
};
#define GUEST_DEVICES_MAX 16
struct guest_device_list {
	uint32_t count;
	struct guest_device at[GUEST_DEVICES_MAX];
};

/* A directory or file of the host's in the guest: "/srv/data:/data" or "/srv/data:/data:ro". */
struct guest_bind {
	char host[257], guest[257];	/* absolute, without "..", "//" or a last "/" */
	bool readonly;
};
#define GUEST_BINDS_MAX 16
struct guest_bind_list {
	uint32_t count;
	struct guest_bind at[GUEST_BINDS_MAX];
};

/* systemd's: "name=text". */
struct credential {
	char name[65], text[513];
};
#define CREDENTIALS_MAX 16
struct credential_list {
	uint32_t count;
	struct credential at[CREDENTIALS_MAX];
};

extern const struct value_type type_COMMAND, type_DEVICES, type_BINDS, type_CREDENTIALS, type_ZONE, type_LOCALE;
