"""JSON output of the commands, for programs that read it.

What JSON has no type for is written as text: bytes as base64, timestamps as ISO 8601 in UTC with
microseconds. Exact, reversible export is what ``llmspell state export`` is for.
"""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["iso_text", "print_json", "to_json"]


def print_json(document: Any) -> None:
    """Print ``document`` as one line of JSON on the standard output."""
    # Lone surrogates cannot be written as UTF-8; escaping everything but ASCII always can.
    text = to_json(document)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = to_json(document, ascii_only=True).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


def to_json(document: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """Return ``document`` as JSON text."""
    return json.dumps(document, ensure_ascii=ascii_only, indent=indent, default=_as_text)


def iso_text(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC: ``2026-01-31T12:00:00.000000Z``."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return iso_text(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value)
