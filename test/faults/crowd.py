#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Sixteen clients do verbs by chance on eight containers at once. No answer may be a failure (1), none may take a minute, JSON is JSON, and the history must be linear: for each container
there is an order of the commands, each at a moment between its beginning and its end, in which every answer is right, the refusals too. Then everything is destroyed and the host is as
before.

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
history = {name: [] for name in names}
# 3 not there, 4 there already, 5 wrong state, 6 busy; exec also has the codes of a command that is killed.
EXPECTED = {0, 3, 4, 5, 6}
EXEC = EXPECTED | {125, 137, 143}
ABSENT = ("absent", None)


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


# --- the history ------------------------------------------------------------------------------------------------------------
# A container is its state and its memory limit. A command that was answered is a function from these to these, or to None: the answer would have been another.

def changes(verb, code, value):
    """(whether it changes anything, the function); None says nothing about any order."""
    there = lambda now: now if now[0] != "absent" else None
    step = {
        ("create", 0): lambda now: ("stopped", "64M") if now[0] == "absent" else None,
        ("create", 4): there,
        ("start", 0): lambda now: ("running", now[1]) if now[0] == "stopped" else None,
        ("start", 5): lambda now: now if now[0] in ("running", "paused") else None,
        ("stop", 0): lambda now: ("stopped", now[1]) if now[0] in ("running", "paused") else None,
        ("stop", 5): lambda now: now if now[0] == "stopped" else None,
        # A paused container is let go on to be asked, and what is killed is frozen no more: before it is stopped it is seen to run.
        ("goes on", 0): lambda now: ("running", now[1]) if now[0] in ("running", "paused") else now if now[0] == "stopped" else None,
        # Of a running one it is two: what is seen between them is a stopped one.
        ("destroy stops", 0): lambda now: ("stopped", now[1]) if now[0] != "absent" else None,
        ("destroy", 0): lambda now: ABSENT if now[0] == "stopped" else None,
        ("pause", 0): lambda now: ("paused", now[1]) if now[0] == "running" else None,
        ("pause", 5): lambda now: now if now[0] in ("stopped", "paused") else None,
        ("resume", 0): lambda now: ("running", now[1]) if now[0] == "paused" else None,
        ("resume", 5): lambda now: now if now[0] in ("stopped", "running") else None,
        ("set", 0): lambda now: (now[0], value) if now[0] != "absent" else None,
        ("exec", 0): lambda now: now if now[0] == "running" else None,
        ("exec", 5): lambda now: now if now[0] in ("stopped", "paused") else None,
        ("get", 0): lambda now: now if now[0] != "absent" and now[1] == value else None,
        ("status", 0): lambda now: now if now[0] == value else None,
    }.get((verb, code))
    if step is None and code == 3:
        step = lambda now: now if now[0] == "absent" else None
    return (code == 0 and verb not in ("exec", "get", "status"), step) if step else None


def linear(events):
    """Whether some order of the events, none before its beginning or after its end, is right for all. Returns those that cannot be put behind the longest order there is, and
    what the container was then."""
    events = sorted(events)
    best, was, seen, stack = frozenset(), ABSENT, set(), [(frozenset(), ABSENT)]
    while stack:
        done, now = stack.pop()
        # What changes nothing and is right now may come now: it is in the way of nothing.
        while True:
            left = [i for i in range(len(events)) if i not in done]
            if not left:
                return [], now
            end = min(events[i][1] for i in left)
            ready = [i for i in left if events[i][0] <= end]
            seen_now = [i for i in ready if not events[i][3][0] and events[i][3][1](now) is not None]
            if not seen_now:
                break
            done |= frozenset(seen_now)
        if len(done) > len(best):
            best, was = done, now
        for i in ready:
            after = events[i][3][1](now) if events[i][3][0] else None
            if after is not None and (done | {i}, after) not in seen:
                seen.add((done | {i}, after))
                stack.append((done | {i}, after))
    return [events[i] for i in range(len(events)) if i not in best], was


def note(name, began, verb, code, value=None):
    event = (began, time.monotonic(), "%s %d %s" % (verb, code, value or ""), changes(verb, code, value))
    if event[3]:
        with lock:
            history[name].append(event)


def client(number, end):
    chance = random.Random(seed + number)
    while time.monotonic() < end and len(faults) < 10:
        name = chance.choice(names)
        i = names.index(name)
        verb = chance.choice(["create", "create", "start", "start", "start", "stop", "stop", "set", "set", "exec", "exec", "status", "list", "destroy", "pause", "resume", "recover", "get"])
        began, value = time.monotonic(), None
        if verb == "create":
            result = berth("create", name, "--template", "busybox", "--ip", "10.77.50.%d" % (i + 1), "--memory", "64M")
        elif verb == "destroy":
            result = berth("destroy", "--force", name)
        elif verb == "stop":
            result = berth("stop", chance.choice(["--kill", "--timeout=1"]), name)
        elif verb == "set":
            value = "%dM" % chance.randrange(32, 128)
            result = berth("set", name, "--memory", value, "--hostname", "h%d" % chance.randrange(100))
        elif verb == "exec":
            result = berth("exec", name, "--", "/bin/true", expected=EXEC)
        elif verb == "status":
            result = berth("status", name, "--json")
            value = json.loads(result.stdout)["state"] if result and result.returncode == 0 else None
            # On the way from one to another.
            if value not in (None, "stopped", "running", "paused"):
                continue
        elif verb == "get":
            result = berth("get", name, "memory")
            value = result.stdout.strip() if result else None
        elif verb == "list":
            result = berth("list", "--json")
            for one in json.loads(result.stdout)["containers"] if result and result.returncode == 0 else []:
                if one["name"] in names and one["state"] in ("stopped", "running", "paused"):
                    note(one["name"], began, "status", 0, one["state"])
            continue
        elif verb == "recover":
            berth("recover")
            continue
        else:
            result = berth(verb, name)
        if result and verb in ("stop", "destroy") and result.returncode == 0:
            note(name, began, "goes on", 0)
        if result and verb == "destroy" and result.returncode == 0:
            note(name, began, "destroy stops", 0)
        if result:
            note(name, began, verb, result.returncode, value)


def guarded(number, end):
    """An answer that is no JSON, and whatever else a client falls over."""
    try:
        client(number, end)
    except Exception as why:
        with lock:
            faults.append("client %d: %r" % (number, why))


def main():
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=guarded, args=(n, end)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        began = time.monotonic()
        result = berth("status", name, "--json", expected={0, 3})
        note(name, began, "status", result.returncode, json.loads(result.stdout)["state"] if result.returncode == 0 else None)
        left, was = linear(history[name])
        if left:
            faults.append("%s: no order of its %d commands is right: it is %s %s, and to come are %s" % (
                name, len(history[name]), was[0], was[1], "; ".join("%.3f-%.3f %s" % one[:3] for one in left[:14])))
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
    print("%s 1 - sixteen clients on eight containers, %d commands, %d in order" % ("not ok" if faults else "ok", sum(counts.values()), sum(map(len, history.values()))))


main()
