"""httpx over connections of our own making: without proxies, retries or settings from outside."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from functools import cache

import certifi
import httpcore
import httpx

__all__ = ["Transport"]


class Transport(httpx.BaseTransport):
    """Sends requests over pools of connections that ``network`` makes."""

    def __init__(self, network: httpcore.NetworkBackend) -> None:
        self._network = network
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        """Return the pool for a scheme: to read the certificates takes longer than a request."""
        if scheme not in self._pools:
            context = _trusted() if scheme == "https" else None
            self._pools[scheme] = httpcore.ConnectionPool(
                ssl_context=context, network_backend=self._network
            )
        return self._pools[scheme]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is still to come."""
        url = request.url
        assert isinstance(request.stream, httpx.SyncByteStream)
        answer = self._pool(url.scheme).handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer.iter_stream())

    def close(self) -> None:
        self._answer.close()


@cache
def _trusted() -> ssl.SSLContext:
    """Return what certificates are checked with: those of the system and the usual ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
