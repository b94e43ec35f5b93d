"""Web requests: each hop of a redirect is permitted, or refused, by itself."""

from __future__ import annotations

from time import monotonic
from typing import Final, TypeAlias, Unpack

import httpx

from llmspell import __version__
from llmspell.errors import HttpError, InvalidArgument, PermissionDenied
from llmspell.permissions import Permissions
from llmspell.permissions.denial import denied
from llmspell.permissions.net_entries import exact_host
from llmspell.services.http.asked import Asked, Options, asked, check_url
from llmspell.services.http.body import read_body, text_of
from llmspell.services.http.network import PermittedNetwork
from llmspell.services.http.problems import FAILURES, failure, origin
from llmspell.services.http.quiet import unlogged
from llmspell.services.http.transport import Transport
from llmspell_bridges.limits import remaining_s
from llmspell_bridges.values import Value

__all__ = ["Web"]

_MOST_REDIRECTS: Final = 10
_PORTS: Final = {"http": 80, "https": 443}
#: What goes along when a redirect leads to another server; the rest may be credentials.
_HARMLESS_HEADERS: Final = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    ]
)

#: An answer as scripts get it, or nothing when there is to be another request.
Answer: TypeAlias = dict[str, Value] | None


class Web:
    """Sends the requests that ``permissions`` include, over connections kept until ``close``."""

    def __init__(self, permissions: Permissions, *, max_bytes: int) -> None:
        self._permissions = permissions
        self._max_bytes = max_bytes
        self._network = PermittedNetwork(permissions.net)
        self._client = httpx.Client(
            transport=Transport(self._network),
            trust_env=False,
            # The deadline bounds all of a request; single phases have no limits of their own.
            timeout=None,
            headers={"user-agent": f"llmspell/{__version__}", "accept-encoding": "gzip"},
        )

    def request(self, url: str, **options: Unpack[Options]) -> dict[str, Value]:
        """Send a request and return the answer. Raises ``HttpError``, among others."""
        wanted = asked(url, options, most_bytes=self._max_bytes)
        self._check(wanted.url)
        timeout_s = remaining_s(wanted.timeout_s)
        self._network.deadline = monotonic() + timeout_s
        self._client.cookies.clear()
        request = self._client.build_request(
            wanted.method, wanted.url, headers=wanted.headers, content=wanted.content
        )
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                with unlogged():
                    answer, following = self._sent(request, wanted)
            except FAILURES as error:
                raise failure(error, request.url, timeout_s) from None
            if answer is not None:
                return answer
            request = self._redirected(request, following)
        raise HttpError(
            f"{origin(wanted.url)} leads to more than {_MOST_REDIRECTS} redirects",
            hint="look at where they lead with follow_redirects = false",
            reason="too_many_redirects",
            url=origin(wanted.url),
        )

    def _sent(self, request: httpx.Request, wanted: Asked) -> tuple[Answer, httpx.Request]:
        """Send one request; return the answer, or ``None`` and the request it redirects to."""
        response = self._client.send(request, stream=True, follow_redirects=False)
        try:
            if wanted.follow_redirects and response.next_request:
                return None, response.next_request
            return _answer(response, wanted), request
        finally:
            response.close()

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def _check(self, url: httpx.URL) -> None:
        """Refuse a host that is not permitted, before its name is even looked up."""
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        try:
            exact_host(host)
        except InvalidArgument:
            raise InvalidArgument("the url names no host", parameter="url") from None
        if not self._permissions.allows_net(host, port):
            shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            raise denied("net", shown, f"connecting to '{shown}' is not permitted")

    def _redirected(self, old: httpx.Request, new: httpx.Request) -> httpx.Request:
        """Check where a redirect leads, and leave behind what is not meant for there."""
        shown = origin(old.url)
        # A password in a Location is not the script's to send.
        new.url = new.url.copy_with(userinfo=b"")
        if old.url.scheme == "https" and new.url.scheme == "http":
            raise HttpError(
                f"{shown} redirects to an address without encryption",
                hint="if that is fine, take follow_redirects = false and send it there yourself",
                reason="insecure_redirect",
                url=shown,
            )
        try:
            check_url(new.url)
            self._check(new.url)
        except InvalidArgument:
            raise HttpError(
                f"{shown} redirects to what is no web address", reason="bad_redirect", url=shown
            ) from None
        except PermissionDenied as error:
            error.message = f"{shown} redirects, and {error.message}"
            error.args = (error.message,)
            raise
        if origin(new.url) != shown:
            for name in [name for name in new.headers if name not in _HARMLESS_HEADERS]:
                del new.headers[name]
        return new


def _answer(response: httpx.Response, wanted: Asked) -> dict[str, Value]:
    data = read_body(response, wanted.max_bytes)
    headers = _headers(response)
    body = data if wanted.as_bytes else text_of(data, headers.get("content-type", ""))
    return {
        "status": response.status_code,
        "headers": headers,
        "body": body,
        "url": str(response.url),
    }


def _headers(response: httpx.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # Cookies hold commas of their own.
        divider = "\n" if name == "set-cookie" else ", "
        headers[name] = f"{headers[name]}{divider}{value}" if name in headers else value
    return headers
