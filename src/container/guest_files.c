/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guest_path.h"

#define BLOCK_BEGIN "# berth begin: changed at each start; chmod u-w this file to keep it\n"
#define BLOCK_END "# berth end\n"
#define FILE_MAX (256 * 1024)

const char *guest_hostname(const struct container_config *config, const char *name)
{
	return config->hostname[0] ? config->hostname : name;
}

/* The line, newline included, where it begins a line: the same words elsewhere are the owner's. */
static const char *find_line(const char *text, const char *line)
{
	for (const char *at = text; (at = strstr(at, line)); at++)
		if (at == text || at[-1] == '\n')
			return at;
	return NULL;
}

char *guest_files_hosts(const char *old, const char *hostname)
{
	const char *begin = find_line(old, BLOCK_BEGIN), *end = begin ? find_line(begin, BLOCK_END) : NULL;
	const char *dot = strchr(hostname, '.');
	size_t head = begin && end ? (size_t)(begin - old) : strlen(old);
	const char *tail = begin && end ? end + strlen(BLOCK_END) : "";
	const char *newline = head > 0 && old[head - 1] != '\n' ? "\n" : "";
	char *text;

	/* "127.0.1.1 full.name short": what Debian's installer writes, so that the own name resolves without a network. */
	if (asprintf(&text, "%.*s%s" BLOCK_BEGIN "127.0.1.1 %s%s%.*s\n" BLOCK_END "%s", (int)head, old, newline, hostname,
		     dot ? " " : "", dot ? (int)(dot - hostname) : 0, hostname, tail) < 0)
		return NULL;
	return text;
}

static int write_changed(int rootfs_fd, const char *name, const char *text, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL;
	char path[64];

	snprintf(path, sizeof(path), "etc/%s", name);
	if (guest_read_file(rootfs_fd, path, FILE_MAX, &old) == 0 && !strcmp(old, text))
		return 0;
	int r = guest_replace_file(rootfs_fd, "etc", name, text, 0, 0, 0644, err);
	/* A directory in the way is the guest's doing and its own loss: it keeps nobody from starting it. */
	return r == -EISDIR || r == -EEXIST || r == -ENOTDIR ? 0 : r;
}

static int write_hosts(int rootfs_fd, const char *hostname, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL, *text = NULL;
	int r = guest_read_file(rootfs_fd, "etc/hosts", FILE_MAX, &old);

	/* A link, a directory or a giant is the guest's affair. */
	if (r < 0 && r != -ENOENT)
		return 0;
	text = guest_files_hosts(old ? old : "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n", hostname);
	if (!text)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	return write_changed(rootfs_fd, "hosts", text, err);
}

static int write_resolv_conf(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	size_t length;
	FILE *out;

	if (config->nameserver.count == 0)
		return 0;
	out = open_memstream(&text, &length);
	if (!out)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	fprintf(out, "# written by berth from the key nameserver; chmod u-w this file to keep it\n");
	if (config->search[0])
		fprintf(out, "search %s\n", config->search);
	for (uint32_t i = 0; i < config->nameserver.count; i++) {
		char address[ADDRESS_TEXT_MAX];

		address_format(&config->nameserver.at[i], address);
		fprintf(out, "nameserver %s\n", address);
	}
	if (fclose(out) != 0)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	return write_changed(rootfs_fd, "resolv.conf", text, err);
}

int guest_files_write(int rootfs_fd, const struct container_config *config, const char *name, struct berth_error *err)
{
	CLEAN_FD int etc = guest_open(rootfs_fd, "etc", O_PATH | O_DIRECTORY, 0);
	char line[80];
	int r;

	if (etc < 0)
		return 0;
	snprintf(line, sizeof(line), "%s\n", guest_hostname(config, name));
	r = write_changed(rootfs_fd, "hostname", line, err);
	if (r == 0)
		r = write_hosts(rootfs_fd, guest_hostname(config, name), err);
	if (r == 0)
		r = write_resolv_conf(rootfs_fd, config, err);
	return r;
}
