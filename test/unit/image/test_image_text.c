/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "image/image_text.h"
#include "image/signature.h"
#include "image/unpack.h"
#include "tap.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_paths(void)
{
	static const struct { const char *path, *clean; } paths[] = {
		{ "etc/passwd", "etc/passwd" }, { "./etc//passwd/", "etc/passwd" }, { ".", "" }, { "./", "" }, { "a/./b", "a/b" }, { "...", "..." }, { "a..b/..c", "a..b/..c" },
		{ "/etc", NULL }, { "..", NULL }, { "a/..", NULL }, { "a/../b", NULL }, { "./../b", NULL }, { "//a", NULL },
	};
	char clean[4096];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool good = unpack_clean_path(paths[i].path, clean);

		check(good == (paths[i].clean != NULL) && (!good || !strcmp(clean, paths[i].clean)), "the path '%s'", paths[i].path);
	}
}

static void test_oci(void)
{
	static const char two[] = "{\"manifests\":[{\"digest\":\"sha256:" A "\",\"platform\":{\"architecture\":\"arm64\"},\"annotations\":{\"org.opencontainers.image.ref.name\":\"x\"}},"
		"{\"digest\":\"sha256:" B "\",\"platform\":{\"architecture\":\"amd64\"}}]}";
	struct oci_descriptor found;
	struct oci_manifest manifest;
	struct berth_error err;
	char command[257];

	check(oci_parse_index(two, "", "amd64", &found, &err) == 0 && !strcmp(found.digest, B), "the image for the machine");
	check(oci_parse_index(two, "x", "amd64", &found, &err) == 0 && !strcmp(found.digest, A), "the image of a name");
	check(oci_parse_index(two, "y", "amd64", &found, &err) < 0 && oci_parse_index(two, "", "s390x", &found, &err) < 0, "none that is not there");
	check(oci_parse_index("{\"manifests\":[{\"digest\":\"sha256:../x\"}]}", "", "amd64", &found, &err) < 0, "a digest is a digest");
	check(oci_parse_index("{\"manifests\":[{\"digest\":\"sha256:" A "\"},{\"digest\":\"sha256:" B "\"}]}", "", "amd64", &found, &err) < 0 && strstr(err.text, "name one"), "two are one too many");
	check(oci_parse_index("", "", "amd64", &found, &err) < 0 && oci_parse_index("[]", "", "amd64", &found, &err) < 0 && oci_parse_index("{}", "", "amd64", &found, &err) < 0, "nonsense is no index");
	check(oci_parse_manifest("{\"config\":{\"digest\":\"sha256:" A "\"},\"layers\":[{\"mediaType\":\"x.tar+gzip\",\"digest\":\"sha256:" B "\"}]}", &manifest, &err) == 0 && manifest.layer_count == 1,
	      "a manifest");
	check(oci_parse_manifest("{\"config\":{\"digest\":\"sha256:" A "\"},\"layers\":[{\"mediaType\":\"x.zip\",\"digest\":\"sha256:" B "\"}]}", &manifest, &err) < 0, "layers are tar archives");
	check(oci_parse_config("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Entrypoint\":[\"/a\"],\"Cmd\":[\"b c\",\"\",\"d\\\"\\\\\"]}}", "amd64", command, &err) == 0 &&
	      !strcmp(command, "/a \"b c\" \"\" \"d\\\"\\\\\""), "the command, quoted where it needs it");
	check(oci_parse_config("{\"os\":\"windows\",\"architecture\":\"amd64\"}", "amd64", command, &err) < 0, "of another system");
	check(oci_parse_config("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"/a\\nb\"]}}", "amd64", command, &err) == 0 && !command[0], "a command that no key can hold is left out");
}

#define ITEM(version, path, digest) "\"" version "\":{\"items\":{\"root\":{\"ftype\":\"root.tar.xz\",\"path\":\"" path "\",\"sha256\":\"" digest "\",\"size\":5}}}"
#define STREAM(versions) "{\"products\":{\"p\":{\"aliases\":\"debian/12, debian/bookworm\",\"arch\":\"amd64\",\"versions\":{" versions "}}}}"

static void test_streams(void)
{
	struct stream_item item;
	struct berth_error err;

	check(stream_find(STREAM(ITEM("20260101", "a.tar.xz", A) "," ITEM("20260201", "b.tar.xz", B)), "debian:12", "amd64", &item, &err) == 0 && !strcmp(item.digest, B) && !strcmp(item.path, "b.tar.xz"),
	      "the newest version");
	check(stream_find(STREAM(ITEM("20260101", "a.tar.xz", A)), "debian:bookworm", "amd64", &item, &err) == 0, "by another alias");
	check(stream_find(STREAM(ITEM("20260101", "a.tar.xz", A)), "debian:1", "amd64", &item, &err) < 0 && err.kind == BERTH_NOT_FOUND, "not by a part of one");
	check(stream_find(STREAM(ITEM("20260101", "a.tar.xz", A)), "debian:12", "arm64", &item, &err) < 0, "nor for another machine");
	check(stream_find(STREAM(ITEM("20260101", "../a.tar.xz", A)), "debian:12", "amd64", &item, &err) < 0 && stream_find(STREAM(ITEM("20260101", "/a", A)), "debian:12", "amd64", &item, &err) < 0 &&
	      stream_find(STREAM(ITEM("20260101", "a?b", A)), "debian:12", "amd64", &item, &err) < 0, "a path goes nowhere else");
	check(stream_find(STREAM(ITEM("20260101", "a.tar.xz", "abc")), "debian:12", "amd64", &item, &err) < 0, "a digest is whole");
}

static void test_signatures(void)
{
	static const char fingerprint[] = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8", pins[] = "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0\nB8B80B5B623EAB6AD8775C45B7C5D7D6350947F8\n";
	struct berth_error err;
	char list[200], text[400];

	check(signature_judge("[GNUPG:] GOODSIG B7C5 x\n[GNUPG:] VALIDSIG B8B8\n", &err) == 0, "a good signature");
	check(signature_judge("[GNUPG:] ERRSIG x\n[GNUPG:] NO_PUBKEY x\n[GNUPG:] GOODSIG B7C5 x\n[GNUPG:] VALIDSIG B8B8\n", &err) == 0, "beside one by an unknown key");
	check(signature_judge("[GNUPG:] GOODSIG B7C5 x\n", &err) < 0 && signature_judge("", &err) < 0 && signature_judge("gpgv: Good signature GOODSIG VALIDSIG\n", &err) < 0, "only what the status says");
	check(signature_judge("[GNUPG:] BADSIG x\n[GNUPG:] GOODSIG B7C5 x\n[GNUPG:] VALIDSIG B8B8\n", &err) < 0 && strstr(err.text, "was changed"), "a bad one spoils it");
	check(signature_judge("[GNUPG:] EXPKEYSIG x\n[GNUPG:] VALIDSIG B8B8\n", &err) < 0 && strstr(err.text, "expired"), "and an expired key");
	check(signature_judge("[GNUPG:] REVKEYSIG x\n[GNUPG:] VALIDSIG B8B8\n", &err) < 0 && strstr(err.text, "revoked"), "and a revoked one");
	snprintf(text, sizeof(text), "pub:-:4096:1:X:1:::-:\nfpr:::::::::%s:\n", fingerprint);
	check(signature_usable_keys(text, pins, list, sizeof(list), &err) == 0 && !strcmp(list, fingerprint), "a pinned key");
	check(signature_usable_keys(text, "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0\n", list, sizeof(list), &err) < 0, "one that is not pinned");
	snprintf(text, sizeof(text), "pub:e:4096:1:X:1:::-:\nfpr:::::::::%s:\n", fingerprint);
	check(signature_usable_keys(text, pins, list, sizeof(list), &err) < 0 && strstr(err.text, "has expired"), "an expired one");
	snprintf(text, sizeof(text), "pub:r:4096:1:X:1:::-:\nfpr:::::::::%s:\n", fingerprint);
	check(signature_usable_keys(text, pins, list, sizeof(list), &err) < 0 && strstr(err.text, "revoked"), "a revoked one");
	snprintf(text, sizeof(text), "pub:-:4096:1:X:1:::-:\nfpr:::::::::0000000000000000000000000000000000000000:\nsub:-:4096:\nfpr:::::::::%s:\n", fingerprint);
	check(signature_usable_keys(text, pins, list, sizeof(list), &err) < 0, "a subkey pins nothing");
}

int main(void)
{
	test_paths();
	test_oci();
	test_streams();
	test_signatures();
	return tap_done();
}
