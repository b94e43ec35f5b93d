"""What a script asks for, checked before anything is sent."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final, TypedDict

import httpx

from llmspell.errors import InvalidArgument
from llmspell.permissions.denial import shortened
from llmspell_bridges.values import Value
from llmspell_bridges.wire import plain_json

__all__ = ["Asked", "Options", "asked", "check_url"]

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SCHEMES: Final = ("https", "http")
_TIMEOUT_S: Final = 30.0
_LONGEST_TIMEOUT_S: Final = 3600.0
_LONGEST_URL: Final = 8192
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: What the connection itself needs, and what would let a request pass for another one.
_OWN_HEADERS: Final = frozenset(
    [
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


class Options(TypedDict, total=False):
    """The options of a request; the declaration of ``Http.request`` has seen to their types."""

    method: str
    headers: dict[str, Any]
    body: str | bytes
    json: Value
    timeout_s: float
    max_bytes: int
    follow_redirects: bool
    encoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it is to be sent, and what to do with the answer."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    content: bytes | None
    timeout_s: float
    max_bytes: int
    follow_redirects: bool
    as_bytes: bool


def asked(url: str, options: Options, *, most_bytes: int) -> Asked:
    """Check a request. Raises ``InvalidArgument`` and ``InvalidValue``."""
    headers = _headers(options.get("headers", {}))
    content, kind = _content(options)
    if kind is not None and "content-type" not in headers:
        headers["content-type"] = kind
    return Asked(
        method=_method(options.get("method", "GET")),
        url=_url(url),
        headers=headers,
        content=content,
        timeout_s=_timeout_s(options.get("timeout_s", _TIMEOUT_S)),
        max_bytes=_max_bytes(options.get("max_bytes", most_bytes), most_bytes),
        follow_redirects=options.get("follow_redirects", True),
        as_bytes=_as_bytes(options.get("encoding")),
    )


def _wrong(message: str, parameter: str = "options", hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(message, hint=hint, parameter=parameter)


def _method(text: str) -> str:
    method = text.upper()
    if method not in _METHODS:
        raise _wrong(f"unknown method '{shortened(text)}'", hint=f"methods: {', '.join(_METHODS)}")
    return method


def _url(text: str) -> httpx.URL:
    # Never shown: what is wrong with it may be a password in it.
    if len(text) > _LONGEST_URL:
        raise _wrong(f"the url has over {_LONGEST_URL} characters", "url")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise _wrong(
            "the url cannot be read", "url", "write it like https://example.com/x"
        ) from None
    check_url(url)
    return url


def check_url(url: httpx.URL) -> None:
    """Raise ``InvalidArgument`` for what a request cannot be sent to."""
    if url.scheme not in _SCHEMES or not url.host:
        raise _wrong("the url must start with https:// or http:// and a host", "url")
    if url.port is not None and not 0 < url.port < 65536:
        raise _wrong("the url has a port that is none", "url", "ports go from 1 to 65535")
    if url.userinfo:
        raise _wrong(
            "the url holds a user or password",
            "url",
            "send them in a header: Authorization = Basic ...",
        )


def _headers(given: dict[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name):
            raise _wrong("the name of a header holds characters that none may hold")
        if not isinstance(value, str) or not value.isascii() or not _HEADER_VALUE.fullmatch(value):
            raise _wrong(f"the header '{name}' must be text in one line, of ASCII characters")
        lower = name.lower()
        if lower in _OWN_HEADERS or lower.startswith("proxy-"):
            raise _wrong(f"the header '{name}' is set by the program, not by scripts")
        if lower in headers:
            raise _wrong(f"the header '{name}' is given twice")
        headers[lower] = value
    return headers


def _content(options: Options) -> tuple[bytes | None, str | None]:
    """Return what to send, and its type unless a header names it."""
    body, has_json = options.get("body"), "json" in options
    if body is not None and has_json:
        raise _wrong("give either body or json, not both")
    if has_json:
        return plain_json(options["json"]).encode(), "application/json"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return body, None


def _timeout_s(seconds: float) -> float:
    if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST_TIMEOUT_S):
        raise _wrong(f"timeout_s must be above 0 and at most {_LONGEST_TIMEOUT_S:g} seconds")
    return float(seconds)


def _max_bytes(count: int, most_bytes: int) -> int:
    if not 0 < count <= most_bytes:
        raise _wrong(
            f"max_bytes must be from 1 to {most_bytes}",
            hint="limits.value_bytes in the configuration bounds it",
        )
    return count


def _as_bytes(encoding: str | None) -> bool:
    if encoding not in (None, "bytes"):
        raise _wrong(
            f"unknown encoding '{shortened(encoding)}'",
            hint='use "bytes", or nothing: then text comes as text',
        )
    return encoding == "bytes"
