"""What crosses the socket between the host and a worker: frames of a kind, a number and bytes.

A frame is a header of seven bytes (kind, number, length) and its payload. The two sides take turns:
the host asks for something, the worker answers ``VALUE`` or ``ERROR``, and in between it may call
the host (``CALL``, answered by ``REPLY``, ``YES`` or ``NO``) or tell a warning.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

__all__ = ["HEADER", "MAX_PAYLOAD_BYTES", "READ_BYTES", "Frame", "Kind", "framed"]

HEADER: Final = Struct("<BHI")
#: More than any limit on one value allows; a worker that announces more is not one of ours.
MAX_PAYLOAD_BYTES: Final = 1 << 30
READ_BYTES: Final = 1 << 16


class Kind(IntEnum):
    """What a frame means; the payload stands in brackets."""

    ASK = 1  # host: do this (a JSON list of texts: what, and its arguments)
    REPLY = 2  # host: what the called function replies
    YES = 3  # host: the answer is true
    NO = 4  # host: the answer is false
    READY = 10  # worker: the sandbox is built (what confines the worker, as JSON)
    CALL = 11  # worker: call the function of this number (its arguments)
    WARNING = 12  # worker: a mistake of the script that is no error (a line of text)
    VALUE = 13  # worker: what was asked for (a value as wire text)
    ERROR = 14  # worker: it failed (an error as wire text)


class Frame(NamedTuple):
    """One frame that arrived whole."""

    kind: int
    number: int
    payload: bytes


def framed(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """Return a frame's bytes."""
    return HEADER.pack(kind, number, len(payload)) + payload
