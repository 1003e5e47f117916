/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (2 << 20)

/* A whole file, or stdin for "-". NULL with a message. */
static char *read_file(const char *option, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = file ? malloc(FILE_MAX + 1) : NULL;
	size_t length = text ? fread(text, 1, FILE_MAX + 1, file) : 0;

	if (!file || !text || ferror(file)) {
		(void)usage_error("%s: cannot read %s: %s", option, path, strerror(errno));
	} else if (length > FILE_MAX || memchr(text, 0, length)) {
		(void)usage_error("%s: %s is no text, or larger than %d bytes", option, path, FILE_MAX);
	} else {
		text[length] = '\0';
		if (file != stdin)
			fclose(file);
		return text;
	}
	if (file && file != stdin)
		fclose(file);
	free(text);
	return NULL;
}

static int add_key(struct access *access, const char *key)
{
	if (access->count == sizeof(access->keys) / sizeof(access->keys[0]))
		return usage_error("ssh-key: more than %zu keys", access->count);
	access->keys[access->count] = strdup(key);
	if (!access->keys[access->count])
		return usage_error("ssh-key: out of memory");
	access->count++;
	return 0;
}

/* What begins like a key is one; else it is a file with one on each line. */
static int read_keys(struct access *access, const char *value)
{
	size_t before = access->count;
	char *text, *rest, *line;
	int r = 0;

	if (!strncmp(value, "ssh-", 4) || !strncmp(value, "ecdsa-", 6) || !strncmp(value, "sk-", 3))
		return add_key(access, value);
	text = read_file("ssh-key", value);
	if (!text)
		return BERTH_USAGE;
	for (rest = text; !r && (line = strsep(&rest, "\n"));) {
		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#')
			r = add_key(access, line);
	}
	if (!r && access->count == before)
		r = usage_error("ssh-key: there is no key in %s", value);
	free(text);
	return r;
}

static int read_password(struct access *access, const char *value)
{
	char line[512];

	if (strcmp(value, "-") != 0) {
		access->password = strdup(value);
		return access->password ? 0 : usage_error("root-password: out of memory");
	}
	if (!fgets(line, sizeof(line), stdin))
		return usage_error("root-password: there is no line on stdin");
	line[strcspn(line, "\r\n")] = '\0';
	access->password = strdup(line);
	explicit_bzero(line, sizeof(line));
	return access->password ? 0 : usage_error("root-password: out of memory");
}

int access_read(const struct invocation *invocation, struct access *ret)
{
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; r == 0 && i < invocation->given_count; i++) {
		const struct given *given = &invocation->given[i];

		if (!strcmp(given->row->name, "ssh-key"))
			r = read_keys(ret, given->value);
		if (!strcmp(given->row->name, "root-password") && !ret->password)
			r = read_password(ret, given->value);
		if (!strcmp(given->row->name, "user-data") && !ret->user_data && !(ret->user_data = read_file("user-data", given->value)))
			r = BERTH_USAGE;
	}
	ret->outside = (struct berth_access){
		.root_password = ret->password, .ssh_keys = (const char *const *)ret->keys, .ssh_key_count = ret->count, .user_data = ret->user_data,
	};
	return r;
}

bool access_given(const struct access *access)
{
	return access->password || access->count || access->user_data;
}

void access_free(struct access *access)
{
	if (access->password)
		explicit_bzero(access->password, strlen(access->password));
	free(access->password);
	free(access->user_data);
	while (access->count > 0)
		free(access->keys[--access->count]);
}
