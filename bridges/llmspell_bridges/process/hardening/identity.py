"""Who the workers are: nobody, without a capability."""

from __future__ import annotations

import os
import struct
from typing import Final

from llmspell_bridges.process.hardening.libc import address_of, libc_call, prctl
from llmspell_bridges.process.measures import Measure, attempt

__all__ = ["become_nobody"]

_NOBODY: Final = 65534
_DROP_FROM_BOUND: Final = 24
_CAPABILITY_VERSION: Final = 0x20080522


def become_nobody() -> Measure:
    """Give up root where this process is root, and every capability in any case."""
    return attempt("no privileges", _become_nobody)


def _become_nobody() -> str:
    _empty_bound()
    shown = "no capabilities"
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            shown += f", user {_NOBODY}"
        except OSError:
            pass  # in a user namespace of its own: root of nothing
    header, _keep = address_of(struct.pack("<Ii", _CAPABILITY_VERSION, 0))
    nothing, _keep_too = address_of(bytes(24))
    libc_call("capset", header, nothing)
    return shown


def _empty_bound() -> None:
    for capability in range(64):
        try:
            prctl(_DROP_FROM_BOUND, capability)
        except OSError:
            return  # no more of them, or not allowed to: it has none to lose
