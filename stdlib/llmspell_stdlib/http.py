"""The ``Http`` global: web requests, where the host permits it."""

from __future__ import annotations

from typing import Any, Final, Protocol

from llmspell_bridges.api import Global, Param, Record
from llmspell_bridges.values import Value

__all__ = ["HTTP", "WebService"]


class WebService(Protocol):
    """What the ``Http`` global needs of the host."""

    def request(self, url: str, **options: Any) -> dict[str, Value]: ...


class WebAccess(Protocol):
    """Makes the service when a script first needs it."""

    @property
    def web(self) -> WebService: ...


HTTP: Final = Global(
    "Http",
    "Web requests, where the permission `net` includes the host.",
    records=[
        Record(
            "HttpOptions",
            "Options of `Http.request`.",
            (
                Param("method", "text", "GET (the default), HEAD, POST, PUT, PATCH, DELETE, ..."),
                Param("headers", "map", "Names and texts."),
                Param("body", "data", "What to send: text, as UTF-8, or bytes."),
                Param("json", "value", "What to send as JSON, instead of a body."),
                Param("timeout_s", "number", "Longest wait for the whole answer; 30 s by default."),
                Param("max_bytes", "integer", "Longest body to accept; 8 MiB by default."),
                Param("follow_redirects", "boolean", "Whether to; by default yes, up to 10."),
                Param("encoding", "text", '"bytes" gives the body as bytes, text or not.'),
            ),
        )
    ],
)


@HTTP.function(
    Param("url", "text", "Starts with https:// or http://."),
    Param(
        "options",
        "HttpOptions",
        "method, headers, body, json, timeout_s, max_bytes, follow_redirects, encoding",
        optional=True,
    ),
    result="map",
    result_doc="`status`, `headers` (names in lower case), `body` (text; bytes if it is none) and "
    "`url`, where redirects led.",
)
def request(access: WebAccess, url: str, options: dict[str, Any] | None = None) -> dict[str, Value]:
    """Send a web request and return the answer, whatever its status is."""
    given = {name: value for name, value in (options or {}).items() if value is not None}
    return access.web.request(url, **given)
