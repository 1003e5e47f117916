/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth-image: the one program that meets archives, servers and signatures of strangers. It is run by berthctl template and by the templates' scripts, in the
 * builder's user namespace (container/builder.c): there it is nobody of the host's and sees of the host what everybody may see. It is a program of its own
 * also because the libraries that it needs are large, and would be loaded by every command.
 *
 *   berth-image unpack TREE BYTES ENTRIES                          an archive on stdin
 *   berth-image layout LAYOUT IMAGE TREE BYTES ENTRIES             an OCI image layout
 *   berth-image pack TREE gz|xz|zst|tar                            an archive on stdout
 *   berth-image fetch URL FILE [BYTES]
 *   berth-image keyring PINS OUT KEYS...
 *   berth-image verify FILE SIGNATURE KEYRING
 *   berth-image pull INDEX PINS-KEYRING NAME TREE BYTES ENTRIES    the newest image of that name from a signed index
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "image/download.h"
#include "image/image_text.h"
#include "image/layout.h"
#include "image/pack.h"
#include "image/signature.h"
#include "image/unpack.h"

#define FETCH_MAX (64ull << 30)
#define INDEX_MAX (64ull << 20)

/* Certificates to trust instead of the system's; for servers of one's own. */
#define AUTHORITY_VARIABLE "BERTH_AUTHORITY"

static const char *authority(void)
{
	const char *file = getenv(AUTHORITY_VARIABLE);

	return file ? file : "";
}

/* Makes the tree the root directory: nothing outside has a name any more. */
static int enter_tree(const char *tree, struct unpack *unpack, struct berth_error *err)
{
	if (chroot(tree) < 0 || chdir("/") < 0)
		return fail_errno(err, "cannot make %s the root directory", tree);
	umask(0);
	unpack->root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return unpack->root < 0 ? fail_errno(err, "cannot open the tree") : 0;
}

static struct unpack limited(char **argv)
{
	return (struct unpack){ .root = -EBADF, .left = { strtoull(argv[0], NULL, 10), strtoull(argv[1], NULL, 10) } };
}

static int unpack_from(int fd, const char *tree, const char *digest, struct unpack *unpack, struct berth_error *err)
{
	CLEAN_INPUT struct input *input = input_new(fd, err);
	int r = input ? enter_tree(tree, unpack, err) : -ENOMEM;

	if (r == 0)
		r = unpack_archive(unpack, input, err);
	if (r == 0 && digest)
		r = input_check_digest(input, digest, err);
	return r == 0 ? unpack_lift_rootfs(unpack->root, err) : r;
}

static int run_unpack(char **argv, struct berth_error *err)
{
	struct unpack unpack = limited(argv + 1);

	return unpack_from(0, argv[0], NULL, &unpack, err);
}

/* The facts that a script would leave: templates/README.md. */
static int note_command(int root, const char *command, struct berth_error *err)
{
	char text[320];

	snprintf(text, sizeof(text), "command=%s\n", command);
	return command[0] ? replace_file_at(root, ".berth-template", text, strlen(text), 0644, err) : 0;
}

static int run_layout(char **argv, struct berth_error *err)
{
	CLEAN_FD int layout = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct unpack unpack = limited(argv + 3);
	char command[257] = "";
	int r = layout < 0 ? fail_errno(err, "cannot open the image layout") : enter_tree(argv[2], &unpack, err);

	if (r == 0)
		r = layout_unpack(layout, argv[1], &unpack, command, err);
	return r == 0 ? note_command(unpack.root, command, err) : r;
}

static int run_pack(char **argv, struct berth_error *err)
{
	struct unpack unpack = { .root = -EBADF };
	int r = enter_tree(argv[0], &unpack, err);

	return r == 0 ? pack_tree(argv[1], 1, err) : r;
}

static int fetch_file(const char *url, const char *file, uint64_t max, struct berth_error *err)
{
	CLEAN_FD int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd < 0 ? fail_errno(err, "cannot write %s", file) : download(url, fd, max, authority(), err);
}

static int run_fetch(char **argv, struct berth_error *err)
{
	return fetch_file(argv[0], argv[1], argv[2] ? strtoull(argv[2], NULL, 10) : FETCH_MAX, err);
}

static int run_keyring(char **argv, struct berth_error *err)
{
	CLEAN_FREE char *pins = NULL;
	size_t count = 0;
	int r = read_file_at(AT_FDCWD, argv[0], 1 << 16, &pins, NULL);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read %s: %s", argv[0], strerror(-r));
	while (argv[2 + count])
		count++;
	return signature_keyring(pins, (const char *const *)argv + 2, count, argv[1], err);
}

static int run_verify(char **argv, struct berth_error *err)
{
	return signature_verify(argv[0], argv[1], argv[2], err);
}

/* The index first: what it says of the archive counts only when it is signed. */
static int run_pull(char **argv, struct berth_error *err)
{
	const char *index = argv[0], *keyring = argv[1], *name = argv[2], *tree = argv[3], *scratch = getenv("TMPDIR");
	struct unpack unpack = limited(argv + 4);
	CLEAN_FREE char *text = NULL;
	struct stream_item item;
	struct utsname machine;
	char url[2048];
	int r;

	uname(&machine);
	if (chdir(scratch ? scratch : "/tmp") < 0)
		return fail_errno(err, "cannot enter the scratch directory");
	snprintf(url, sizeof(url), "%.1500s/streams/v1/images.json", index);
	r = fetch_file(url, "index.json", INDEX_MAX, err);
	if (r == 0) {
		strcat(url, ".gpg");
		r = fetch_file(url, "index.json.gpg", 1 << 20, err);
	}
	if (r == 0)
		r = signature_verify("index.json", "index.json.gpg", keyring, err);
	if (r == 0)
		r = read_file_at(AT_FDCWD, "index.json", INDEX_MAX, &text, NULL);
	if (r == 0)
		r = stream_find(text, name, image_architecture(machine.machine), &item, err);
	if (r < 0)
		return r;
	snprintf(url, sizeof(url), "%.1500s/%s", index, item.path);
	printf("%s %s\n", url, item.version);
	fflush(stdout);
	r = fetch_file(url, "archive", item.size, err);
	CLEAN_FD int fd = r < 0 ? r : open("archive", O_RDONLY | O_CLOEXEC);
	CLEAN_INPUT struct input *input = fd < 0 ? NULL : input_new(fd, err);
	if (!input)
		return r < 0 ? r : fail(err, BERTH_FAILED, EIO, "cannot read what was fetched");
	/* Before a byte of it is looked at. */
	r = input_check_digest(input, item.digest, err);
	if (r < 0)
		return fail_context(err, "%s", url);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "cannot read what was fetched");
	return unpack_from(fd, tree, item.digest, &unpack, err);
}

static const struct {
	const char *name;
	int least, most;
	int (*run)(char **argv, struct berth_error *err);
} verbs[] = {
	{ "unpack", 3, 3, run_unpack }, { "layout", 5, 5, run_layout }, { "pack", 2, 2, run_pack }, { "fetch", 2, 3, run_fetch },
	{ "keyring", 3, 64, run_keyring }, { "verify", 3, 3, run_verify }, { "pull", 6, 6, run_pull },
};

int main(int argc, char **argv)
{
	struct berth_error error;

	for (size_t i = 0; argc > 1 && i < ARRAY_LENGTH(verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) != 0 || argc - 2 < verbs[i].least || argc - 2 > verbs[i].most)
			continue;
		if (verbs[i].run(argv + 2, &error) >= 0)
			return 0;
		fprintf(stderr, "E: %s\n", error.text);
		return (int)error.kind;
	}
	fprintf(stderr, "E: berth-image is run by berthctl template and by the templates' scripts\n");
	return 2;
}
