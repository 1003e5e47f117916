/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/tree_facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"

#define TEXT_MAX 65536

/* One word of a shell's: plain, '...' or "..." with backslashes. False: it does not fit, or has no end. */
static bool unquote(const char *text, size_t length, char *ret, size_t size)
{
	const char *end = text + length;
	char quote = 0;
	size_t n = 0;

	for (; text < end; text++) {
		if (quote ? *text == quote : *text == '"' || *text == '\'') {
			quote = quote ? 0 : *text;
			continue;
		}
		if (*text == '\\' && quote != '\'' && text + 1 < end)
			text++;
		if (n + 1 >= size)
			return false;
		ret[n++] = *text;
	}
	ret[n] = '\0';
	return !quote;
}

bool assignment_read(const char *text, const char *name, char *ret, size_t size)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = next_line(line)) {
		line += strspn(line, " \t");
		if (!strncmp(line, name, length) && line[length] == '=') {
			const char *value = line + length + 1;
			size_t end = strcspn(value, "\n");

			while (end > 0 && strchr(" \t\r", value[end - 1]))
				end--;
			return unquote(value, end, ret, size);
		}
	}
	return false;
}

static bool is_plain(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") == strlen(text);
}

const char *tree_facts_init(int rootfs)
{
	static const struct { const char *program, *init; } known[] = {
		{ "systemd", "systemd" }, { "openrc-init", "openrc" }, { "runit-init", "runit" }, { "runit", "runit" }, { "busybox", "busybox" },
		{ "s6-svscan", "s6" }, { "s6-linux-init", "s6" }, { "dinit", "dinit" }, { "init", "sysvinit" }, { "sysvinit", "sysvinit" },
	};
	CLEAN_FD int fd = guest_open(rootfs, "sbin/init", O_PATH, 0);
	char link[32], target[4096];
	const char *name;
	ssize_t length;

	if (fd < 0)
		return "program";
	/* Its own name, all links followed as the guest would. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	name = strrchr(target, '/');
	for (size_t i = 0; name && i < ARRAY_LENGTH(known); i++)
		if (!strcmp(name + 1, known[i].program))
			return known[i].init;
	return "unknown";
}

void tree_facts_find(int rootfs, struct berth_template *description)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD int fd = guest_open(rootfs, "etc/os-release", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char found[33];

	/* It is a link to usr/lib in most of them; opened as the guest would, never out of the tree. */
	if (fd >= 0)
		(void)guest_read_open(fd, TEXT_MAX, &text);
	if (!description->distribution[0] && text && assignment_read(text, "ID", found, sizeof(found)) && is_plain(found))
		strcpy(description->distribution, found);
	if (!description->release[0] && text && assignment_read(text, "VERSION_ID", found, sizeof(found)) && is_plain(found))
		strcpy(description->release, found);
	if (!description->init[0])
		strcpy(description->init, tree_facts_init(rootfs));
}
