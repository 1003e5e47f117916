# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A disk with a write cache that loses power: an NBD server for one machine. What is written stays in memory until the machine flushes; cut() writes a chosen
part of the rest, sector by sector and in no order, and forgets what remains, as a disk does.
"""
import os
import socket
import struct
import threading

SECTOR = 512
OPTION_MAGIC, OPTION_REPLY, REQUEST, REPLY = b"IHAVEOPT", 0x3E889045565A9, 0x25609513, 0x67446698
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7
ACK, INFO_EXPORT, UNSUPPORTED = 1, 3, 0x80000001
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FLAGS = 1 | 4 | 8	# there are flags, FLUSH, FUA
FUA = 1


class Disk:
    def __init__(self, image, path):
        self.image = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.image).st_size
        self.cache = {}
        self.lost = self.kept = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            # qemu may look at the disk and come again.
            while True:
                self.peer, _ = self.listener.accept()
                with self.peer:
                    try:
                        if self.negotiate():
                            self.transmit()
                    except ConnectionError:
                        pass
        except OSError:
            pass

    def receive(self, length):
        data = bytearray()
        while len(data) < length:
            more = self.peer.recv(length - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return bytes(data)

    def answer(self, option, kind, data=b""):
        self.peer.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)

    def negotiate(self):
        self.peer.sendall(b"NBDMAGIC" + OPTION_MAGIC + struct.pack(">H", 3))
        self.receive(4)
        while True:
            _, option, length = struct.unpack(">8sII", self.receive(16))
            self.receive(length)
            if option == EXPORT_NAME:
                self.peer.sendall(struct.pack(">QH", self.size, FLAGS))
                return True
            if option in (INFO, GO):
                self.answer(option, INFO_EXPORT, struct.pack(">HQH", 0, self.size, FLAGS))
                self.answer(option, ACK)
                if option == GO:
                    return True
            elif option == ABORT:
                self.answer(option, ACK)
                return False
            else:
                self.answer(option, UNSUPPORTED)

    def transmit(self):
        while True:
            _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self.receive(28))
            data = b""
            if kind == WRITE:
                self.write(offset, self.receive(length))
            elif kind == READ:
                data = self.read(offset, length)
            elif kind == DISCONNECT:
                return
            if kind == FLUSH or flags & FUA:
                self.flush()
            self.peer.sendall(struct.pack(">IIQ", REPLY, 0, handle) + data)

    def read(self, offset, length):
        data = bytearray(os.pread(self.image, length, offset))
        for at in range(0, length, SECTOR) if self.cache else ():
            sector = self.cache.get((offset + at) // SECTOR)
            if sector:
                data[at:at + SECTOR] = sector
        return bytes(data)

    def write(self, offset, data):
        for at in range(0, len(data), SECTOR):
            self.cache[(offset + at) // SECTOR] = data[at:at + SECTOR]

    def store(self, sectors):
        for sector in sectors:
            os.pwrite(self.image, self.cache[sector], sector * SECTOR)

    def flush(self):
        self.store(self.cache)
        self.cache.clear()

    def cut(self, chance, part):
        """After the machine has ended: each sector that was not flushed is on the disk with this probability."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        kept = [sector for sector in self.cache if chance.random() < part]
        self.store(kept)
        self.kept, self.lost = len(kept), len(self.cache) - len(kept)
        self.cache.clear()
        self.listener.close()
        os.close(self.image)
