/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/guest_path.h"
#include "image/image_text.h"

#define TEXT_MAX (4 << 20)
#define INDEX_DEPTH 4

static int open_blob(int layout, const char *digest, struct berth_error *err)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "blobs/sha256/%s", digest);
	fd = guest_open(layout, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	return fd < 0 ? fail(err, BERTH_FAILED, -fd, "%s: %s", path, strerror(-fd)) : fd;
}

static int read_blob(int layout, const char *digest, char **ret, struct berth_error *err)
{
	CLEAN_FD int fd = open_blob(layout, digest, err), again = fd < 0 ? fd : open_blob(layout, digest, err);
	int r;

	if (again < 0)
		return again;
	CLEAN_INPUT struct input *input = input_new(fd, err);
	if (!input)
		return -ENOMEM;
	r = input_check_digest(input, digest, err);
	if (r < 0)
		return fail_context(err, "blob %.12s", digest);
	r = read_all(again, TEXT_MAX, ret, NULL);
	return r < 0 ? fail(err, BERTH_FAILED, -r, "blob %.12s: %s", digest, strerror(-r)) : 0;
}

static int find_manifest(int layout, const char *name, const char *architecture, struct oci_manifest *ret, struct berth_error *err)
{
	CLEAN_FREE char *text = NULL;
	struct oci_descriptor found;
	int r = guest_read_file(layout, "index.json", TEXT_MAX, &text);

	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "it is no image layout: index.json: %s", strerror(-r));
	r = oci_parse_index(text, name, architecture, &found, err);
	for (int depth = 0; r == 0; depth++) {
		CLEAN_FREE char *blob = NULL;

		r = read_blob(layout, found.digest, &blob, err);
		if (r < 0)
			return r;
		if (!found.is_index)
			return oci_parse_manifest(blob, ret, err);
		if (depth == INDEX_DEPTH)
			return fail(err, BERTH_FAILED, ELOOP, "indexes within indexes");
		r = oci_parse_index(blob, "", architecture, &found, err);
	}
	return r;
}

static int unpack_layer(int layout, const char *digest, struct unpack *unpack, struct berth_error *err)
{
	CLEAN_FD int fd = open_blob(layout, digest, err);
	int r;

	if (fd < 0)
		return fd;
	CLEAN_INPUT struct input *input = input_new(fd, err);
	if (!input)
		return -ENOMEM;
	r = unpack_archive(unpack, input, err);
	if (r == 0)
		r = input_check_digest(input, digest, err);
	return r < 0 ? fail_context(err, "layer %.12s", digest) : 0;
}

int layout_unpack(int layout, const char *name, struct unpack *unpack, char command[static 257], struct berth_error *err)
{
	CLEAN_FREE struct oci_manifest *manifest = malloc(sizeof(*manifest));
	CLEAN_FREE char *config = NULL;
	struct utsname machine;
	int r;

	if (!manifest)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	uname(&machine);
	r = find_manifest(layout, name, image_architecture(machine.machine), manifest, err);
	if (r == 0)
		r = read_blob(layout, manifest->config.digest, &config, err);
	if (r == 0)
		r = oci_parse_config(config, image_architecture(machine.machine), command, err);
	unpack->layer = true;
	for (size_t i = 0; r == 0 && i < manifest->layer_count; i++)
		r = unpack_layer(layout, manifest->layers[i].digest, unpack, err);
	return r;
}
