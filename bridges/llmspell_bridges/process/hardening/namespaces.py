"""Namespaces: a world without other processes, network, or files."""

from __future__ import annotations

import os
from typing import Final

from llmspell_bridges.process.hardening.libc import libc_call
from llmspell_bridges.process.measures import Measure, Unsupported, attempt

__all__ = ["enter_empty_root", "enter_namespaces"]

_USER: Final = 0x10000000
_PROCESSES: Final = 0x20000000
#: By what they keep away.
_OTHERS: Final = {
    "mounts": 0x00020000,
    "host name": 0x04000000,
    "System V and POSIX queues": 0x08000000,
    "network": 0x40000000,
    "processes": _PROCESSES,
}
_MOUNT_PRIVATE: Final = 0x4000 | 0x40000
_MOUNT_OPTIONS: Final = 0x1 | 0x2 | 0x4 | 0x8  # read-only, no set-user-id, devices, programs
# A folder that every Linux has; what is in it is hidden by what is mounted on it.
_FOLDER: Final = b"/proc"


def enter_namespaces() -> Measure:
    """Leave the host's namespaces; children of this process are then in a world of their own."""
    return attempt("namespaces", _enter)


def _enter() -> str:
    flags = sum(_OTHERS.values())
    if os.geteuid() == 0:
        try:
            # The user stays: being somebody without privileges comes later.
            libc_call("unshare", flags)
            return f"own {', '.join(_OTHERS)}"
        except OSError:
            pass  # root of a container often may not; a user's way is worth trying
    user, group = os.geteuid(), os.getegid()
    libc_call("unshare", _USER | flags)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return f"own users, {', '.join(_OTHERS)}"


def enter_empty_root(namespaces: Measure) -> Measure:
    """Make an empty, read-only folder the root of all files."""

    def enter() -> str:
        if not namespaces.active:
            raise Unsupported("it needs namespaces")
        libc_call("mount", None, b"/", None, _MOUNT_PRIVATE, None)
        libc_call("mount", b"none", _FOLDER, b"tmpfs", _MOUNT_OPTIONS, b"size=4k")
        os.chroot(_FOLDER)
        os.chdir("/")
        return "the root folder is empty"

    return attempt("empty root", enter)
