#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An OCI image layout of layers: "oci.py DIR [--bad-digest|--other-machine|--escape|--two|--index] LAYER.tar..."; the first image's command is /bin/hello "a b"."""
import gzip
import hashlib
import json
import os
import platform
import sys

arguments = sys.argv[2:]
flags = [a for a in arguments if a.startswith("--")]
layers = [a for a in arguments if not a.startswith("--")]
top = sys.argv[1]
machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
os.makedirs(os.path.join(top, "blobs/sha256"))


def put(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(top, "blobs/sha256", digest), "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}


def text(value):
    return json.dumps(value).encode()


def image(layers, architecture, command):
    descriptors = []
    for i, layer in enumerate(layers):
        data = open(layer, "rb").read()
        plain = i % 2
        descriptors.append(put(data if plain else gzip.compress(data, mtime=0), "application/vnd.oci.image.layer.v1.tar" + ("" if plain else "+gzip")))
    config = put(text({"architecture": architecture, "os": "linux", "config": {"Entrypoint": command[:1], "Cmd": command[1:]}}), "application/vnd.oci.image.config.v1+json")
    return put(text({"schemaVersion": 2, "config": config, "layers": descriptors}), "application/vnd.oci.image.manifest.v1+json"), descriptors


manifest, descriptors = image(layers, "mips" if "--other-machine" in flags else machine, ["/bin/hello", "a b"])
manifests = [manifest]
if "--two" in flags:
    other, _ = image(layers[:1], machine, ["/bin/other"])
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "one"}
    other["annotations"] = {"org.opencontainers.image.ref.name": "two"}
    manifests.append(other)
if "--index" in flags:
    foreign = dict(manifest, platform={"architecture": "mips", "os": "linux"}, digest="sha256:" + "0" * 64)
    own = dict(manifest, platform={"architecture": machine, "os": "linux"})
    manifests = [put(text({"schemaVersion": 2, "manifests": [foreign, own]}), "application/vnd.oci.image.index.v1+json")]
if "--bad-digest" in flags:
    name = os.path.join(top, "blobs/sha256", descriptors[-1]["digest"][7:])
    with open(name, "ab") as file:
        file.write(bytes(512))
if "--escape" in flags:
    manifests[0]["digest"] = "sha256:../../../../etc/passwd"
with open(os.path.join(top, "index.json"), "wb") as file:
    file.write(text({"schemaVersion": 2, "manifests": manifests}))
with open(os.path.join(top, "oci-layout"), "wb") as file:
    file.write(text({"imageLayoutVersion": "1.0.0"}))
