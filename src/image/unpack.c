/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "image/archive_parts.h"

#define PATH_LIMIT 4096
#define DEPTH_MAX 180			/* a copy of the tree goes 200 deep */
#define ID_COUNT 65536			/* of a container */
#define LOGICAL_SIZE_MAX (1ll << 40)	/* of a sparse file */
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

bool unpack_clean_path(const char *path, char clean[static 4096])
{
	size_t length = 0;
	int depth = 0;

	if (*path == '/')
		return false;
	while (*path) {
		size_t part = strcspn(path, "/");

		if (part == 2 && path[0] == '.' && path[1] == '.')
			return false;
		if (part > 0 && !(part == 1 && path[0] == '.')) {
			if (part > NAME_MAX || length + part + 2 > PATH_LIMIT || ++depth > DEPTH_MAX)
				return false;
			if (length > 0)
				clean[length++] = '/';
			memcpy(clean + length, path, part);
			length += part;
		}
		path += part;
		path += *path == '/';
	}
	clean[length] = '\0';
	return true;
}

/* --- what is there already -------------------------------------------------------------------------------------------------- */

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* -EEXIST: it was there before. */
static int remember(struct unpack *unpack, const char *path)
{
	char *own = strdup(path), **found = own ? tsearch(own, &unpack->seen, compare_paths) : NULL;

	if (!found) {
		free(own);
		return -ENOMEM;
	}
	if (*found == own)
		return 0;
	free(own);
	return -EEXIST;
}

/* The directory that path is in, and the last part of it. No component may be a link. */
static int open_parent(const struct unpack *unpack, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_LIMIT] = ".";

	if (slash)
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	*ret_name = slash ? slash + 1 : path;
	return guest_open_nolinks(unpack->root, parent, O_RDONLY | O_DIRECTORY, 0);
}

static int remove_path(const struct unpack *unpack, const char *path, struct berth_error *err)
{
	const char *name;
	CLEAN_FD int parent = open_parent(unpack, path, &name);

	if (parent == -ENOENT || parent == -ENOTDIR)
		return 0;
	if (parent < 0)
		return fail(err, BERTH_FAILED, -parent, "%.300s: cannot open what it is in: %s", path, strerror(-parent));
	return remove_tree_at(parent, name, err);
}

/* Everything in a directory of the layers below. */
static int empty_directory(const struct unpack *unpack, const char *path, struct berth_error *err)
{
	CLEAN_FD int fd = guest_open_nolinks(unpack->root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	CLEAN_DIR DIR *dir = list_directory(fd);
	struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		char child[PATH_LIMIT + NAME_MAX + 2];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		/* What this layer has brought already stays: the marker hides the layers below. */
		snprintf(child, sizeof(child), "%s%s%s", path, path[0] ? "/" : "", entry->d_name);
		if (!tfind(child, &unpack->seen, compare_paths))
			r = remove_tree_at(fd, entry->d_name, err);
	}
	return r;
}

/* 1: the entry was a marker of a layer and is dealt with. */
static int apply_whiteout(const struct unpack *unpack, const char *path, struct berth_error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char target[PATH_LIMIT];
	int r;

	if (!unpack->layer || strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
		return 0;
	snprintf(target, sizeof(target), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (!strcmp(name, OPAQUE)) {
		r = empty_directory(unpack, target, err);
	} else {
		name += strlen(WHITEOUT);
		if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || !strncmp(name, WHITEOUT, strlen(WHITEOUT)))
			return fail(err, BERTH_FAILED, EINVAL, "%.300s: no whiteout of a name", path);
		snprintf(target, sizeof(target), "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
		r = remove_path(unpack, target, err);
	}
	return r < 0 ? r : 1;
}

/* --- one entry ---------------------------------------------------------------------------------------------------------------- */

/* A layer's entry takes the place of what is there, unless both are directories. */
static int make_room(const struct unpack *unpack, const char *path, mode_t type, struct berth_error *err)
{
	const char *name;
	struct stat st;

	if (!unpack->layer)
		return 0;
	CLEAN_FD int parent = open_parent(unpack, path, &name);
	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (S_ISDIR(st.st_mode) && type == AE_IFDIR))
		return 0;
	return remove_tree_at(parent, name, err);
}

/* The one name that it may be another name of: a file of the tree, by no link. */
static int check_hard_link(const struct unpack *unpack, struct archive_entry *entry, const char *path, struct berth_error *err)
{
	const char *link = archive_entry_hardlink(entry), *name;
	char target[PATH_LIMIT];
	struct stat st;

	if (!unpack_clean_path(link, target) || !target[0])
		return fail(err, BERTH_FAILED, EXDEV, "%.200s: a hard link out of the tree, to %.200s", path, link);
	CLEAN_FD int parent = open_parent(unpack, target, &name);
	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || (!unpack->layer && !tfind(target, &unpack->seen, compare_paths)))
		return fail(err, BERTH_FAILED, ENOENT, "%.200s: a hard link to %.200s, which is no file of the archive's before it", path, link);
	archive_entry_set_hardlink(entry, target);
	return 0;
}

/* Labels of another host's security module, and what only that host's root may set, are not the container's. */
static void keep_attributes(struct archive_entry *entry)
{
	struct archive_entry *copy = archive_entry_clone(entry);
	const char *name;
	const void *value;
	size_t size;

	if (!copy)
		return;
	archive_entry_xattr_clear(entry);
	archive_entry_xattr_reset(copy);
	while (archive_entry_xattr_next(copy, &name, &value, &size) == ARCHIVE_OK)
		if (!strncmp(name, "user.", 5) || !strcmp(name, "security.capability"))
			archive_entry_xattr_add_entry(entry, name, value, size);
	archive_entry_free(copy);
}

static int check_size(const struct unpack *unpack, struct archive_entry *entry, const char *path, struct berth_error *err)
{
	int64_t size = archive_entry_size(entry), offset, length, data = 0;

	if (archive_entry_sparse_reset(entry) > 0) {
		while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK)
			data += length;
	} else {
		data = size;
	}
	if (size < 0 || size > LOGICAL_SIZE_MAX || data < 0 || (uint64_t)data > unpack->left.bytes)
		return fail(err, BERTH_FAILED, EFBIG, "%.300s: with its %lld bytes the archive is larger than what is allowed (--max-size)", path, (long long)size);
	return 0;
}

/* 0: to be written; 1: to be left out. */
static int check_entry(struct unpack *unpack, struct archive_entry *entry, const char *path, struct berth_error *err)
{
	mode_t type = archive_entry_filetype(entry);
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	bool hard_link = archive_entry_hardlink(entry) != NULL;
	int r;

	if (uid < 0 || uid >= ID_COUNT || gid < 0 || gid >= ID_COUNT)
		return fail(err, BERTH_FAILED, ERANGE, "%.300s: belongs to %lld:%lld; a container has the ids 0 to %d", path, (long long)uid, (long long)gid, ID_COUNT - 1);
	if (type == AE_IFCHR || type == AE_IFBLK)
		return !strncmp(path, "dev/", 4) ? 1 : fail(err, BERTH_FAILED, EPERM, "%.300s: a device node outside /dev", path);
	if (type == AE_IFSOCK || type == AE_IFIFO)
		return 1;
	if (!hard_link && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return fail(err, BERTH_FAILED, EINVAL, "%.300s: of no type that a tree has", path);
	r = remember(unpack, path);
	if (r == -EEXIST && type != AE_IFDIR)
		return fail(err, BERTH_FAILED, EEXIST, "%.300s: is in the archive twice", path);
	if (r == -ENOMEM)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	if (hard_link)
		return check_hard_link(unpack, entry, path, err);
	return type == AE_IFREG ? check_size(unpack, entry, path, err) : 0;
}

static int copy_data(struct unpack *unpack, struct archive *in, struct archive *out, const char *path, struct berth_error *err)
{
	const void *block;
	int64_t offset;
	size_t size;
	int code;

	while ((code = archive_read_data_block(in, &block, &size, &offset)) == ARCHIVE_OK) {
		if (size > unpack->left.bytes)
			return fail(err, BERTH_FAILED, EFBIG, "%.300s: here the archive becomes larger than what is allowed (--max-size)", path);
		unpack->left.bytes -= size;
		if (archive_write_data_block(out, block, size, offset) < ARCHIVE_OK)
			return archive_failure(out, "cannot write", path, err);
	}
	return code == ARCHIVE_EOF ? 0 : archive_failure(in, "damaged at", path, err);
}

static int unpack_entry(struct unpack *unpack, struct archive *in, struct archive *out, struct archive_entry *entry, struct berth_error *err)
{
	const char *name = archive_entry_pathname(entry);
	char path[PATH_LIMIT];
	int r;

	if (!name || !unpack_clean_path(name, path))
		return fail(err, BERTH_FAILED, EXDEV, "%.200s: a path out of the tree, or too long or deep", name ? name : "a name that is no text");
	if (unpack->left.entries-- == 0)
		return fail(err, BERTH_FAILED, EFBIG, "%.300s: here the archive has more entries than what is allowed", path);
	r = apply_whiteout(unpack, path, err);
	if (r == 0 && path[0])
		r = check_entry(unpack, entry, path, err);
	if (r == 0 && path[0])
		r = make_room(unpack, path, archive_entry_filetype(entry), err);
	if (r != 0)
		return r < 0 ? r : 0;
	archive_entry_set_pathname(entry, path[0] ? path : ".");
	keep_attributes(entry);
	if (archive_write_header(out, entry) < ARCHIVE_OK)
		return archive_failure(out, "cannot make", path, err);
	if (archive_entry_size(entry) > 0) {
		r = copy_data(unpack, in, out, path, err);
		if (r < 0)
			return r;
	}
	return archive_write_finish_entry(out) < ARCHIVE_OK ? archive_failure(out, "cannot finish", path, err) : 0;
}

/* --- the archive ------------------------------------------------------------------------------------------------------------- */

static ssize_t read_input(struct archive *archive, void *data, const void **buffer)
{
	const char *why;
	ssize_t got = input_read(data, buffer, &why);

	if (got < 0)
		archive_set_error(archive, why ? EBADMSG : errno, "%s", why ? why : strerror(errno));
	return got;
}

static int open_reader(struct archive *in, struct input *input, struct berth_error *err)
{
	/* Each by name: "all" would run other programs for some. */
	archive_read_support_format_tar(in);
	archive_read_support_filter_bzip2(in);
	archive_read_support_filter_xz(in);
	archive_read_support_filter_zstd(in);
	if (archive_read_open(in, input, NULL, read_input, NULL) != ARCHIVE_OK)
		return archive_failure(in, "it is no tar archive", "", err);
	return 0;
}

/* Some archives have the users and groups of ACLs by name only. Whose they are is said by the tree itself, as far as it is there. */
static FILE *open_table(const struct unpack *unpack, const char *path)
{
	int fd = guest_open(unpack->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static la_int64_t find_user(void *context, const char *name, la_int64_t id)
{
	FILE *table = id < 0 || id == UINT32_MAX ? open_table(context, "etc/passwd") : NULL;
	struct passwd *entry;

	while (table && (entry = fgetpwent(table)))
		if (name && !strcmp(entry->pw_name, name))
			id = entry->pw_uid;
	if (table)
		fclose(table);
	return id;
}

static la_int64_t find_group(void *context, const char *name, la_int64_t id)
{
	FILE *table = id < 0 || id == UINT32_MAX ? open_table(context, "etc/group") : NULL;
	struct group *entry;

	while (table && (entry = fgetgrent(table)))
		if (name && !strcmp(entry->gr_name, name))
			id = entry->gr_gid;
	if (table)
		fclose(table);
	return id;
}

int unpack_archive(struct unpack *unpack, struct input *input, struct berth_error *err)
{
	CLEAN(archive_free_reader) struct archive *in = archive_read_new();
	CLEAN(archive_free_writer) struct archive *out = archive_write_disk_new();
	struct archive_entry *entry;
	bool any = false;
	int code, r = 0;

	if (!in || !out)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR |
					ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
	archive_write_disk_set_user_lookup(out, unpack, find_user, NULL);
	archive_write_disk_set_group_lookup(out, unpack, find_group, NULL);
	r = open_reader(in, input, err);
	while (r == 0 && (code = archive_read_next_header(in, &entry)) != ARCHIVE_EOF) {
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
			r = archive_failure(in, "it is no tar archive, or damaged", "", err);
		else
			r = unpack_entry(unpack, in, out, entry, err);
		any = true;
	}
	/* Directories get their modes and times at the end. */
	if (r == 0 && archive_write_close(out) < ARCHIVE_OK)
		r = archive_failure(out, "cannot finish the directories", "", err);
	if (r == 0 && !any && !unpack->layer)
		r = fail(err, BERTH_FAILED, ENODATA, "the archive is empty");
	tdestroy(unpack->seen, free);
	unpack->seen = NULL;
	return r;
}

int unpack_lift_rootfs(int root, struct berth_error *err)
{
	static const char aside[] = ".berth-rootfs";
	struct stat st;

	if (fstatat(root, "metadata.yaml", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || fstatat(root, "rootfs", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode) || fstatat(root, "etc", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (renameat(root, "rootfs", root, aside) < 0)
		return fail_errno(err, "cannot rename /rootfs");
	CLEAN_FD int inner = openat(root, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (int round = 0; round < 2; round++) {
		CLEAN_DIR DIR *dir = list_directory(round == 0 ? root : inner);
		struct dirent *entry;

		if (!dir)
			return fail_errno(err, "cannot list the image");
		while ((entry = readdir(dir))) {
			int r = 0;

			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || (round == 0 && !strcmp(entry->d_name, aside)))
				continue;
			/* First what belongs to the image and not to the tree goes, then the tree comes up. */
			if (round == 0)
				r = remove_tree_at(root, entry->d_name, err);
			else if (renameat(inner, entry->d_name, root, entry->d_name) < 0)
				r = fail_errno(err, "cannot move /rootfs/%s", entry->d_name);
			if (r < 0)
				return r;
		}
	}
	return unlinkat(root, aside, AT_REMOVEDIR) < 0 ? fail_errno(err, "cannot remove the emptied /rootfs") : 0;
}
