#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames for the network tests, as hex: what an honest guest sends and what a hostile one does.

  frames.py < LINES                 prints a frame for each line "KIND FIELD=VALUE..."
  frames.py sniff INTERFACE SECONDS prints "ready" and then every frame that comes in, a line each
"""
import ipaddress
import socket
import struct
import sys
import time

BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text):
    return bytes(int(part, 16) for part in text.split(":"))


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(field, kind, payload):
    return mac(field.get("to_mac", BROADCAST)) + mac(field["from_mac"]) + struct.pack("!H", kind) + payload


def ipv4(field, protocol, payload, fragment=0, identity=7):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identity, fragment, 64, protocol, 0,
                         address(field["source"]), address(field["target"]))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(field, protocol, payload, hops=255):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, hops, address(field["source"]), address(field["target"])) + payload


def icmp6(field, kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    pseudo = address(field["source"]) + address(field["target"]) + struct.pack("!IxxxB", len(body), 58)
    return body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]


def udp(field, payload):
    source, target = int(field.get("sport", 1234)), int(field.get("dport", 9999))
    body = struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload
    pseudo = address(field["source"]) + address(field["target"])
    pseudo += struct.pack("!BBH", 0, 17, len(body)) if len(pseudo) == 8 else struct.pack("!IxxxB", len(body), 17)
    return body[:6] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[8:]


def tcp_syn(field):
    body = struct.pack("!HHIIBBHHH", int(field.get("sport", 1234)), int(field["dport"]), 1, 0, 0x50, 2, 1000, 0, 0)
    pseudo = address(field["source"]) + address(field["target"]) + struct.pack("!BBH", 0, 6, len(body))
    return body[:16] + struct.pack("!H", checksum(pseudo + body)) + body[18:]


def build(kind, field):
    payload = field.get("text", "BADBAD").encode()
    option = lambda number: struct.pack("!BB", number, 1) + mac(field.get("says_mac", field["from_mac"]))
    if kind == "udp4":
        return ethernet(field, 0x0800, ipv4(field, 17, udp(field, payload)))
    if kind == "udp6":
        return ethernet(field, 0x86DD, ipv6(field, 17, udp(field, payload), 64))
    if kind == "syn":
        return ethernet(field, 0x0800, ipv4(field, 6, tcp_syn(field)))
    if kind == "fragment1":  # the first eight bytes, more to come
        return ethernet(field, 0x0800, ipv4(field, 17, udp(field, payload * 4)[:8], 0x2000))
    if kind == "fragment2":
        return ethernet(field, 0x0800, ipv4(field, 17, udp(field, payload * 4)[8:], 1))
    if kind == "vlan":
        inner = ipv4(field, 17, udp(field, payload))
        return ethernet(field, 0x8100, struct.pack("!HH", int(field["vlan"]), 0x0800) + inner)
    if kind == "arp":
        operation = 2 if field.get("reply") else 1
        return ethernet(field, 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac(field.get("says_mac", field["from_mac"]))
                        + address(field["source"]) + mac(field.get("to_mac", BROADCAST)) + address(field["target"]))
    if kind == "ns":
        return ethernet(field, 0x86DD, ipv6(field, 58, icmp6(field, 135, 0, bytes(4) + address(field["about"]) + option(1))))
    if kind == "na":
        return ethernet(field, 0x86DD, ipv6(field, 58, icmp6(field, 136, 0, b"\x20\0\0\0" + address(field["about"]) + option(2))))
    if kind == "na2":  # another option first, to hide the address behind it
        extra = struct.pack("!BB6x", 14, 1)
        return ethernet(field, 0x86DD, ipv6(field, 58, icmp6(field, 136, 0, b"\x20\0\0\0" + address(field["about"]) + extra + option(2))))
    if kind == "na_hidden":  # behind a header of destination options
        body = icmp6(field, 136, 0, b"\x20\0\0\0" + address(field["about"]) + option(2))
        return ethernet(field, 0x86DD, ipv6(field, 60, struct.pack("!BB6x", 58, 0) + body))
    if kind == "na_fragment":  # a fragment header before it: an "atomic" fragment
        body = icmp6(field, 136, 0, b"\x20\0\0\0" + address(field["about"]) + option(2))
        return ethernet(field, 0x86DD, ipv6(field, 44, struct.pack("!BBHI", 58, 0, 0, 9) + body))
    if kind == "ra":
        prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, address("2001:db8:bad::"))
        return ethernet(field, 0x86DD, ipv6(field, 58, icmp6(field, 134, 0, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + prefix)))
    if kind == "redirect":
        return ethernet(field, 0x86DD, ipv6(field, 58, icmp6(field, 137, 0, bytes(4) + address(field["source"]) + address(field["about"]))))
    if kind == "dhcp":  # a server's offer
        field = dict(field, sport="67", dport="68")
        return ethernet(field, 0x0800, ipv4(field, 17, udp(field, b"\x02\x01\x06\0" + bytes(232) + payload)))
    if kind == "stp":  # a bridge's hello: length instead of a type, LLC
        bpdu = bytes.fromhex("424203000000000000000000000000000000000000000000800200000000140002000f00")
        return mac("01:80:c2:00:00:00") + mac(field["from_mac"]) + struct.pack("!H", len(bpdu)) + bpdu
    if kind == "ethertype":
        return ethernet(field, 0x88CC, payload * 10)
    raise SystemExit("frames.py: no frame " + kind)


def sniff(interface, seconds):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listener:
        listener.bind((interface, 0))
        print("ready", flush=True)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            listener.settimeout(left)
            try:
                frame, source = listener.recvfrom(65536)
            except socket.timeout:
                break
            if source[2] != socket.PACKET_OUTGOING or interface.startswith("ve-"):
                print(frame.hex(), flush=True)


if len(sys.argv) > 1:
    sniff(sys.argv[2], float(sys.argv[3]))
else:
    for line in sys.stdin:
        words = line.split()
        print(build(words[0], dict(word.split("=", 1) for word in words[1:])).hex())
