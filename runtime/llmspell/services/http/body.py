"""The body of an answer: unpacked bounded in size, and text where it is text."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

import httpx

from llmspell.errors import HttpError

__all__ = ["read_body", "text_of"]

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = ("gzip", "x-gzip")
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
#: Those that are what their name says. Python knows others that are no character sets.
_CHARSETS: Final = re.compile(
    r"utf-?(8|16|16le|16be|32)|(us-)?ascii|iso-8859-\d{1,2}|latin-?1|windows-125\d|koi8-[ru]"
    r"|shift_jis|euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)


def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read a body, unpacked if it is packed. Raises ``HttpError`` beyond ``max_bytes``.

    A few bytes may unpack to very many, so no more than what is allowed is ever unpacked.
    """
    packed = response.headers.get("content-encoding", "").strip().lower() in _GZIP_NAMES
    parts = _bounded(response.iter_raw(), max_bytes)
    if packed and response.request.method != "HEAD":
        parts = _unpacked(parts, max_bytes)
    return b"".join(parts)


def _bounded(parts: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield part


def _unpacked(parts: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    unpacker, left = zlib.decompressobj(_GZIP), max_bytes
    started = False
    try:
        for part in parts:
            while part:
                started = True
                piece = unpacker.decompress(part, left + 1)
                left -= len(piece)
                if left < 0:
                    raise _too_large(max_bytes)
                yield piece
                part = unpacker.unconsumed_tail
                if unpacker.eof:
                    # Another one may follow.
                    part, unpacker, started = unpacker.unused_data, zlib.decompressobj(_GZIP), False
    except zlib.error:
        raise HttpError("the answer's body is not packed as it says", reason="protocol") from None
    if started:
        raise HttpError("the answer's body ends too early", reason="protocol")


def _too_large(max_bytes: int) -> HttpError:
    return HttpError(
        f"the answer's body has more than {max_bytes} bytes",
        hint="ask for less of it, or raise max_bytes",
        reason="too_large",
        maximum=max_bytes,
    )


def text_of(data: bytes, content_type: str) -> str | bytes:
    """Return a body as text, or as it is when it is none in its character set."""
    named = _CHARSET.search(content_type)
    charset = named[1] if named and _CHARSETS.fullmatch(named[1]) else "utf-8"
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return data
