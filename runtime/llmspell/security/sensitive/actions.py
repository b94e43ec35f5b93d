"""What is done with sensitive data, and how it looks afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final, NamedTuple

from llmspell.security.sensitive.confidential import Confidential
from llmspell_bridges.values import Value

__all__ = ["ACTIONS", "REDACTED", "Cut", "Does", "protected_field", "protected_text", "redacted"]

REDACTED: Final = "[redacted]"
_HASH_CHARACTERS: Final = 32
_HASHED: Final = re.compile("hash:[0-9a-f]{32}")


class Does(IntEnum):
    """An action; of several for the same text the greatest is taken."""

    TAG = 0
    HASH = 1
    REDACT = 2
    ENCRYPT = 3
    REFUSE = 4


ACTIONS: Final = {action.name.lower(): action for action in Does}


class Cut(NamedTuple):
    """A piece of a text and what is done with it."""

    start: int
    end: int
    action: Does
    detector: str


def redacted(detector: str) -> str:
    """Return what stands where something was taken out."""
    return f"[redacted:{detector}]"


def protected_field(value: Value, action: Does, hash_key: bytes | None) -> Any:
    """Return what is stored for a whole field. What is a hash already stays one."""
    if action is Does.ENCRYPT:
        return Confidential(value)
    if action is Does.REDACT:
        return REDACTED
    if type(value) is str:
        return value if _HASHED.fullmatch(value) else _hashed(value.encode(), hash_key)
    import msgpack

    # No text begins with this byte, so no text has the hash of another value.
    return _hashed(b"\xc1" + msgpack.packb(value, datetime=True), hash_key)


def protected_text(value: Value, cuts: Iterable[Cut], hash_key: bytes | None) -> Any:
    """Return what is stored for a text, a number or bytes in which something was found."""
    pieces = _merged(cuts)
    if any(cut.action is Does.ENCRYPT for cut in pieces):
        return Confidential(value)
    text = value if type(value) is str else _as_text(value)
    kept, at = [], 0
    for cut in pieces:
        found = text[cut.start : cut.end]
        kept.append(text[at : cut.start])
        if cut.action is Does.REDACT:
            kept.append(redacted(cut.detector))
        else:
            encoding = "latin-1" if type(value) is bytes else "utf-8"
            kept.append(_hashed(found.encode(encoding), hash_key))
        at = cut.end
    kept.append(text[at:])
    changed = "".join(kept)
    return changed.encode("latin-1") if type(value) is bytes else changed


def _as_text(value: Value) -> str:
    return value.decode("latin-1") if type(value) is bytes else str(value)


def _merged(cuts: Iterable[Cut]) -> list[Cut]:
    """Return cuts that do not overlap; where some did, the strongest action takes all of it."""
    merged: list[Cut] = []
    for cut in sorted(cuts):
        if merged and cut.start < merged[-1].end:
            last = merged.pop()
            strongest = max(last, cut, key=lambda one: one.action)
            cut = strongest._replace(start=last.start, end=max(last.end, cut.end))
        merged.append(cut)
    return merged


def _hashed(found: bytes, hash_key: bytes | None) -> str:
    if hash_key is None:  # Protection asked for it when it was made
        raise ValueError("there is no key to hash with")
    import hmac

    return "hash:" + hmac.digest(hash_key, found, "sha256").hex()[:_HASH_CHARACTERS]
