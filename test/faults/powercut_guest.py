#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What runs in the machine of test/faults/powercut, once a boot: recovers, tells what is there, starts it, and then creates, changes and destroys containers until the
power is cut. It judges nothing: every line that begins with "powercut" is for the host's side, which remembers what was acknowledged.

  powercut_guest.py SEED FIRST loop|end [TEMPLATES]      FIRST numbers the commands; TEMPLATES is copied at the first boot
"""
import json
import os
import random
import subprocess
import sys
import termios
import time

chance = random.Random(int(sys.argv[1]))
number = int(sys.argv[2])
last = sys.argv[3] == "end"
store = "/var/lib/berth"
NAMES = ["a", "b", "c", "d"]
KEYS = ["memory", "hostname", "ip", "disk", "port-forward"]
torn = set()


def tell(word, **what):
    """A line is out of the machine before anything else is done: what follows it may be the end."""
    sys.stdout.write("powercut %s %s\n" % (word, json.dumps(what)))
    sys.stdout.flush()
    try:
        termios.tcdrain(1)
    except termios.error:
        pass


def run(*words, seconds=20):
    began = time.monotonic()
    try:
        result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds)
        code, out, err = result.returncode, result.stdout, result.stderr.strip()
    except subprocess.TimeoutExpired:
        code, out, err = -1, "", "no answer in %d s" % seconds
    return code, out, err, round(time.monotonic() - began, 3)


def berth(*words, **options):
    return run("berthctl", *words, **options)


def configuration(name):
    code, out, err, _ = berth("get", name, "--json")
    if code != 0:
        return {"unreadable": err}
    found = json.loads(out)
    return {key: found.get(key) for key in KEYS + ["id"]}


def claims(which):
    top = os.path.join(store, which)
    entries = os.listdir(top) if os.path.isdir(top) else []
    return {name: os.readlink(os.path.join(top, name)) if os.path.islink(os.path.join(top, name)) else None for name in entries}


def hidden():
    """Names with a dot, outside of guests' trees: what a command has while it works."""
    found = []
    for directory, names, files in os.walk(store):
        if "rootfs" in names:
            names.remove("rootfs")
        found += [os.path.relpath(os.path.join(directory, name), store) for name in names + files if name.startswith(".")]
    return found


def projects():
    """Project: bytes used, limit of bytes, files."""
    found = {}
    for line in run("repquota", "-P", store)[1].splitlines():
        words = line.split()
        if line.startswith("#") and len(words) >= 8:
            found[words[0][1:]] = [int(words[2]) << 10, int(words[4]) << 10, int(words[5])]
    return found


def tell_state():
    code, out, err, _ = berth("list", "--json")
    containers = json.loads(out)["containers"] if code == 0 else []
    there = sorted(name for name in os.listdir(os.path.join(store, "containers")) if not name.startswith("."))
    state = {
        "list": [code, err], "states": {one["name"]: one["state"] for one in containers},
        "configurations": {name: configuration(name) for name in there},
        "ids": claims("ids"), "addresses": claims("addresses"), "ports": claims("ports"), "hidden": hidden(),
        "mount": run("findmnt", "-rno", "FSTYPE,OPTIONS", store)[1].strip(),
        "kernel": [line for line in run("dmesg")[1].splitlines() if "EXT4-fs error" in line or "EXT4-fs warning" in line],
    }
    tell("state", **state)
    return there


def start(name):
    what, took = "start", 0.0
    for what, words in (("start", ["start", name]), ("exec", ["exec", name, "--", "/bin/true"])):
        code, _, err, seconds = berth(*words)
        took += seconds
        if code != 0:
            break
    else:
        # Half of them are running when the power goes.
        if last or chance.random() < 0.5:
            what = "stop"
            code, _, err, seconds = berth("stop", "--kill", name)
            took += seconds
    if code != 0:
        torn.add(name)
    tell("start", name=name, code=code, what=what, err=err, seconds=round(took, 1))


# --- the loop ------------------------------------------------------------------------------------------------------------------------

taken = {}


def choose_values():
    """Few addresses and ports for many commands: what one gives up another asks for, and what a cut left of it must not be in the way."""
    used = [values[key] for values in taken.values() for key in ("ip", "port-forward")]
    return {
        "memory": "%dM" % (64 + number % 512), "hostname": "h%d" % number, "disk": "%dM" % (8 + number % 256),
        "ip": chance.choice([ip for ip in ("10.77.0.%d" % n for n in range(1, 9)) if ip not in used]),
        "port-forward": chance.choice([port for port in ("%d:80/tcp" % n for n in range(8001, 8009)) if port not in used]),
    }


def one(verb, name):
    global number
    number += 1
    values = choose_values() if verb in ("create", "set") else {}
    words = [verb, name] + [word for key, value in values.items() for word in ("--" + key, value)]
    if verb == "create":
        words += ["--template", "busybox"]
    if verb == "destroy":
        words.append("--force")
    tell("begin", number=number, verb=verb, name=name, values=values)
    code, _, err, seconds = berth(*words)
    tell("done", number=number, code=code, err=err, seconds=seconds)
    if code == 0 and verb == "destroy":
        taken.pop(name, None)
    elif code == 0:
        taken[name] = values


def main():
    if len(sys.argv) > 4:
        os.makedirs(os.path.join(store, "templates"), exist_ok=True)
        subprocess.run(["cp", "-a", sys.argv[4] + "/.", os.path.join(store, "templates")], check=True)
        os.sync()
    tell("recover")
    code, out, err, seconds = berth("recover")
    tell("recovered", code=code, out=out.strip(), err=err, seconds=seconds)
    there = tell_state()
    for name in there:
        start(name)
    tell("quota", projects=projects())
    if last:
        tell("unmount", result=run("umount", store)[:3])
        return
    for name in there:
        found = configuration(name)
        if "unreadable" not in found:
            taken[name] = {"ip": found["ip"][0] if found["ip"] else "", "port-forward": found["port-forward"][0] if found["port-forward"] else ""}
        else:
            torn.add(name)
    # What outlived the cut is whole on the disk from now on, trees too.
    os.sync()
    tell("loop")
    for name in sorted(torn):
        one("destroy", name)
    while True:
        # Trees that have to be whole after the cut; the commands since then are enough to be lost.
        if chance.random() < 0.2:
            os.sync()
            tell("synced")
        name = chance.choice(NAMES)
        one("create" if name not in taken else chance.choice(["set", "set", "destroy"]), name)


main()
