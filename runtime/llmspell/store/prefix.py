"""Ranges of keys that share a prefix, in Unicode code point order."""

from __future__ import annotations

__all__ = ["upper_bound"]

_LAST = 0x10FFFF
_BEFORE_SURROGATES, _AFTER_SURROGATES = 0xD7FF, 0xE000


def upper_bound(prefix: str) -> str | None:
    """Return the least text above every text that starts with ``prefix``; None if none is.

    A range is exact where LIKE and GLOB patterns would need escaping, and an index serves it.
    """
    kept = prefix.rstrip(chr(_LAST))
    if not kept:
        return None
    last = ord(kept[-1])
    return kept[:-1] + chr(_AFTER_SURROGATES if last == _BEFORE_SURROGATES else last + 1)
