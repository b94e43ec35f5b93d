"""The log of operations: a JSON list that is written anew with each of them."""

from __future__ import annotations

from typing import Any, Final

import orjson

__all__ = ["MAX_LOG_BYTES", "added", "parse"]

#: A longer log is none that we have written.
MAX_LOG_BYTES: Final = 4 << 20
_KEPT: Final = 500


def parse(data: bytes) -> list[dict[str, Any]]:
    """Return the operations; a damaged log is as good as none, since it only informs."""
    try:
        found = orjson.loads(data)
    except ValueError:
        return []
    if not isinstance(found, list):
        return []
    return [entry for entry in found if isinstance(entry, dict)][-_KEPT:]


def added(known: list[dict[str, Any]], entry: dict[str, Any]) -> bytes:
    """Return the log with one more operation, an operation a line, without the oldest ones."""
    lines = [orjson.dumps(known) for known in [*known, entry][-_KEPT:]]
    return b"[\n" + b",\n".join(lines) + b"\n]\n"
