/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image_text.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define DEPTH_MAX 32

static void cleanup_json(json_object **object)
{
	json_object_put(*object);
}
#define CLEAN_JSON CLEAN(cleanup_json)

const char *image_architecture(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" }, { "riscv64", "riscv64" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strcmp(names[i][0], machine))
			return names[i][1];
	return machine;
}

static json_object *parse(const char *text)
{
	json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	json_object *object = tokener ? json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1) : NULL;

	if (tokener && json_tokener_get_error(tokener) != json_tokener_success) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	if (object && !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = NULL;
	}
	return object;
}

static json_object *member(json_object *object, const char *key, json_type type)
{
	json_object *found = NULL;

	if (!object || !json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &found) || !json_object_is_type(found, type))
		return NULL;
	return found;
}

/* "" when it is missing, no text, or has a NUL in it. */
static const char *text_of(json_object *object, const char *key)
{
	json_object *found = member(object, key, json_type_string);
	const char *text = found ? json_object_get_string(found) : "";

	return found && strlen(text) != (size_t)json_object_get_string_len(found) ? "" : text;
}

static bool is_digest(const char *hex)
{
	return strlen(hex) == DIGEST_HEX - 1 && strspn(hex, "0123456789abcdef") == DIGEST_HEX - 1;
}

static bool parse_descriptor(json_object *object, struct oci_descriptor *ret)
{
	const char *digest = text_of(object, "digest");

	if (strncmp(digest, "sha256:", 7) != 0 || !is_digest(digest + 7))
		return false;
	strcpy(ret->digest, digest + 7);
	ret->is_index = strstr(text_of(object, "mediaType"), "image.index") || strstr(text_of(object, "mediaType"), "manifest.list");
	return true;
}

/* How well it is what is wanted; 0: not at all. */
static int match(json_object *manifest, const char *name, const char *architecture)
{
	json_object *platform = member(manifest, "platform", json_type_object);
	const char *its = text_of(platform, "architecture");

	if (name[0])
		return !strcmp(text_of(member(manifest, "annotations", json_type_object), "org.opencontainers.image.ref.name"), name);
	if (*its)
		return !strcmp(its, architecture) ? 2 : 0;
	return 1;
}

int oci_parse_index(const char *text, const char *name, const char *architecture, struct oci_descriptor *ret, struct berth_error *err)
{
	CLEAN_JSON json_object *index = parse(text);
	json_object *manifests = member(index, "manifests", json_type_array), *best = NULL;
	int best_match = 0, equals = 0;

	if (!manifests)
		return fail(err, BERTH_FAILED, EINVAL, "it is no index of images");
	for (size_t i = 0; i < json_object_array_length(manifests); i++) {
		json_object *manifest = json_object_array_get_idx(manifests, i);
		int how = match(manifest, name, architecture);

		if (how > best_match) {
			best = manifest;
			best_match = how;
			equals = 1;
		} else if (how && how == best_match) {
			equals++;
		}
	}
	if (!best)
		return fail(err, BERTH_FAILED, ENOENT, "it has no image %s%s", name[0] ? "of the name " : "for this machine, ", name[0] ? name : architecture);
	if (equals > 1)
		return fail(err, BERTH_FAILED, ENOTUNIQ, "it has %d images; name one: --image NAME", equals);
	if (!parse_descriptor(best, ret))
		return fail(err, BERTH_FAILED, EINVAL, "an image without a SHA-256 digest");
	return 0;
}

int oci_parse_manifest(const char *text, struct oci_manifest *ret, struct berth_error *err)
{
	CLEAN_JSON json_object *manifest = parse(text);
	json_object *layers = member(manifest, "layers", json_type_array), *config = member(manifest, "config", json_type_object);

	memset(ret, 0, sizeof(*ret));
	if (!layers || !config || !parse_descriptor(config, &ret->config))
		return fail(err, BERTH_FAILED, EINVAL, "it is no manifest of an image");
	if (json_object_array_length(layers) > LAYERS_MAX)
		return fail(err, BERTH_FAILED, E2BIG, "it has more than %d layers", LAYERS_MAX);
	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		json_object *layer = json_object_array_get_idx(layers, i);

		if (!parse_descriptor(layer, &ret->layers[i]))
			return fail(err, BERTH_FAILED, EINVAL, "layer %zu has no SHA-256 digest", i);
		if (!strstr(text_of(layer, "mediaType"), "tar"))
			return fail(err, BERTH_FAILED, EINVAL, "layer %zu is no tar archive but '%.100s'", i, text_of(layer, "mediaType"));
	}
	ret->layer_count = json_object_array_length(layers);
	return 0;
}

/* Appends the words of an array, blanks between them, in double quotes where they need it. */
static bool add_words(json_object *words, char *command, size_t size)
{
	for (size_t i = 0; words && i < json_object_array_length(words); i++) {
		json_object *word = json_object_array_get_idx(words, i);
		const char *text = json_object_is_type(word, json_type_string) ? json_object_get_string(word) : NULL;
		size_t length = strlen(command);
		bool quoted;

		if (!text || strlen(text) != (size_t)json_object_get_string_len(word))
			return false;
		quoted = !*text || strpbrk(text, " \"\\");
		for (const char *p = text; *p; p++)
			if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
				return false;
		if (length + 2 * strlen(text) + 4 > size)
			return false;
		if (length > 0)
			command[length++] = ' ';
		if (quoted)
			command[length++] = '"';
		for (; *text; text++) {
			if (*text == '"' || *text == '\\')
				command[length++] = '\\';
			command[length++] = *text;
		}
		if (quoted)
			command[length++] = '"';
		command[length] = '\0';
	}
	return true;
}

int oci_parse_config(const char *text, const char *architecture, char command[static 257], struct berth_error *err)
{
	CLEAN_JSON json_object *image = parse(text);
	json_object *config = member(image, "config", json_type_object);

	command[0] = '\0';
	if (!image)
		return fail(err, BERTH_FAILED, EINVAL, "it is no configuration of an image");
	if (strcmp(text_of(image, "os"), "linux") != 0)
		return fail(err, BERTH_FAILED, ENOEXEC, "the image is for '%.32s', not linux", text_of(image, "os"));
	if (strcmp(text_of(image, "architecture"), architecture) != 0)
		return fail(err, BERTH_FAILED, ENOEXEC, "the image is for %.32s machines, this one is %s", text_of(image, "architecture"), architecture);
	/* What cannot be said as an init is for the operator to say. */
	if (!add_words(member(config, "Entrypoint", json_type_array), command, 257) || !add_words(member(config, "Cmd", json_type_array), command, 257))
		command[0] = '\0';
	return 0;
}

/* --- simplestreams ---------------------------------------------------------------------------------------------------------- */

static bool has_alias(const char *aliases, const char *wanted)
{
	size_t length = strlen(wanted);

	for (const char *at = aliases; *at; at += strcspn(at, ","), at += *at == ',') {
		at += strspn(at, " ");
		if (strcspn(at, ", ") == length && !strncmp(at, wanted, length))
			return true;
	}
	return false;
}

/* Below the index: no way up and no other host. */
static bool is_inner_path(const char *path)
{
	if (!*path || *path == '/' || strlen(path) >= sizeof(((struct stream_item *)0)->path))
		return false;
	for (const char *p = path; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+~%:/", *p))
			return false;
	return !strstr(path, "..") && !strstr(path, "//");
}

static bool is_root_archive(const char *type)
{
	static const char *const types[] = {
		"root.tar.xz", "root.tar.gz", "root.tar.zst", "rootfs.tar.xz", "lxd_combined.tar.gz", "incus_combined.tar.gz",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		if (!strcmp(types[i], type))
			return true;
	return false;
}

/* The newest version that has a root filesystem: versions sort as text, for they begin with a date. */
static bool newest(json_object *versions, struct stream_item *best)
{
	bool found = false;

	json_object_object_foreach(versions, version, value) {
		json_object *items = member(value, "items", json_type_object);

		if (!items || strlen(version) >= sizeof(best->version) || (found && strcmp(version, best->version) <= 0))
			continue;
		json_object_object_foreach(items, unused, item) {
			const char *path = text_of(item, "path"), *digest = text_of(item, "sha256");
			json_object *size = member(item, "size", json_type_int);

			(void)unused;
			if (!is_root_archive(text_of(item, "ftype")) || !is_inner_path(path) || !is_digest(digest) || !size || json_object_get_int64(size) <= 0)
				continue;
			strcpy(best->path, path);
			strcpy(best->digest, digest);
			strcpy(best->version, version);
			best->size = (uint64_t)json_object_get_int64(size);
			found = true;
			break;
		}
	}
	return found;
}

int stream_find(const char *text, const char *template_name, const char *architecture, struct stream_item *ret, struct berth_error *err)
{
	CLEAN_JSON json_object *index = parse(text);
	json_object *products = member(index, "products", json_type_object);
	char alias[128], *colon;

	if (!products)
		return fail(err, BERTH_FAILED, EINVAL, "it is no index of images");
	snprintf(alias, sizeof(alias), "%.120s", template_name);
	colon = strchr(alias, ':');
	if (colon)
		*colon = '/';
	json_object_object_foreach(products, unused, product) {
		struct stream_item found = { .size = 0 };
		json_object *versions = member(product, "versions", json_type_object);

		(void)unused;
		if (!versions || strcmp(text_of(product, "arch"), architecture) != 0 || !has_alias(text_of(product, "aliases"), alias) || !newest(versions, &found))
			continue;
		*ret = found;
		return 0;
	}
	return fail(err, BERTH_NOT_FOUND, ENOENT, "the index has no %s for %s", alias, architecture);
}
