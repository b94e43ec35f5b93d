"""The host's end of the socket to a worker, which may send anything, or nothing, at any time."""

from __future__ import annotations

import select
import socket
from math import ceil
from time import monotonic, perf_counter
from typing import Final

from llmspell_bridges.process.frames import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    READ_BYTES,
    Frame,
    Kind,
    framed,
)

__all__ = ["HostChannel", "TimedOut", "Violation", "WorkerLost"]

# How long to ask without sleeping after a call was answered: most scripts that call once call
# again at once, and to be woken up costs as much as this.
_SPIN_S: Final = 20e-6


class WorkerLost(Exception):
    """The worker closed its end: it has ended, or is about to."""


class TimedOut(Exception):
    """The deadline passed."""


class Violation(Exception):
    """The worker sent what no worker of ours sends."""


class HostChannel:
    """Sends and receives frames until ``deadline``, a moment of the monotonic clock or ``None``.

    One thread uses it at a time. Raises ``WorkerLost``, ``TimedOut`` and ``Violation``.
    """

    def __init__(self, sock: socket.socket, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._received = b""
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable.register(sock, select.POLLOUT)
        self.max_payload_bytes = max_payload_bytes
        self.deadline: float | None = None

    def send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        data = framed(kind, number, payload)
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise WorkerLost from error
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, rest: memoryview) -> None:
        while rest:
            self._wait(self._writable)
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise WorkerLost from error

    def receive(self) -> Frame:
        """Return the next frame."""
        data = self._received or self._read()
        while len(data) < HEADER.size:
            data += self._read()
        kind, number, length = HEADER.unpack_from(data)
        if length > self.max_payload_bytes:
            raise Violation(f"a frame of {length} bytes")
        end = HEADER.size + length
        if len(data) < end:
            parts, missing = [data], end - len(data)
            while missing > 0:
                parts.append(self._read())
                missing -= len(parts[-1])
            data = b"".join(parts)
        self._received = data[end:]
        return Frame(kind, number, data[HEADER.size : end])

    def receive_soon(self) -> Frame:
        """Return the next frame, which is expected at once."""
        if not self._received:
            recv, until = self._socket.recv, perf_counter() + _SPIN_S
            # Bounded by time, not by count: each turn may hand the interpreter to another thread.
            while perf_counter() < until:
                try:
                    data = recv(READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise WorkerLost from error
                if not data:
                    raise WorkerLost
                self._received = data
                break
        return self.receive()

    @property
    def is_idle(self) -> bool:
        """Whether the worker neither sent anything that was not asked for nor ended."""
        return not self._received and not self._readable.poll(0)

    def _read(self) -> bytes:
        while True:
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                self._wait(self._readable)
                continue
            except OSError as error:
                raise WorkerLost from error
            if not data:
                raise WorkerLost
            return data

    def _wait(self, poll: select.poll) -> None:
        if self.deadline is None:
            poll.poll()
            return
        left_s = self.deadline - monotonic()
        if left_s <= 0:
            raise TimedOut
        poll.poll(ceil(left_s * 1000))

    def close(self) -> None:
        """Close the socket; what the worker then sends or waits for ends it."""
        self._socket.close()
