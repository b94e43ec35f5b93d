"""The socket between a host and its spawner: what to fork, what to end, and how something ended.

Messages to the spawner are a header (what, a number, a length) and a payload; a ``SPAWN`` carries
the worker's end of its socket. The only answer is that to ``ASK``.
"""

from __future__ import annotations

import array
import socket
from enum import IntEnum
from struct import Struct
from typing import Final

__all__ = ["ANSWER", "MESSAGE", "NOT_FORKED", "Order", "read_exactly", "receive_order"]

MESSAGE: Final = Struct("<BIII")
ANSWER: Final = Struct("<Ii")
#: What ``ASK`` is told of a worker that could not be forked: this, plus the system's errno.
NOT_FORKED: Final = 1 << 16
_DESCRIPTOR: Final = array.array("i").itemsize


class Order(IntEnum):
    """What the host tells the spawner. The number is a worker's or a description's."""

    DESCRIBE = 1  # keep this description under this number (its bytes)
    FORGET = 2  # drop the description of this number
    SPAWN = 3  # fork the worker of this number for that description (a descriptor goes along)
    END = 4  # end the worker of this number
    ASK = 5  # end it and answer how it ended


def receive_order(control: socket.socket) -> tuple[Order, int, int, bytes, int] | None:
    """Return an order, its two numbers, payload and descriptor (-1: none); ``None`` at the end."""
    ancillary_bytes = socket.CMSG_LEN(_DESCRIPTOR)
    data, ancillary, _, _ = control.recvmsg(MESSAGE.size, ancillary_bytes)
    if not data:
        return None
    descriptors = array.array("i")
    for level, kind, carried in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(carried[: len(carried) - len(carried) % _DESCRIPTOR])
    data += read_exactly(control, MESSAGE.size - len(data))
    order, number, second, length = MESSAGE.unpack(data)
    payload = read_exactly(control, length)
    return Order(order), number, second, payload, descriptors[0] if descriptors else -1


def read_exactly(sock: socket.socket, length: int) -> bytes:
    """Return so many bytes. Raises ``EOFError`` when the other side is gone before that."""
    parts = []
    while length:
        part = sock.recv(min(length, 1 << 20))
        if not part:
            raise EOFError("the other side is gone")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
