"""The worker's end of the socket to the host."""

from __future__ import annotations

import os
import socket
from typing import Final, NoReturn

from llmspell_bridges.process.frames import HEADER, READ_BYTES, Frame, Kind, framed

__all__ = ["WorkerChannel"]

# About 60 us of asking without sleeping: the host answers most calls within that time, and to
# be woken up costs half of that again.
_SPINS: Final = 100
_DONT_WAIT: Final = socket.MSG_DONTWAIT


class WorkerChannel:
    """Sends and receives frames. The host is trusted; when it is gone, so is this process."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        try:
            self._socket.sendall(framed(kind, number, payload))
        except OSError:
            _host_is_gone()

    def receive(self) -> Frame:
        """Return the next frame, however long it takes."""
        return self._rest(self._read())

    def receive_soon(self) -> Frame:
        """Return the next frame, which is expected at once."""
        recv = self._socket.recv
        for _ in range(_SPINS):
            try:
                data = recv(READ_BYTES, _DONT_WAIT)
            except BlockingIOError:
                continue
            except OSError:
                break
            return self._rest(data or _host_is_gone())
        return self.receive()

    def _rest(self, data: bytes) -> Frame:
        while len(data) < HEADER.size:
            data += self._read()
        kind, number, length = HEADER.unpack_from(data)
        missing = HEADER.size + length - len(data)
        if missing:
            parts = [data]
            while missing:
                parts.append(self._read(min(missing, 1 << 20)))
                missing -= len(parts[-1])
            data = b"".join(parts)
        return Frame(kind, number, data[HEADER.size :])

    def _read(self, most: int = READ_BYTES) -> bytes:
        try:
            return self._socket.recv(most) or _host_is_gone()
        except OSError:
            _host_is_gone()


def _host_is_gone() -> NoReturn:
    os._exit(0)
