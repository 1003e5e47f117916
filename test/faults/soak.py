#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Many containers, started, listed, limited, used and stopped, twice. The first time fills caches and pools; after the second the host must have what it had after the first: open files,
unreclaimable slab, cgroups, processes, mounts, interfaces. Three hundred containers cost the kernel a hundred MiB: what leaks a third of one shows.

  soak.py [COUNT]          prints TAP; BERTH_ROOT is an instance with the template busybox
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import time

count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
names = ["s%03d" % i for i in range(count)]
# What may differ by chance: a machine is never quite still.
TOLERANCE = {"open files": 300, "slab KiB": 100 * count, "cgroups": 0, "monitors": 0, "mounts": 0, "interfaces": 0, "processes": 20}


def berth(*words):
    result = subprocess.run(["berthctl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if result.returncode != 0:
        raise AssertionError("%s: %d %s" % (" ".join(words), result.returncode, result.stderr.strip()))
    return result.stdout


def each(*words):
    """Four at a time: an operator's script and a panel at once."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: berth(*[name if word == "@" else word for word in words]), names))
    return (time.monotonic() - began) * 1000 / count


def read(path):
    with open(path) as file:
        return file.read()


def cgroups():
    own = 0
    for directory, inner, _ in os.walk("/sys/fs/cgroup"):
        own += sum(1 for name in inner if name in names)
    return own


def host():
    running = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            running.append(read("/proc/%s/cmdline" % pid))
        except OSError:
            continue
    return {
        "open files": int(read("/proc/sys/fs/file-nr").split()[0]),
        "slab KiB": next(int(line.split()[1]) for line in read("/proc/meminfo").splitlines() if line.startswith("SUnreclaim")),
        "cgroups": cgroups(),
        "monitors": sum(1 for words in running if "berth-monitor" in words and os.environ["BERTH_ROOT"] in words),
        "mounts": len(read("/proc/self/mountinfo").splitlines()),
        "interfaces": len(os.listdir("/sys/class/net")),
        "processes": len(running),
    }


def over(before, after):
    return ["%s: %d, then %d" % (what, before[what], after[what]) for what in before if after[what] - before[what] > TOLERANCE[what]]


def settled(before):
    """Network namespaces are taken down by a kernel thread, after their last process."""
    deadline = time.monotonic() + 60
    while over(before, host()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return host()


def once():
    took = {"start": each("start", "@")}
    began = time.monotonic()
    listed = json.loads(berth("list", "--json"))["containers"]
    took["list"] = (time.monotonic() - began) * 1000 / count
    if sum(1 for one in listed if one["state"] == "running") != count:
        raise AssertionError("%d of %d run" % (sum(1 for one in listed if one["state"] == "running"), count))
    took["set"] = each("set", "@", "--memory", "48M", "--pids", "30")
    took["exec"] = each("exec", "@", "--", "/bin/true")
    took["stop"] = each("stop", "--kill", "@")
    return took


def main():
    print("1..1", flush=True)
    fault = []
    try:
        empty = host()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: berth("create", names[i], "--template", "busybox", "--memory", "64M", "--pids", "50", "--ip", "10.77.%d.%d" % (60 + i // 250, 1 + i % 250)), range(count)))
        once()
        first = settled(empty)
        took = once()
        last = settled(first)
        fault = over(first, last)
        print("# ms each, four at a time: " + ", ".join("%s %.1f" % one for one in took.items()))
        print("# after the first round and the second: " + ", ".join("%s %d, %d" % (what, first[what], last[what]) for what in first))
    except (AssertionError, OSError, subprocess.SubprocessError) as why:
        fault.append(repr(why))
    for name in names:
        subprocess.run(["berthctl", "destroy", "--force", name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    left = os.listdir(os.path.join(os.environ["BERTH_ROOT"], "var/lib/berth/containers")) + ["cgroup"] * cgroups()
    if left:
        fault.append("left: %s" % left)
    for line in fault:
        print("# " + line)
    print("%s 1 - %d containers, twice: what they took is given back" % ("not ok" if fault else "ok", count))


main()
