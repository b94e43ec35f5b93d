"""The connections of web requests: to addresses that are permitted, until a deadline.

A name is looked up once, and the connection goes to an address that was looked at: a name that
means another address a moment later changes nothing.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable
from ipaddress import ip_address
from time import monotonic
from typing import Any, Final

import httpcore

from llmspell.errors import HttpError
from llmspell.permissions import Grant
from llmspell.permissions.denial import denied
from llmspell.permissions.net_entries import allows_address

__all__ = ["PermittedNetwork"]

#: What is handed to the system at once: it waits for room for this much, then time is looked at.
_PIECE_BYTES: Final = 4096
#: A look-up that nobody waits for any more goes on; there shall not be many of them.
_lookups: Final = threading.BoundedSemaphore(16)


class PermittedNetwork(httpcore.NetworkBackend):
    """Connects to what ``net`` permits. ``deadline`` is on the monotonic clock."""

    def __init__(self, net: Grant) -> None:
        self._net = net
        self._sockets = httpcore.SyncBackend()
        self.deadline = 0.0

    def left_s(self) -> float:
        """Return the time left. Raises a timeout when there is none."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that is permitted and answers."""
        addresses = self._permitted(host, port, _looked_up(host, port, self.left_s()))
        for number, address in enumerate(addresses):
            # One that does not answer must leave time for the others.
            share = self.left_s() / (len(addresses) - number)
            try:
                stream = self._sockets.connect_tcp(address, port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
                continue
            return _Stream(stream, self)
        raise httpcore.ConnectError

    def _permitted(self, host: str, port: int, addresses: list[str]) -> list[str]:
        net = self._net
        if net is True:
            return addresses
        permitted = [
            address
            for address in addresses
            if allows_address(net, host, ip_address(address.partition("%")[0]), port)
        ]
        if not permitted:
            shown, address = f"{host}:{port}", addresses[0].partition("%")[0]
            raise denied(
                "net",
                shown,
                f"'{shown}' leads to a private address, which the permission for the name "
                "does not include",
                shown,
                f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
            )
        return permitted


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline of the present request."""

    def __init__(self, stream: httpcore.NetworkStream, network: PermittedNetwork) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._network.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[start : start + _PIECE_BYTES]
            self._stream.write(piece, timeout=self._network.left_s())

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._network.left_s()
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout=left)
        return _Stream(secure, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _looked_up(host: str, port: int, timeout_s: float) -> list[str]:
    """Return the addresses of a host; the system's own look-up knows no limit of time."""
    found: list[str] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError):
            pass  # it is not known, for whatever reason
        finally:
            _lookups.release()

    until = monotonic() + timeout_s
    if not _lookups.acquire(timeout=timeout_s):
        raise httpcore.ConnectTimeout
    thread = threading.Thread(target=look_up, name="llmspell-lookup", daemon=True)
    thread.start()
    thread.join(max(0.0, until - monotonic()))
    if thread.is_alive():
        raise httpcore.ConnectTimeout
    if not found:
        raise HttpError(
            f"the host '{host}' is not known",
            hint="check its spelling, and that names can be looked up here",
            reason="dns",
            host=host,
        )
    return found
