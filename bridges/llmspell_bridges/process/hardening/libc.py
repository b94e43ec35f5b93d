"""The system calls that Python has no function for. The only file here that uses ctypes."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Any

from llmspell_bridges.process.measures import Unsupported

__all__ = ["address_of", "libc_call", "prctl", "syscall"]


@cache
def _libc() -> ctypes.CDLL:
    if not sys.platform.startswith("linux"):
        raise Unsupported("only Linux has it")
    return ctypes.CDLL(None, use_errno=True)


def libc_call(function: str, *arguments: Any) -> int:
    """Call a function of the C library; raise ``OSError`` when it returns -1.

    Integers go as ``long``, which on the systems that have all this is as wide as an address.
    """
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = getattr(_libc(), function)(*wide)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, *arguments: int) -> int:
    """Call ``prctl``."""
    return libc_call("prctl", option, *(*arguments, 0, 0, 0, 0)[:4])


def syscall(number: int, *arguments: int) -> int:
    """Make a system call by its number; what is not there raises ``Unsupported``."""
    try:
        return libc_call("syscall", number, *arguments)
    except OSError as error:
        if error.errno == 38:  # ENOSYS
            raise Unsupported("this kernel does not have it") from None
        raise


def address_of(data: bytes) -> tuple[int, Any]:
    """Return the address of a copy of some bytes, and what keeps the copy alive."""
    buffer = ctypes.create_string_buffer(data, len(data))
    return ctypes.addressof(buffer), buffer
