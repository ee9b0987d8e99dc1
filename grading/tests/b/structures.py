"""Linux's structures and constants as x86-64 programs see them, decoded on the host's side.

Source: Linux, include/uapi/asm-generic/{fcntl,stat}.h, arch/x86/entry/syscalls/syscall_64.tbl, getdents64(2), statfs(2).
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass

NUMBERS = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "pread64": 17,
    "pwrite64": 18, "readv": 19, "writev": 20, "pipe": 22, "dup": 32, "dup2": 33, "getpid": 39, "fcntl": 72, "fsync": 74,
    "fdatasync": 75, "truncate": 76, "ftruncate": 77, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82, "mkdir": 83,
    "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90, "lchown": 94,
    "access": 21, "setuid": 105, "setgid": 106, "mknod": 133, "statfs": 137, "sync": 162, "mount": 165, "umount2": 166, "reboot": 169,
    "getdents64": 217, "openat": 257, "utimensat": 280, "dup3": 292, "pipe2": 293,
}  # fmt: skip

AT_FDCWD = -100
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
FD_CLOEXEC = 1
MS_RDONLY, ST_RDONLY = 1, 1
SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2
DT = {"fifo": 1, "char": 2, "directory": 4, "block": 6, "file": 8, "symlink": 10, "socket": 12}  # d_type, and st_mode >> 12
KINDS = {number: kind for kind, number in DT.items()}
OPEN_FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND", "O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW",
              "O_CLOEXEC", "O_PATH")  # fmt: skip

STAT = struct.Struct("<QQQIII4xQqqq6q24x")
STATFS = struct.Struct("<15q")
ENTRY = struct.Struct("<QqHB")


def error_name(number: int) -> str:
    """ENOENT for 2."""
    return errno.errorcode.get(number, f"errno {number}")


def flags_text(flags: int) -> str:
    """open()'s flags as a C program would write them."""
    names = [name for name in OPEN_FLAGS if flags & getattr(os, name) == getattr(os, name)]
    if not flags & os.O_ACCMODE:
        names.insert(0, "O_RDONLY")
    return "|".join(names)


@dataclass(frozen=True)
class Stat:
    """struct stat. Times in nanoseconds since 1970."""

    device: int
    inode: int
    links: int
    mode: int
    owner: int
    group: int
    special: int  # st_rdev
    size: int
    block_size: int
    sectors: int
    atime: int
    mtime: int
    ctime: int

    @classmethod
    def decode(cls, data: bytes) -> Stat:
        """From the 144 bytes that stat() writes."""
        fields = STAT.unpack(data)
        times = fields[10:]
        return cls(*fields[:10], *(times[i] * 1_000_000_000 + times[i + 1] for i in (0, 2, 4)))

    @property
    def kind(self) -> str:
        """file, directory …"""
        return KINDS.get(self.mode >> 12, f"type {self.mode >> 12}")


@dataclass(frozen=True)
class StatFs:
    """struct statfs."""

    type: int
    block_size: int
    blocks: int
    free_blocks: int
    available: int
    files: int
    free_files: int
    flags: int

    @classmethod
    def decode(cls, data: bytes) -> StatFs:
        """From the 120 bytes that statfs() writes."""
        fields = STATFS.unpack(data)
        return cls(*fields[:7], fields[10])


@dataclass(frozen=True)
class DirEntry:
    """One record of getdents64()."""

    inode: int
    next: int  # d_off
    kind: str
    name: bytes


def decode_entries(data: bytes) -> list[DirEntry]:
    """The records that getdents64() wrote. Raises ValueError if they are malformed."""
    entries, at = [], 0
    while at < len(data):
        inode, following, length, kind = ENTRY.unpack_from(data, at)
        if length < 20 or at + length > len(data):
            raise ValueError(f"getdents64() wrote a record of {length} bytes at {at} of {len(data)}")
        name = data[at + ENTRY.size : at + length].split(b"\0")[0]
        entries.append(DirEntry(inode, following, KINDS.get(kind, f"type {kind}"), name))
        at += length
    return entries
