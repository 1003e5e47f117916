/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/login.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"

#define FILE_MAX (4 << 20)
#define ID_MAX 65535		/* a container has no more */

/* Digits only, of an id that a container has. */
static bool parse_id(const char *text, unsigned int *ret)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text) || value > ID_MAX)
		return false;
	*ret = (unsigned int)value;
	return true;
}

/* Cuts a line at its colons; fields that are missing are NULL. */
static void cut(char *line, char **fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fields[i] = line ? strsep(&line, ":") : NULL;
}

static bool take_entry(char **fields, struct login *ret)
{
	unsigned int uid, gid;

	if (!fields[3] || !parse_id(fields[2], &uid) || !parse_id(fields[3], &gid) || !fields[0][0] || strlen(fields[0]) >= sizeof(ret->name))
		return false;
	strcpy(ret->name, fields[0]);
	ret->uid = uid;
	ret->gid = gid;
	if (fields[5] && fields[5][0] == '/' && strlen(fields[5]) < sizeof(ret->home))
		strcpy(ret->home, fields[5]);
	if (fields[6] && fields[6][0] == '/' && strlen(fields[6]) < sizeof(ret->shell))
		strcpy(ret->shell, fields[6]);
	return true;
}

bool login_parse(char *text, const char *user, struct login *ret)
{
	char zero[] = "0";
	unsigned int number;
	bool is_number = parse_id(user, &number), is_root = !strcmp(user, "root") || (is_number && number == 0);
	char *line;

	*ret = (struct login){ .home = "/", .shell = "/bin/sh" };
	if (is_root)
		strcpy(ret->home, "/root");
	snprintf(ret->name, sizeof(ret->name), "%s", is_root ? "root" : user);
	while ((line = strsep(&text, "\n"))) {
		char *fields[7];

		cut(line, fields, 7);
		if (strcmp(fields[0], user) != 0 && !(is_number && fields[2] && !strcmp(fields[2], user)) && !(is_root && !strcmp(fields[0], "root")))
			continue;
		/* Whatever a guest writes there, its root is its root. */
		if (is_root && fields[3])
			fields[2] = fields[3] = zero;
		if (take_entry(fields, ret))
			return true;
	}
	if (is_number)
		ret->uid = ret->gid = number;
	return is_root || is_number;
}

void login_parse_groups(char *text, struct login *ret)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *fields[4], *member;
		unsigned int gid;

		cut(line, fields, 4);
		if (!fields[3] || !parse_id(fields[2], &gid) || gid == ret->gid)
			continue;
		while ((member = strsep(&fields[3], ",")))
			if (!strcmp(member, ret->name) && ret->group_count < LOGIN_GROUPS_MAX) {
				ret->groups[ret->group_count++] = gid;
				break;
			}
	}
}

bool login_read(const char *user, struct login *ret)
{
	CLEAN_FREE char *passwd = NULL, *group = NULL;
	CLEAN_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found;

	if (root >= 0)
		(void)guest_read_file(root, "etc/passwd", FILE_MAX, &passwd);
	found = login_parse(passwd, user, ret);
	if (found && root >= 0 && guest_read_file(root, "etc/group", FILE_MAX, &group) == 0)
		login_parse_groups(group, ret);
	return found;
}

char *login_shadow(const char *old, const char *hash, unsigned long days)
{
	const char *line = old;
	char *text = NULL, aging[256] = ":0:99999:7:::";

	while (line && strncmp(line, "root:", 5) != 0)
		line = next_line(line);
	/* There is none: it goes first. */
	if (!line)
		return asprintf(&text, "root:%s:%lu%s\n%s", hash, days, aging, old) < 0 ? NULL : text;
	/* Behind the hash and the day of its change: what the owner has set of ageing. */
	size_t length = strcspn(line, "\n"), fields = 0, i = 0;
	for (; i < length; i++)
		if (line[i] == ':' && ++fields == 3)
			break;
	if (fields == 3 && length - i < sizeof(aging))
		snprintf(aging, sizeof(aging), "%.*s", (int)(length - i), line + i);
	return asprintf(&text, "%.*sroot:%s:%lu%s%s", (int)(line - old), old, hash, days, aging, line + length) < 0 ? NULL : text;
}
