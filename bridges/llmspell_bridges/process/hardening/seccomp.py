"""seccomp: every system call is refused that is not on a short list."""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

from llmspell_bridges.process.hardening.libc import address_of, prctl
from llmspell_bridges.process.hardening.system_calls import ARCHITECTURES, Architecture
from llmspell_bridges.process.measures import Unsupported

__all__ = ["filter_program", "forbid_system_calls"]

_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

# The instructions of the kernel's filter machine, and where it finds what it looks at.
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_THIRD_ARGUMENT_AT: Final = 32

_KILL: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
# Refused, not killed: a library that only asks (for the time zone, say) goes on as it would
# without an answer, and what breaks out gains nothing by asking again.
_REFUSE: Final = 0x00050000 | errno.EPERM
_EXECUTABLE: Final = 4


def filter_program(architecture: Architecture) -> bytes:
    """Return the filter: ``(operation, skip if true, skip if false, operand)`` after another."""
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if architecture.foreign is not None:
        program += [(_IF_AT_LEAST, 0, 1, architecture.foreign), (_RETURN, 0, 0, _KILL)]
    for number in architecture.allowed:
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in architecture.guarded:
        program += [
            (_IF_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT_AT),
            (_IF_ANY_BIT, 0, 1, _EXECUTABLE),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    program.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def forbid_system_calls() -> str:
    """Install the filter, for good. Needs no-new-privileges first."""
    machine = os.uname().machine
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        raise Unsupported(f"there is no list of system calls for {machine}")
    program = filter_program(architecture)
    at, _keep = address_of(program)
    header, _keep_too = address_of(struct.pack("@HP", len(program) // 8, at))
    prctl(_SET_SECCOMP, _MODE_FILTER, header)
    return f"{len(architecture.allowed) + len(architecture.guarded)} system calls are allowed"
