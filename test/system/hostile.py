#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Archives of hostile making, one for each name. "hostile.py NAME FILE" writes one, "hostile.py" lists "NAME REASON", the reason being what the refusal must say."""
import bz2
import gzip
import io
import lzma
import sys
import tarfile

cases = {}


def case(reason):
    def take(function):
        cases[function.__name__.replace("_", "-")] = (reason, function)
        return function
    return take


def member(name, kind=tarfile.REGTYPE, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*members, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    archive = tarfile.open(fileobj=out, mode="w", format=format)
    base = [member("etc", tarfile.DIRTYPE), member("etc/passwd", data=b"root:x:0:0::/root:/bin/sh\n"), member("bin", tarfile.DIRTYPE)]
    for info, data in base + list(members):
        archive.addfile(info, io.BytesIO(data))
    archive.close()
    return out.getvalue()


def resum(header):
    """A header block with the checksum that fits."""
    header = bytearray(header)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@case("a path out of the tree")
def dotdot():
    return tar(member("../berth-escaped", data=b"x"))


@case("a path out of the tree")
def dotdot_inside():
    return tar(member("etc/../../../berth-escaped", data=b"x"))


@case("a path out of the tree")
def absolute():
    return tar(member("/var/tmp/berth-escaped", data=b"x"))


@case("a path out of the tree")
def absolute_directory():
    return tar(member("/berth-escaped", tarfile.DIRTYPE))


@case("a path out of the tree")
def dotdot_link():
    return tar(member("../berth-escaped", tarfile.SYMTYPE, linkname="/etc"))


@case("through symlink")
def link_then_file():
    return tar(member("out", tarfile.SYMTYPE, linkname="/var/tmp"), member("out/berth-escaped", data=b"x"))


@case("through symlink")
def relative_link_then_file():
    return tar(member("a", tarfile.DIRTYPE), member("a/out", tarfile.SYMTYPE, linkname="../../../../../var/tmp"), member("a/out/berth-escaped", data=b"x"))


@case("through symlink")
def link_to_link_then_file():
    return tar(member("one", tarfile.SYMTYPE, linkname="two"), member("two", tarfile.SYMTYPE, linkname="/var/tmp"), member("one/berth-escaped", data=b"x"))


@case("is in the archive twice")
def link_then_same_file():
    return tar(member("out", tarfile.SYMTYPE, linkname="/var/tmp/berth-escaped"), member("out", data=b"x"))


@case("through symlink")
def link_then_directory():
    return tar(member("out", tarfile.SYMTYPE, linkname="/var/tmp"), member("out/berth-escaped", tarfile.DIRTYPE))


@case("hard link out of the tree")
def hard_link_absolute():
    return tar(member("shadow", tarfile.LNKTYPE, linkname="/etc/shadow"))


@case("hard link out of the tree")
def hard_link_dotdot():
    return tar(member("etc/shadow", tarfile.LNKTYPE, linkname="../../../../etc/shadow"))


@case("no file of the archive's before it")
def hard_link_missing():
    return tar(member("shadow", tarfile.LNKTYPE, linkname="etc/shadow"))


@case("no file of the archive's before it")
def hard_link_through_link():
    return tar(member("out", tarfile.SYMTYPE, linkname="/etc"), member("shadow", tarfile.LNKTYPE, linkname="out/passwd"))


@case("no file of the archive's before it")
def hard_link_to_link():
    return tar(member("out", tarfile.SYMTYPE, linkname="/etc/passwd"), member("again", tarfile.LNKTYPE, linkname="out"))


@case("no file of the archive's before it")
def hard_link_to_directory():
    return tar(member("again", tarfile.LNKTYPE, linkname="etc"))


@case("a device node outside /dev")
def block_device():
    return tar(member("etc/disk", tarfile.BLKTYPE, devmajor=8, devminor=0))


@case("a device node outside /dev")
def character_device():
    return tar(member("mem", tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666))


@case("larger than what is allowed")
def giant():
    info, _ = member("etc/giant")
    info.size = 1 << 50
    return tar() [:-1024].rstrip(b"\0") + b"\0" * (-len(tar()[:-1024].rstrip(b"\0")) % 512) + info.tobuf(tarfile.PAX_FORMAT) + b"x" * 4096


@case("larger than what is allowed")
def giant_sparse():
    info, _ = member("etc/giant")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "etc/giant", "GNU.sparse.size": str(1 << 60),
                        "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,512"}
    return tar((info, b"x" * 512)) if not setattr(info, "size", 512) else b""


@case("larger than what is allowed")
def bomb_many_files():
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        packed.write(tar()[:2048])
        for i in range(80):
            info, _ = member("bin/zero%d" % i)
            info.size = 1 << 20
            packed.write(info.tobuf(tarfile.PAX_FORMAT))
            packed.write(bytes(1 << 20))
        packed.write(bytes(1024))
    return out.getvalue()


@case("larger than what is allowed")
def bomb_one_file():
    out = io.BytesIO()
    with lzma.LZMAFile(out, mode="w", preset=0) as packed:
        info, _ = member("zero")
        info.size = 200 << 20
        packed.write(info.tobuf(tarfile.PAX_FORMAT))
        for _ in range(200):
            packed.write(bytes(1 << 20))
        packed.write(bytes(1024))
    return out.getvalue()


@case("is in the archive twice")
def twice():
    return tar(member("etc/passwd", data=b"evil\n"))


@case("is in the archive twice")
def twice_in_other_words():
    return tar(member("./etc//./passwd", data=b"evil\n"))


@case("is in the archive twice")
def file_for_directory():
    return tar(member("etc", data=b"evil\n"))


@case("damaged")
def wrong_header_checksum():
    data = bytearray(tar())
    data[512 + 3] ^= 0x55
    return bytes(data)


@case("gzip data is damaged")
def wrong_gzip_checksum():
    data = bytearray(gzip.compress(tar(), mtime=0))
    data[-6] ^= 0x55
    return bytes(data)


@case("gzip data is damaged")
def wrong_gzip_length():
    data = bytearray(gzip.compress(tar(), mtime=0))
    data[-1] ^= 0x55
    return bytes(data)


@case("")
def wrong_xz_checksum():
    data = bytearray(lzma.compress(tar()))
    data[len(data) // 2] ^= 0x55
    return bytes(data)


@case("")
def wrong_bzip2_checksum():
    data = bytearray(bz2.compress(tar()))
    data[-5] ^= 0x55
    return bytes(data)


@case("gzip data is cut short")
def truncated_gzip():
    return gzip.compress(tar(member("etc/x", data=bytes(range(256)) * 512)), mtime=0)[:-200]


@case("")
def truncated_xz():
    return lzma.compress(tar(member("etc/x", data=bytes(range(256)) * 512)))[:-60]


@case("runcated")
def truncated_tar():
    data = tar(member("etc/x", data=bytes(range(256)) * 512))
    return data[: 1536 + 512 + 4096]


@case("no tar archive")
def not_an_archive():
    return bytes(range(256)) * 64


@case("no tar archive")
def a_script():
    return b"#!/bin/sh\necho I am a root filesystem\n" * 50


@case("the archive is empty")
def empty_archive():
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w").close()
    return out.getvalue()


@case("a container has the ids 0 to 65535")
def foreign_id():
    return tar(member("etc/owned", data=b"x", uid=65536))


@case("a container has the ids 0 to 65535")
def giant_id():
    return tar(member("etc/owned", data=b"x", uid=0, gid=4294967294))


@case("a path out of the tree, or too long or deep")
def too_deep():
    return tar(member("/".join(["d"] * 400), data=b"x"))


@case("a path out of the tree, or too long or deep")
def too_long_a_name():
    return tar(member("etc/" + "n" * 300, data=b"x"))


@case("a path out of the tree, or too long or deep")
def too_long_a_path():
    return tar(member("/".join(["n" * 200] * 30), data=b"x"))


@case("")
def negative_size():
    info, _ = member("etc/x")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    return tar()[:2048] + resum(header) + bytes(4096)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        with open(sys.argv[2], "wb") as file:
            file.write(cases[sys.argv[1]][1]())
    else:
        for name, (reason, _) in cases.items():
            print(name, reason)
