/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON of images: OCI indexes, manifests and configurations, and the index of a server. */
#include "fuzz.h"
#include "image/image_text.h"

static void must_be_digest(const char *digest)
{
	must(strlen(digest) == DIGEST_HEX - 1 && strspn(digest, "0123456789abcdef") == DIGEST_HEX - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oci_manifest manifest;
	struct oci_descriptor descriptor;
	struct stream_item item;
	struct berth_error err;
	char command[257], *text = fuzz_text(data, size);

	if (oci_parse_index(text, size % 2 ? "" : "one", "amd64", &descriptor, &err) == 0)
		must_be_digest(descriptor.digest);
	if (oci_parse_manifest(text, &manifest, &err) == 0) {
		must(manifest.layer_count <= LAYERS_MAX);
		must_be_digest(manifest.config.digest);
		for (size_t i = 0; i < manifest.layer_count; i++)
			must_be_digest(manifest.layers[i].digest);
	}
	(void)oci_parse_config(text, "amd64", command, &err);
	must(memchr(command, 0, sizeof(command)) && !strchr(command, '\n'));
	if (stream_find(text, "debian:12", "amd64", &item, &err) == 0) {
		must_be_digest(item.digest);
		must(item.path[0] != '/' && !strstr(item.path, "..") && item.size > 0);
	}
	free(text);
	return 0;
}
