#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Sixteen clients do verbs by chance on eight containers at once. No answer may be a failure (1), none may take a minute, JSON is JSON, and the history must add up: of a container's
successful creates and destroys there is one create more exactly when it is there at the end. Then everything is destroyed and the host is as before.

  crowd.py SECONDS [SEED]          prints TAP; BERTH_ROOT is an instance with the template busybox
"""
import json
import os
import random
import subprocess
import sys
import threading
import time

seconds = float(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
names = ["c%d" % i for i in range(8)]
lock = threading.Lock()
faults = []
counts = {}
balance = {name: 0 for name in names}
# 3 not there, 4 there already, 5 wrong state, 6 busy; exec also has the codes of a command that is killed.
EXPECTED = {0, 3, 4, 5, 6}
EXEC = EXPECTED | {125, 137, 143}


def berth(*words, expected=EXPECTED):
    began = time.monotonic()
    try:
        result = subprocess.run(["berthctl", "--lock-timeout", "20", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        with lock:
            faults.append("%s: no answer in a minute" % " ".join(words))
        return None
    with lock:
        counts[words[0]] = counts.get(words[0], 0) + 1
        if result.returncode not in expected:
            faults.append("%s: %d %s (%.1f s)" % (" ".join(words), result.returncode, result.stderr.strip(), time.monotonic() - began))
    return result


def client(number, end):
    chance = random.Random(seed + number)
    while time.monotonic() < end and len(faults) < 10:
        name = chance.choice(names)
        i = names.index(name)
        verb = chance.choice(["create", "create", "start", "start", "start", "stop", "stop", "set", "set", "exec", "exec", "status", "list", "destroy", "pause", "resume", "recover", "get"])
        if verb == "create":
            result = berth("create", name, "--template", "busybox", "--ip", "10.77.50.%d" % (i + 1), "--memory", "64M")
            if result and result.returncode == 0:
                with lock:
                    balance[name] += 1
        elif verb == "destroy":
            result = berth("destroy", "--force", name)
            if result and result.returncode == 0:
                with lock:
                    balance[name] -= 1
        elif verb == "stop":
            berth("stop", chance.choice(["--kill", "--timeout=1"]), name)
        elif verb == "set":
            berth("set", name, "--memory", "%dM" % chance.randrange(32, 128), "--hostname", "h%d" % chance.randrange(100))
        elif verb == "exec":
            berth("exec", name, "--", "/bin/true", expected=EXEC)
        elif verb in ("status", "get"):
            result = berth(verb, name, "--json")
            if result and result.returncode == 0:
                json.loads(result.stdout)
        elif verb == "list":
            result = berth("list", "--json")
            if result:
                json.loads(result.stdout)
        elif verb == "recover":
            berth("recover")
        else:
            berth(verb, name)


def main():
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(n, end)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        there = subprocess.run(["berthctl", "status", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        if balance[name] != int(there):
            faults.append("%s: %d creates more than destroys, and it is %s" % (name, balance[name], "there" if there else "not there"))
        berth("destroy", "--force", name, expected={0, 3})
    berth("recover")
    root = os.environ["BERTH_ROOT"]
    for directory in ("run/berth", "var/lib/berth/containers", "var/lib/berth/addresses"):
        left = [n for n in os.listdir(os.path.join(root, directory)) if n != ".commitments"]
        if left:
            faults.append("left in %s: %s" % (directory, left))
    links = subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True).stdout
    if "ve-" in links:
        faults.append("links are left: %s" % links)
    print("1..1")
    for fault in faults:
        print("# " + fault)
    print("# seed %d: %s" % (seed, ", ".join("%s %d" % one for one in sorted(counts.items()))))
    print("%s 1 - sixteen clients on eight containers, %d commands" % ("not ok" if faults else "ok", sum(counts.values())))


main()
