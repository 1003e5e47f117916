/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container/guest_access.h"

#include <crypt.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/guest_path.h"
#include "base/process.h"
#include "container/guest_files.h"
#include "container/login.h"
#include "container/rootfs.h"

#define SHADOW_MAX (4 << 20)
#define KEYS_MAX (1 << 20)
#define USER_DATA_MAX (1 << 20)
#define LOCK_TIMEOUT_MS 15000
#define DAY_SECONDS 86400

/* --- checks ------------------------------------------------------------------------------------------------------------------------ */

static bool is_key(const char *key)
{
	static const char *const types[] = {
		"ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ", "ecdsa-sha2-nistp521 ", "sk-ssh-ed25519@openssh.com ",
		"sk-ecdsa-sha2-nistp256@openssh.com ",
	};
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		size_t type = strlen(types[i]), body;

		if (strncmp(key, types[i], type) != 0)
			continue;
		body = strspn(key + type, letters);
		if (body < 32 || (key[type + body] && key[type + body] != ' ') || strlen(key) > 8192)
			return false;
		for (const char *p = key; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				return false;
		return true;
	}
	return false;
}

int guest_access_check(const struct berth_access *access, struct berth_error *err)
{
	const char *password = access->root_password;

	if (password && (!*password || strlen(password) > 256))
		return fail(err, BERTH_USAGE, EINVAL, "root-password: accepted are 1 to 256 bytes");
	for (const char *p = password; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return fail(err, BERTH_USAGE, EINVAL, "root-password: control characters cannot be typed at a login");
	for (size_t i = 0; i < access->ssh_key_count; i++)
		if (!is_key(access->ssh_keys[i]))
			return fail(err, BERTH_USAGE, EINVAL, "ssh-key: '%.40s' is no public key; accepted is a line such as ssh-ed25519 AAAA... name", access->ssh_keys[i]);
	if (access->user_data && strlen(access->user_data) > USER_DATA_MAX)
		return fail(err, BERTH_USAGE, EFBIG, "user-data: more than %d bytes", USER_DATA_MAX);
	return 0;
}

/* The opt-out by "chmod u-w" is for what Berth writes of its own accord, not for what is asked for: some distributions have a shadow file of mode 0. */
static void make_writable(int rootfs, const char *path)
{
	CLEAN_FD int fd = guest_open(rootfs, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)fchmod(fd, st.st_mode | S_IWUSR);
}

/* --- password -------------------------------------------------------------------------------------------------------------------------- */

/* SHA-512: what every libc's crypt(3) and every distribution knows, musl and busybox too. */
static int hash_password(const char *password, char hash[static CRYPT_OUTPUT_SIZE], struct berth_error *err)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *result;

	if (!data)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	result = crypt_gensalt_rn("$6$", 0, NULL, 0, setting, sizeof(setting)) ? crypt_r(password, setting, data) : NULL;
	if (result && result[0] == '$')
		snprintf(hash, CRYPT_OUTPUT_SIZE, "%s", result);
	else
		result = NULL;
	explicit_bzero(data, sizeof(*data));
	free(data);
	return result ? 0 : fail(err, BERTH_FAILED, EINVAL, "cannot hash the password");
}

/* The lock that passwd(1) takes inside (lckpwdf(3)): a record lock is the inode's, whoever looks at it by which mount. */
static int lock_passwords(int rootfs, struct berth_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int64_t deadline = now_ms() + LOCK_TIMEOUT_MS;
	CLEAN_FD int fd = guest_open(rootfs, "etc/.pwd.lock", O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(err, BERTH_FAILED, EINVAL, "cannot open /etc/.pwd.lock in the container's tree");
	while (fcntl(fd, F_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return fail_errno(err, "cannot lock the container's passwords");
		if (deadline_left(deadline) == 0)
			return fail(err, BERTH_BUSY, EWOULDBLOCK, "root-password: a program in the container holds the lock of its passwords");
		sleep_ms(20);
	}
	return take_fd(&fd);
}

static int write_password(int rootfs, const char *password, struct berth_error *err)
{
	CLEAN_FREE char *old = NULL, *text = NULL;
	char hash[CRYPT_OUTPUT_SIZE];
	struct stat st = { .st_mode = 0640 };
	int r = hash_password(password, hash, err);

	CLEAN_FD int lock = r < 0 ? r : lock_passwords(rootfs, err);
	if (lock < 0)
		return lock;
	CLEAN_FD int fd = guest_open(rootfs, "etc/shadow", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd >= 0)
		(void)fstat(fd, &st);
	r = fd == -ENOENT ? 0 : fd < 0 ? fd : guest_read_open(fd, SHADOW_MAX, &old);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "root-password: /etc/shadow in the container: %s", strerror(-r));
	text = login_shadow(old ? old : "", hash, (unsigned long)(time(NULL) / DAY_SECONDS));
	if (!text)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	make_writable(rootfs, "etc/shadow");
	return guest_replace_file(rootfs, "etc", "shadow", text, st.st_uid, st.st_gid, st.st_mode & 0777, err);
}

/* --- keys ------------------------------------------------------------------------------------------------------------------------------------ */

/* The home of the guest's root, without the first slash. */
static void root_home(int rootfs, char home[static 256])
{
	CLEAN_FREE char *passwd = NULL;
	struct login login;

	(void)guest_read_file(rootfs, "etc/passwd", KEYS_MAX, &passwd);
	(void)login_parse(passwd, "root", &login);
	strcpy(home, login.home[1] ? login.home + 1 : "root");
}

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

static int write_keys(int rootfs, const struct berth_access *access, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	char home[256], directory[272], path[300];
	int r;

	root_home(rootfs, home);
	snprintf(directory, sizeof(directory), "%s/.ssh", home);
	snprintf(path, sizeof(path), "%s/authorized_keys", directory);
	r = guest_make_directories(rootfs, home, 0700);
	if (r == 0)
		r = guest_make_directories(rootfs, directory, 0700);
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "ssh-key: cannot make /%s in the container's tree: %s", directory, strerror(-r));
	r = guest_read_file(rootfs, path, KEYS_MAX, &text);
	if (r < 0 && r != -ENOENT)
		return fail(err, BERTH_FAILED, -r, "ssh-key: /%s in the container: %s", path, strerror(-r));
	for (size_t i = 0; i < access->ssh_key_count; i++) {
		const char *old = text ? text : "", *newline = *old && old[strlen(old) - 1] != '\n' ? "\n" : "";
		char *longer;

		if (has_line(old, access->ssh_keys[i]))
			continue;
		if (asprintf(&longer, "%s%s%s\n", old, newline, access->ssh_keys[i]) < 0)
			return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
		free(text);
		text = longer;
	}
	make_writable(rootfs, path);
	return guest_replace_file(rootfs, directory, "authorized_keys", text ? text : "", 0, 0, 0600, err);
}

/* --- cloud-init ---------------------------------------------------------------------------------------------------------------------------------- */

/* The NoCloud seed: a new instance for each container, whose network is Berth's affair. */
static int write_user_data(int rootfs, const char *user_data, const char *uuid, const char *hostname, struct berth_error *err)
{
	static const char seed[] = "var/lib/cloud/seed/nocloud";
	CLEAN_FREE char *meta = NULL;
	int r;

	if (!guest_exists(rootfs, "usr/bin/cloud-init"))
		return fail(err, BERTH_REFUSED, ENOENT, "user-data: the template has no cloud-init");
	if (asprintf(&meta, "instance-id: %s\nlocal-hostname: %s\n", uuid, hostname) < 0)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	r = guest_files_put(rootfs, seed, "meta-data", meta, 0644, err);
	if (r == 0)
		r = guest_files_put(rootfs, seed, "user-data", user_data, 0600, err);
	if (r == 0)
		r = guest_files_put(rootfs, "etc/cloud/cloud.cfg.d", "99-berth.cfg", "# written by berth for --user-data\ndatasource_list: [ NoCloud, None ]\nnetwork: { config: disabled }\n", 0644, err);
	return r;
}

int guest_access_write(int rootfs, const struct berth_access *access, const char *uuid, const char *hostname, struct berth_error *err)
{
	int r = 0;

	/* What is refused most often first: it changes nothing. */
	if (access->user_data)
		r = write_user_data(rootfs, access->user_data, uuid, hostname, err);
	if (r == 0 && access->ssh_key_count)
		r = write_keys(rootfs, access, err);
	if (r == 0 && access->root_password)
		r = write_password(rootfs, access->root_password, err);
	return r;
}

int berth_check_access(const struct berth_access *access, struct berth_error *err)
{
	return guest_access_check(access, err);
}

int berth_set_access(struct berth *berth, const char *name, const struct berth_access *access, struct berth_error *err)
{
	CLEAN_CONTAINER struct container container = { .directory = -EBADF };
	int r = guest_access_check(access, err);

	if (r == 0)
		r = container_open_locked(berth, name, &container, err);
	CLEAN_FD int rootfs = r < 0 ? r : rootfs_open(&container, err);
	if (rootfs < 0)
		return rootfs;
	r = guest_access_write(rootfs, access, container.config.uuid, guest_hostname(&container.config, name), err);
	return r < 0 ? fail_context(err, "%s", name) : 0;
}
