/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who logs in: a user of the guest's, from its own /etc/passwd and /etc/group. No name service of the guest's runs for that. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define LOGIN_GROUPS_MAX 64

struct login {
	char name[65], home[256], shell[256];
	uid_t uid;
	gid_t gid;
	gid_t groups[LOGIN_GROUPS_MAX];		/* supplementary, gid not among them */
	int group_count;
};

/* The user of that name, or number, from the text of a passwd(5) file, which is cut in place. The file is the guest's, so any of it may be nonsense: what is no
 * absolute path of a fitting length stays "/" and /bin/sh. root is there without a file, at home in /root. False: there is no such user; a number
 * needs no entry. */
bool login_parse(char *text, const char *user, struct login *ret);

/* Adds the groups of a group(5) file that ret->name is a member of. */
void login_parse_groups(char *text, struct login *ret);

/* The same from the files below the root directory of the calling process. */
bool login_read(const char *user, struct login *ret);

/* The text of a shadow(5) file with root's password hash in it, days being the day of its change; newly allocated. Other lines, and what is set of ageing, are kept
 * to the byte. NULL when out of memory. */
char *login_shadow(const char *old, const char *hash, unsigned long days);
