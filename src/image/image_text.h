/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the JSON of images says: OCI image layouts (image-spec: index, manifest, config) and indexes of images in the simplestreams form. Texts of strangers:
 * everything that is used is checked here, and nothing is opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DIGEST_HEX 65
#define LAYERS_MAX 512

struct oci_descriptor {
	char digest[DIGEST_HEX];	/* SHA-256; also the blob's name */
	bool is_index;			/* of more manifests, not a manifest */
};

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor layers[LAYERS_MAX];
	size_t layer_count;
};

/* The manifest of that name (annotation org.opencontainers.image.ref.name), or the only one, or the one for the architecture ("amd64"). */
int oci_parse_index(const char *text, const char *name, const char *architecture, struct oci_descriptor *ret, struct berth_error *err);
int oci_parse_manifest(const char *text, struct oci_manifest *ret, struct berth_error *err);
/* The command that the image runs (Entrypoint and Cmd) as the key init takes it; "" if none. BERTH_FAILED for another operating system or architecture. */
int oci_parse_config(const char *text, const char *architecture, char command[static 257], struct berth_error *err);

struct stream_item {
	char path[512];			/* below the index's own address */
	char digest[DIGEST_HEX];
	uint64_t size;
	char version[64];
};
/* The newest root filesystem of a template name such as debian:12 (alias debian/12) for the architecture. BERTH_NOT_FOUND. */
int stream_find(const char *text, const char *template_name, const char *architecture, struct stream_item *ret, struct berth_error *err);

/* x86_64 -> amd64. */
const char *image_architecture(const char *machine);
