/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/guest_path.h"
#include "container/guest_network.h"

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

char *guest_files_block(const char *old, const char *lines)
{
	const char *begin = find_line(old, BLOCK_BEGIN), *end = begin ? find_line(begin, BLOCK_END) : NULL;
	size_t head = begin && end ? (size_t)(begin - old) : strlen(old);
	const char *tail = begin && end ? end + strlen(BLOCK_END) : "";
	const char *newline = head > 0 && old[head - 1] != '\n' ? "\n" : "";
	char *text;

	return asprintf(&text, "%.*s%s" BLOCK_BEGIN "%s" BLOCK_END "%s", (int)head, old, newline, lines, tail) < 0 ? NULL : text;
}

char *guest_files_hosts(const char *hostname)
{
	const char *dot = strchr(hostname, '.');
	char *text;

	/* "127.0.1.1 full.name short": what Debian's installer writes, so that the own name resolves without a network. */
	return asprintf(&text, "127.0.1.1 %s%s%.*s\n", hostname, dot ? " " : "", dot ? (int)(dot - hostname) : 0, hostname) < 0 ? NULL : text;
}

int guest_files_put(int rootfs_fd, const char *directory, const char *name, const char *text, mode_t mode, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL;
	char path[256];

	if (!text)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (guest_read_file(rootfs_fd, path, FILE_MAX, &old) == 0 && !strcmp(old, text))
		return 0;
	/* Whatever keeps the guest's tree from having such a directory is the guest's doing: it keeps nobody from starting it. */
	int r = guest_make_directories(rootfs_fd, directory, 0755);
	if (r == -ENOTDIR || r == -ELOOP || r == -ENOENT)
		return 0;
	r = guest_replace_file(rootfs_fd, directory, name, text, 0, 0, mode, err);
	return r == -EISDIR || r == -EEXIST || r == -ENOTDIR ? 0 : r;
}

int guest_files_put_block(int rootfs_fd, const char *directory, const char *name, const char *default_text, const char *lines, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL, *text = NULL;
	char path[256];
	int r;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	r = guest_read_file(rootfs_fd, path, FILE_MAX, &old);
	/* A link, a directory or a giant is the guest's affair. */
	if (r < 0 && r != -ENOENT)
		return 0;
	text = guest_files_block(old ? old : default_text, lines);
	return guest_files_put(rootfs_fd, directory, name, text, 0644, err);
}

/* --- one function for each file ----------------------------------------------------------------------------------------------- */

static int write_hostname(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	char line[100];
	int r;

	(void)config;
	snprintf(line, sizeof(line), "%s\n", hostname);
	r = guest_files_put(rootfs_fd, "etc", "hostname", line, 0644, err);
	/* OpenRC has one of its own, which goes before. */
	if (r == 0 && guest_exists(rootfs_fd, "etc/conf.d/hostname")) {
		snprintf(line, sizeof(line), "hostname=\"%s\"\n", hostname);
		r = guest_files_put(rootfs_fd, "etc/conf.d", "hostname", line, 0644, err);
	}
	return r;
}

static int write_hosts(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	CLEAN_FREE char *lines = guest_files_hosts(hostname);

	(void)config;
	if (!lines)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	return guest_files_put_block(rootfs_fd, "etc", "hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n", lines, err);
}

/* In the words of resolv.conf(5), or of resolved.conf(5). */
static char *resolver_text(const struct container_config *config, bool resolved)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out, "# written by berth from the key nameserver; chmod u-w this file to keep it\n%s", resolved ? "[Resolve]\n" : "");
	if (config->search[0])
		fprintf(out, resolved ? "Domains=%s\n" : "search %s\n", config->search);
	for (uint32_t i = 0; i < config->nameserver.count; i++) {
		char address[ADDRESS_TEXT_MAX];

		address_format(&config->nameserver.at[i], address);
		fprintf(out, resolved ? "DNS=%s\n" : "nameserver %s\n", address);
	}
	return fclose(out) == 0 ? text : NULL;
}

/* /etc/resolv.conf is a link to what systemd-resolved writes: then that is told, and the link stays. */
static bool has_resolved(int rootfs_fd)
{
	CLEAN_FD int etc = guest_open(rootfs_fd, "etc", O_PATH | O_DIRECTORY, 0);
	char target[256];
	ssize_t length = etc < 0 ? -1 : readlinkat(etc, "resolv.conf", target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return strstr(target, "systemd/resolve/") != NULL;
}

static int write_resolver(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	bool resolved = has_resolved(rootfs_fd);
	CLEAN_FREE char *text = config->nameserver.count ? resolver_text(config, resolved) : NULL;
	int r;

	(void)hostname;
	if (config->nameserver.count == 0)
		return 0;
	if (resolved)
		return guest_files_put(rootfs_fd, "etc/systemd/resolved.conf.d", "berth.conf", text, 0644, err);
	r = guest_files_put(rootfs_fd, "etc", "resolv.conf", text, 0644, err);
	if (r == 0 && guest_exists(rootfs_fd, "etc/NetworkManager"))
		r = guest_files_put(rootfs_fd, "etc/NetworkManager/conf.d", "90-berth.conf", "# written by berth: /etc/resolv.conf is what the key nameserver says\n[main]\ndns=none\n", 0644, err);
	return r;
}

int guest_files_check(int rootfs_fd, const struct container_config *config, struct berth_error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "usr/share/zoneinfo/%s", config->timezone);
	if (config->timezone[0] && !guest_exists(rootfs_fd, path))
		return fail(err, BERTH_REFUSED, ENOENT, "timezone: the container has no /%s; install tzdata in it, or name a zone that it has", path);
	return 0;
}

static int write_timezone(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	char target[128], line[80];
	int r;

	(void)hostname;
	if (!config->timezone[0])
		return 0;
	/* Relative, as systemd wants it. */
	snprintf(target, sizeof(target), "../usr/share/zoneinfo/%s", config->timezone);
	snprintf(line, sizeof(line), "%s\n", config->timezone);
	r = guest_replace_link(rootfs_fd, "etc", "localtime", target, err);
	if (r == 0 && guest_exists(rootfs_fd, "etc/timezone"))
		r = guest_files_put(rootfs_fd, "etc", "timezone", line, 0644, err);
	return r == -EISDIR ? 0 : r;
}

static int write_locale(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	bool debian = guest_exists(rootfs_fd, "etc/debian_version");
	char line[80];

	(void)hostname;
	if (!config->locale[0])
		return 0;
	snprintf(line, sizeof(line), "LANG=%s\n", config->locale);
	return guest_files_put(rootfs_fd, debian ? "etc/default" : "etc", debian ? "locale" : "locale.conf", line, 0644, err);
}

static int write_network(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err)
{
	(void)hostname;
	return guest_network_write(rootfs_fd, config, err);
}

int guest_files_write(int rootfs_fd, const struct container_config *config, const char *name, struct berth_error *err)
{
	static int (*const files[])(int rootfs_fd, const struct container_config *config, const char *hostname, struct berth_error *err) = {
		write_hostname, write_hosts, write_resolver, write_timezone, write_locale, write_network,
	};
	int r = 0;

	if (!guest_exists(rootfs_fd, "etc"))
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(files); i++)
		r = files[i](rootfs_fd, config, guest_hostname(config, name), err);
	return r;
}
