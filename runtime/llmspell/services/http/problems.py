"""What can go wrong with a web request, in words that show no more of its address than the host."""

from __future__ import annotations

import ssl
from typing import Final

import httpcore
import httpx

from llmspell.errors import HttpError

__all__ = ["FAILURES", "failure", "origin"]

#: The kind of error -> (reason, what happened)
_REASONS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (ssl.SSLCertVerificationError, "tls", "has a certificate that cannot be trusted"),
    (ssl.SSLError, "tls", "cannot be spoken to securely"),
    (ConnectionRefusedError, "refused", "refuses the connection"),
    (httpcore.ConnectError, "unreachable", "cannot be reached"),
    (httpcore.NetworkError, "disconnected", "ended the connection"),
    (httpcore.ProtocolError, "protocol", "does not answer as a web server does"),
    (httpx.InvalidURL, "bad_redirect", "redirects to an address that cannot be read"),
    (httpx.RemoteProtocolError, "bad_redirect", "redirects to an address that cannot be read"),
)
#: What a client may raise, as one tuple for an ``except``.
FAILURES: Final[tuple[type[Exception], ...]] = (
    httpcore.TimeoutException,
    *(kind for kind, _, _ in _REASONS),
)


def failure(error: Exception, url: httpx.URL, timeout_s: float) -> HttpError:
    """Return what a failure of the network means for a request."""
    shown = origin(url)
    if isinstance(error, httpcore.TimeoutException):
        return HttpError(
            f"{shown} did not answer in full within {timeout_s:g} s",
            hint="raise timeout_s, up to what the run itself may last",
            reason="timeout",
            url=shown,
        )
    causes = [error, error.__cause__, error.__context__]
    for kind, reason, text in _REASONS:
        for cause in causes:
            if isinstance(cause, kind):
                return HttpError(f"{shown} {text}{_more(cause)}", reason=reason, url=shown)
    return HttpError(f"{shown} failed ({type(error).__name__})", reason="protocol", url=shown)


def _more(cause: Exception) -> str:
    """Return what the library says of a certificate: it is about the host alone."""
    said = getattr(cause, "verify_message", "")
    return f": {said}" if said else ""


def origin(url: httpx.URL) -> str:
    """Return scheme, host and port: what follows them may hold passwords."""
    port = "" if url.port is None else f":{url.port}"
    host = url.raw_host.decode("ascii")
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}"
