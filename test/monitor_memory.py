#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drives a berth-monitor under valgrind with descriptors as src/monitor/protocol.h has them. Called by test/monitor_memory.

The monitor becomes another program at its end, and of a process that executes another valgrind tells no leaks. So the program that it is given is
taken away before the end: then the monitor ends itself. In a run of its own the program is there, to see that it is executed as it should be.
"""
import array
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import termios
import threading
import time
import tty

ERROR_STATUS = 99
LOG_MAX = 256 * 1024
VISITORS_MAX = 8
FIRST_FD, LAST_FD = 3, 11


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(seconds, condition, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f'not in {seconds} s: {what}')


class Monitor:
    """A monitor that is started, and the other ends of what it was given."""

    def __init__(self, program, directory):
        self.directory = directory
        os.makedirs(directory)
        self.command = os.path.join(directory, 'berthctl')
        self.said = os.path.join(directory, 'said')
        with open(self.command, 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\necho "$@" >> {self.said}\n')
        os.chmod(self.command, 0o755)
        for name, text in (('kills', 'oom 0\noom_kill 1\n'), ('memory', ''), ('io', '')):
            self.put(name, text)
        self.host, host = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(os.path.join(directory, 'console'))
        listener.listen(16)
        self.events = os.eventfd(0, os.EFD_NONBLOCK)
        opened = [os.open(directory, os.O_RDONLY)] * 2 + [os.open(os.path.join(directory, name), os.O_RDONLY) for name in ('kills', 'memory', 'io')]
        # In the order of protocol.h; init is born in the child, whose child it has to be.
        given = [host.fileno(), listener.fileno(), opened[0], None, opened[1], self.events, opened[2], opened[3], opened[4]]
        ready, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.become(program, given, said)
            finally:
                os._exit(98)
        os.close(said)
        host.close()
        listener.close()
        for fd in set(opened):
            os.close(fd)
        self.init = int(os.read(ready, 32))
        os.close(ready)

    def become(self, program, given, said):
        init = os.fork()
        if init == 0:
            # Nothing of the monitor's is held open by it.
            os.closerange(3, 1024)
            # A driver that is killed leaves it for a while only, and the monitor with it.
            time.sleep(60)
            os._exit(0)
        given[3] = os.pidfd_open(init)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in given]
        os.write(said, str(init).encode())
        os.closerange(3, 100)
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST_FD + i)
        log = os.open(os.path.join(self.directory, 'output'), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        os.execvp('valgrind', ['valgrind', '-q', '--leak-check=full', '--show-leak-kinds=all', '--errors-for-leak-kinds=all', '--track-fds=yes',
                               '--child-silent-after-fork=yes', f'--error-exitcode={ERROR_STATUS}', f'--log-file={self.directory}/valgrind',
                               program, 'c1', self.command, ''])

    def put(self, name, text):
        with open(os.path.join(self.directory, name), 'r+' if os.path.exists(os.path.join(self.directory, name)) else 'w', encoding='utf-8') as file:
            file.write(text)
            file.truncate()

    def release(self):
        """What the host side of a start sends. How long a message is, the monitor's own tells."""
        ready = self.host.recv(8192)
        check(struct.unpack_from('i', ready)[0] == 3, 'the monitor is ready')
        master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.guest, ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        fds = array.array('i', [master, self.slave, ear.fileno()])
        message = struct.pack('i', 4) + bytes(len(ready) - 4)
        self.host.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        self.host.close()
        os.close(master)
        ear.close()

    def visit(self):
        visitor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        visitor.connect(os.path.join(self.directory, 'console'))
        visitor.settimeout(5)
        return visitor

    def descriptors(self):
        return sorted(int(fd) for fd in os.listdir(f'/proc/{self.pid}/fd'))

    def wait(self):
        """The exit status; nothing may be in valgrind's log but the three descriptors that every process has."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with open(os.path.join(self.directory, 'valgrind'), encoding='utf-8') as file:
            log = file.read()
        lines = [line for line in log.splitlines() if re.sub(r'^==\d+== ?', '', line).strip()]
        bad = [line for line in lines if not re.search(r'^--\d+--|FILE DESCRIPTORS: 3 open|Open file descriptor [012]:|<inherited from parent>', line)]
        check(status != ERROR_STATUS and not bad, f'valgrind is content\n{log}')
        return status

    def told(self):
        try:
            with open(self.said, encoding='utf-8') as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def read_guest(self, length):
        got = b''
        while len(got) < length:
            got += os.read(self.slave, length - len(got))
        return got


def notify(monitor):
    for text in (b'', b'\0', b'STATUS=\xff\xfe', b'READY=0\nREADY=', b'\n' * 4096, b'x' * 100000, b'READY=1'[:6]):
        monitor.guest.send(text)
    time.sleep(0.3)
    check(not os.path.exists(os.path.join(monitor.directory, 'ready')), 'nobody has said READY=1')
    for _ in range(300):
        monitor.guest.send(b'STATUS=again')
    monitor.guest.send(b'STATUS=up\nREADY=1\n')
    eventually(8, lambda: os.path.exists(os.path.join(monitor.directory, 'ready')), 'READY=1 is heard')


def size_of(path):
    """Of a log that may be turned over at this moment."""
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def visit(monitor):
    before = monitor.descriptors()
    one = monitor.visit()
    one.send(b'ihello\r')
    check(monitor.read_guest(6) == b'hello\r', 'what is typed comes to the guest')
    one.send(b's' + struct.pack('4H', 33, 99, 0, 0))
    eventually(5, lambda: fcntl.ioctl(monitor.slave, termios.TIOCGWINSZ, bytes(8)) == struct.pack('4H', 33, 99, 0, 0), 'the size is the visitor\'s')
    for packet in (b'i', b's', b's123', b'\0', b'x' * 4096, b's' * 9000, b'q' + b'i' * 10):
        one.send(packet)
    os.write(monitor.slave, b'prompt> ')
    check(one.recv(4096) == b'prompt> ', 'what the guest writes is shown')
    deaf = [monitor.visit() for _ in range(VISITORS_MAX - 1)]
    check(deaf[-1].recv(4096) == b'prompt> ', 'a new visitor sees the past')
    refused = [monitor.visit() for _ in range(2)]
    check(all(b'as many visitors' in visitor.recv(4096) and visitor.recv(4096) == b'' for visitor in refused), 'a ninth visitor is told so')

    # Megabytes, while all but one do not read.
    heard = []

    def listen():
        try:
            while not heard or heard[-1] > 0:
                heard.append(len(one.recv(8192)))
        except OSError:
            pass

    listener = threading.Thread(target=listen)
    listener.start()
    block = (b'%060d\r\n' % 7) * 64
    for _ in range(400):
        os.write(monitor.slave, block)
    log, old = (os.path.join(monitor.directory, name) for name in ('console.log', 'console.log.1'))
    eventually(5, lambda: os.path.exists(old), 'the log is turned over')
    check(size_of(log) <= LOG_MAX and size_of(old) <= LOG_MAX, 'the log is bounded')
    # One leaves in the middle of its packets, the others by and by.
    one.send(b'ibye')
    one.shutdown(socket.SHUT_RDWR)
    listener.join()
    check(sum(heard) > 100000, 'who reads sees the flood')
    one.close()
    for visitor in deaf + refused:
        visitor.close()
    eventually(5, lambda: monitor.descriptors() == before, f'visitors leave no descriptors: {before}, {monitor.descriptors()}')


def memory(monitor):
    """Kills, and five windows of two seconds in which everything waits."""
    # It knows by now how many there were before.
    time.sleep(2)
    monitor.put('kills', 'oom 1\noom_kill 3\n')
    begin = time.monotonic()
    line = 'some avg10=0.00 avg60=0.00 avg300=0.00 total={0}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={0}\n'
    wanted = [f'--root / notice c1 {word}' for word in ('killed', 'stalled', 'waiting')]
    while time.monotonic() < begin + 25 and not all(words in monitor.told() for words in wanted):
        waited = int((time.monotonic() - begin) * 1000000)
        monitor.put('memory', line.format(waited))
        monitor.put('io', line.format(waited))
        os.eventfd_write(monitor.events, 1)
        time.sleep(0.1)
    check(all(words in monitor.told() for words in wanted), f'kills and stalls are told: {monitor.told()}')


def whole_life(program, directory):
    monitor = Monitor(program, directory)
    # The kernel may speak before anybody listens.
    os.eventfd_write(monitor.events, 1)
    monitor.release()
    stalls = threading.Thread(target=lambda: results.append(attempt(memory, monitor)))
    results = []
    stalls.start()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        os.kill(monitor.pid, number)
    results += [attempt(notify, monitor), attempt(visit, monitor)]
    stalls.join()
    if results != [None] * 3:
        end(monitor)
        raise AssertionError(results)
    time.sleep(0.5)
    os.unlink(monitor.command)
    os.write(monitor.slave, b'last words')
    os.kill(monitor.init, signal.SIGKILL)
    check(monitor.wait() == 1, 'without its program it fails')
    with open(os.path.join(directory, 'console.log'), 'rb') as file:
        check(file.read().endswith(b'last words'), 'what the guest wrote at its end is in the log')


def reboot(program, directory):
    monitor = Monitor(program, directory)
    monitor.release()
    monitor.visit().send(b'ihello')
    check(monitor.read_guest(5) == b'hello', 'it serves')
    os.kill(monitor.init, signal.SIGHUP)
    check(monitor.wait() == 0 and monitor.told() == ['--root / after-exit c1 reboot'], f'a reboot is told: {monitor.told()}')


def not_released(program, directory):
    monitor = Monitor(program, directory)
    os.unlink(monitor.command)
    monitor.host.recv(8192)
    monitor.host.close()
    # Valgrind before 3.21 does not know pidfd_send_signal(2): then it is done here.
    time.sleep(0.5)
    if os.path.exists(f'/proc/{monitor.init}'):
        os.kill(monitor.init, signal.SIGKILL)
    check(monitor.wait() == 1, 'a monitor that is not released ends its init and itself')
    check(not os.path.exists(f'/proc/{monitor.init}'), 'its init has ended')


def end(monitor):
    """After a failure: with its init the monitor ends."""
    for pid in (monitor.init, monitor.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def attempt(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:  # a monitor that dies shows as anything: no data to unpack, no number
        return f'{function.__name__}: {error!r} {error}'
    return None


def main():
    top = tempfile.mkdtemp(prefix='berth-monitor.')
    failures = [attempt(function, sys.argv[1], os.path.join(top, function.__name__)) for function in (not_released, reboot, whole_life)]
    shutil.rmtree(top)
    failures = [failure for failure in failures if failure]
    print('\n'.join(failures) if failures else 'the monitor keeps its memory and its descriptors in order')
    return 1 if failures else 0


sys.exit(main())
