"""Disks that fill up, get slow or break: a small tmpfs, and the library of disk.c."""

import errno
import mmap
import os
import struct
import subprocess

from cluster import Skip

LIBRARY = os.environ.get("PARKMESH_FAULTS_DISK", "")
ROOMY = 1 << 30
FIELDS = ("sync_errno", "write_errno", "read_errno", "sync_delay_us", "which", "spare", "failed")
WHICH = {"every": 0, "wal": 1, "database": 2}


class SmallDisk:
    """A tmpfs over a directory. Being full is a matter of its size, so it costs no memory. Lives in
    the mount namespace of the test."""

    def __init__(self, directory):
        self.directory = directory
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % ROOMY, "disk", directory],
                       check=True)

    def _resize(self, size):
        subprocess.run(["mount", "-o", "remount,size=%d" % size, self.directory], check=True)

    def used(self):
        room = os.statvfs(self.directory)
        return (room.f_blocks - room.f_bfree) * room.f_frsize

    def fill(self, leave=0):
        """Only `leave` bytes are free from now on; fewer while something is being written."""
        for _ in range(50):
            try:
                self._resize(self.used() + max(leave, 4096))
                return
            except subprocess.CalledProcessError:
                continue  # it grew in between
        raise OSError(errno.EBUSY, "the disk grows faster than it can be made small")

    def free(self):
        self._resize(ROOMY)

    def unmount(self):
        subprocess.run(["umount", "-l", self.directory], check=False)


class Disk:
    """Faults of one central's disk, turned on and off while it runs. Start it with `env`."""

    def __init__(self, path):
        if not os.path.exists(LIBRARY):
            raise Skip("needs the library of tests/faults/disk.c ($PARKMESH_FAULTS_DISK)")
        with open(path, "wb") as file:
            file.write(bytes(4 * len(FIELDS)))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4 * len(FIELDS))
        self.env = {"LD_PRELOAD": LIBRARY, "PARKMESH_DISK": path}

    def _set(self, name, value):
        struct.pack_into("=i", self.memory, 4 * FIELDS.index(name), value)

    def failed(self):
        """Calls that failed since the last `heal`."""
        return struct.unpack_from("=i", self.memory, 4 * FIELDS.index("failed"))[0]

    def slow(self, seconds):
        self._set("sync_delay_us", int(seconds * 1e6))

    def break_down(self, *what, which="every", spare=0, error=errno.EIO):
        """`what`: of "sync", "write", "read". They fail from the call after `spare` good ones on."""
        self._set("failed", 0)
        self._set("which", WHICH[which])
        self._set("spare", spare)
        for name in what:
            self._set(name + "_errno", error)

    def heal(self):
        for name in FIELDS:
            self._set(name, 0)
