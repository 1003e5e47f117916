#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The kill matrix: each verb is run under the tracer, which sends SIGKILL to one of its processes at its n-th system call, for every n (or every EVERY-th) and each
process in turn. Afterwards "berthctl recover" has to bring the world to one of the two clean states, before or after; the world is counted: cgroups, links, nft elements,
mounts, loop devices, locks, run files, claims on ids and addresses, directories, processes. With --errors calls fail instead (ENOMEM, ENOSPC, ...): then also no half answer is allowed:
a command that says 0 has done it, one that says otherwise has changed nothing.

  matrix.py TRACER [--every N] [--errors NAME,...] [VERB...]          prints TAP

BERTH_ROOT is an empty directory with templates in it. Run in a network and mount namespace of its own.
"""
import glob
import json
import os
import re
import subprocess
import sys
import time

tracer = sys.argv[1]
arguments = sys.argv[2:]
every = 1
errors = []
while arguments and arguments[0].startswith("--"):
    option = arguments.pop(0)
    value = arguments.pop(0)
    if option == "--every":
        every = int(value)
    else:
        errors = value.split(",")
root = os.environ["BERTH_ROOT"]
ADDRESS = "10.77.99.1"
TEMPLATE = "busybox:2"


def berth(*words, **options):
    return subprocess.run(["berthctl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **options)


def must(*words):
    result = berth(*words)
    if result.returncode != 0:
        raise AssertionError("%s: %d %s" % (" ".join(words), result.returncode, result.stderr.strip()))
    return result.stdout


def hash_of(text):
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return "berth-%08x" % value


def walk(top):
    found = []
    for directory, names, files in os.walk(top):
        found += [os.path.relpath(os.path.join(directory, name), top) for name in names + files]
    return found


def world():
    """Everything that a container has on the host, without the numbers that differ from one to the next."""
    found = set()
    own = hash_of(root)
    for mount in subprocess.run(["findmnt", "-rno", "TARGET", "-t", "cgroup,cgroup2"], stdout=subprocess.PIPE, text=True).stdout.split():
        top = os.path.join(mount, own)
        if os.path.isdir(top):
            found |= {"cgroup %s %s" % (mount, name) for name in [d for d in walk(top) if os.path.isdir(os.path.join(top, d))] if "/guest/" not in name}
    links = subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True).stdout
    found |= {"link %s" % name for name in re.findall(r"^\d+: (v[ei]-[^@:]*)", links, re.M)}
    for family in ("inet", "arp", "bridge"):
        table = subprocess.run(["nft", "-j", "list", "table", family, "berth"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for entry in json.loads(table)["nftables"] if table else []:
            for kind in ("set", "map"):
                found |= {"nft %s %s %d" % (family, entry[kind]["name"], i) for i in range(len(entry.get(kind, {}).get("elem", [])))} if kind in entry else set()
    found |= {"route %s" % line.split()[0] for line in subprocess.run(["ip", "-4", "route"], stdout=subprocess.PIPE, text=True).stdout.splitlines() if ADDRESS in line}
    for line in open("/proc/self/mountinfo"):
        if root in line.split()[4]:
            found.add("mount %s" % line.split()[4])
    for backing in glob.glob("/sys/block/loop*/loop/backing_file"):
        found |= {"loop %s" % name for name in [open(backing).read().strip()] if name.startswith(root)}
    held = {"%d" % os.lstat(path).st_ino for path in glob.glob(os.path.join(root, "run/berth/.*")) + glob.glob(os.path.join(root, "var/lib/berth/*")) + glob.glob(os.path.join(root, "var/lib/berth/*/*"))}
    found |= {"lock %s" % line.split()[1] for line in open("/proc/locks") if line.split()[-3].split(":")[-1] in held}
    for directory in ("run/berth", "var/lib/berth/ids", "var/lib/berth/addresses", "var/lib/berth/ports", "var/lib/berth/containers", "var/lib/berth/templates"):
        for name in os.listdir(os.path.join(root, directory)) if os.path.isdir(os.path.join(root, directory)) else []:
            if name != ".commitments" and not (directory.endswith("ids") and not os.path.islink(os.path.join(root, directory, name))):
                found.add("file %s/%s" % (directory, name))
    top = os.path.join(root, "run/berth/web")
    found |= {"run %s" % name for name in (os.listdir(top) if os.path.isdir(top) else [])}
    top = os.path.join(root, "var/lib/berth/containers/web")
    found |= {"own %s" % name for name in (os.listdir(top) if os.path.isdir(top) else []) if not name.startswith(("console.log", "events", "traffic"))}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open("/proc/%s/cmdline" % pid).read().split("\0")
        except OSError:
            continue
        if "berth-monitor" in words[0] and root in words:
            found.add("process monitor")
    return {re.sub(r"(?<=ids/)\d+|(?<=v[ei]-)\d+", "N", name) for name in found}


def state(of="web"):
    if of == TEMPLATE:
        return "built" if berth("template", "show", TEMPLATE).returncode == 0 else "not built"
    result = berth("status", "web", "--json")
    return json.loads(result.stdout)["state"] if result.returncode == 0 else "absent"


def settle(wanted):
    """From any clean state to the one that a verb begins with."""
    if wanted.endswith("built"):
        settle("absent")
        if state(TEMPLATE) != wanted:
            must("template", *(["build", TEMPLATE] if wanted == "built" else ["delete", TEMPLATE]))
        return
    now = state()
    if wanted == "absent":
        if now != "absent":
            must("destroy", "--force", "web")
        return
    if now == "absent":
        must("create", "web", "--template", "busybox", "--ip", ADDRESS, "--memory", "64M")
        now = "stopped"
    if wanted == "stopped" and now != "stopped":
        must("stop", "--kill", "web")
    if wanted == "running" and now != "running":
        must("start", "web")


# verb: what it begins with, what it ends with, its words, and how much of it is tried (creating and deleting make a call for each file)
VERBS = {
    "create": ("absent", "stopped", ["create", "web", "--template", "busybox", "--ip", ADDRESS, "--memory", "64M"], 9),
    "start": ("stopped", "running", ["start", "web"], 1),
    "stop": ("running", "stopped", ["stop", "--kill", "web"], 1),
    "set": ("running", "running", ["set", "web", "--memory", "96M", "--hostname", "other", "--net-packets", "500"], 1),
    "exec": ("running", "running", ["exec", "web", "--", "/bin/true"], 1),
    "destroy": ("stopped", "absent", ["destroy", "web"], 5),
    "template build": ("not built", "built", ["template", "build", TEMPLATE], 5),
}


def outcome(verb):
    """For verbs that end as they begin: what they have changed."""
    if verb != "set":
        return None
    return (must("get", "web", "memory").strip(), must("get", "web", "hostname").strip())


def unset():
    must("set", "web", "--memory", "64M", "--hostname", "", "--net-packets", "")


def check(verb, how, result, last, clean):
    """One of the two clean states, and nothing more and nothing less on the host than it has."""
    before, after, _, _ = VERBS[verb]
    recovered = berth("recover")
    if recovered.returncode != 0:
        raise AssertionError("recover: %s" % recovered.stderr.strip())
    now = state(TEMPLATE if verb == "template build" else "web")
    if now not in (before, after):
        raise AssertionError("%s: neither %s nor %s but %s" % (last, before, after, now))
    if how != "kill" and result.returncode == 0 and now != after:
        raise AssertionError("%s: it said that it was done, and is %s" % (last, now))
    if verb == "set":
        if outcome(verb) not in (("64M", ""), ("96M", "other")):
            raise AssertionError("%s: half a change: %s" % (last, outcome(verb)))
        unset()
    now_there = world()
    missing, more = clean[now] - now_there, now_there - clean[now]
    # A monitor that was killed is missed, and by nobody else.
    missing.discard("process monitor")
    if missing or more:
        raise AssertionError("%s: %s: missing %s, left %s" % (last, now, sorted(missing), sorted(more)))


def one(verb, process, call, how, clean):
    before, after, words, _ = VERBS[verb]
    settle(before)
    if verb == "set":
        unset()
    # A start and an exec end where the guest's own programs begin. A build is other programs' work, who are killed too; what a shell does when wait(2) says that the disk is full is its own affair.
    counted = dict(os.environ) if verb == "template build" and how == "kill" else dict(os.environ, TRACER_OWN="berth")
    result = subprocess.run([tracer, str(process), str(call), how, "--", "berthctl", *words], env=counted, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    last = result.stderr.strip().splitlines()[-1]
    reached = last.startswith("tracer: did")
    try:
        check(verb, how, result, last, clean)
    except AssertionError:
        # What was being killed when its killer was may have looked alive to the first recover: the next command has the last word.
        time.sleep(0.3)
        check(verb, how, result, last, clean)
    return reached


def main():
    clean = {}
    for name in ("built", "not built", "absent", "stopped", "running"):
        settle(name)
        if name == "running":
            must("set", "web", "--net-packets", "500")
            unset()
        clean[name] = world()
    verbs = arguments or list(VERBS)
    number = total = 0
    print("1..%d" % (len(verbs) * max(1, len(errors))), flush=True)
    for how in errors or ["kill"]:
        for verb in verbs:
            number += 1
            kills, failures = 0, []
            for process in range(3):
                call = 1 + (number + process) % every
                while True:
                    try:
                        if not one(verb, process, call, how, clean):
                            break
                    except (AssertionError, subprocess.TimeoutExpired) as why:
                        failures.append("process %d, call %d: %s" % (process, call, why))
                        berth("destroy", "--force", "web")
                        berth("template", "delete", TEMPLATE)
                        berth("recover")
                        if len(failures) > 5:
                            break
                    kills += 1
                    call += every * VERBS[verb][3]
                if len(failures) > 5:
                    break
            if verb == "template build":
                settle("not built")
            if kills == 0:
                failures.append("no call was reached")
            total += kills
            for failure in failures:
                print("# " + failure)
            print("%s %d - %s: %d times %s at a system call" % ("not ok" if failures else "ok", number, verb, kills, "killed" if how == "kill" else how), flush=True)
    settle("absent")
    print("# %d in all" % total)


main()
