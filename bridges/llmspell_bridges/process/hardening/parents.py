"""Ending with the parent, and what else ``prctl`` forbids a process for good."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

from llmspell_bridges.process.hardening.libc import prctl
from llmspell_bridges.process.measures import Unsupported

__all__ = ["die_with_parent", "forbid_dumps", "forbid_new_privileges"]

_SET_PDEATHSIG: Final = 1
_SET_DUMPABLE: Final = 4
_SET_NO_NEW_PRIVS: Final = 38


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends; end now if that is already so.

    ``parent`` is 0 for one outside this process's namespace. Where there is no such thing the
    closed socket ends it.
    """
    with suppress(Unsupported, OSError):
        prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def forbid_new_privileges() -> str:
    """Keep set-user-id programs from giving this process or its children anything."""
    prctl(_SET_NO_NEW_PRIVS, 1)
    return "no program can give it privileges"


def forbid_dumps() -> str:
    """Keep other processes of the same user from reading this one's memory."""
    prctl(_SET_DUMPABLE, 0)
    return "no core dumps, no debugger"
