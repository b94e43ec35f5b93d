"""Sizes, ages and backups in words."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest
    from llmspell.config.models import State

__all__ = [
    "age_text",
    "contents_text",
    "moment_text",
    "readable",
    "redacted",
    "size_text",
    "store_text",
    "took_text",
    "url_text",
]

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
_CREDENTIALS: Final = re.compile(r"(?<=://)([^/@:]*:.*|[^/]*)@")
_QUERY: Final = re.compile(r"[?#].*")


def size_text(size_bytes: int) -> str:
    """Return a size as people read it: ``1.2 MB``, of a million bytes each."""
    from rich.filesize import decimal

    return "1 byte" if size_bytes == 1 else decimal(size_bytes)


def age_text(seconds: float) -> str:
    """Return a length of time in its largest unit: ``3 h``."""
    for unit_s, name in _UNITS:
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {name}"
    return f"{max(0, int(seconds))} s"


def took_text(duration_ms: float) -> str:
    """Return how long something took, in seconds."""
    return f"{duration_ms / 1000:,.2f} s"


def moment_text(at_us: int) -> str:
    """Return a time in UTC, to the microsecond: what ``--at`` takes to be just that moment."""
    from llmspell.backup.model import time_of

    return f"{time_of(at_us):%Y-%m-%d %H:%M:%S.%f}"


def store_text(state: State) -> str:
    """Return where a store lies: the whole path, or a URL without its credentials."""
    if state.url is not None:
        return url_text(state.url)
    return "memory" if state.backend == "memory" else os.path.abspath(state.path)


def url_text(url: str) -> str:
    """Return a URL without what may be a password: credentials and options."""
    return _QUERY.sub("", _CREDENTIALS.sub("", url))


def contents_text(manifest: Manifest) -> str:
    """Return how much a backup holds: entries, or changes of them."""
    from llmspell.cli.table import counted

    entries = counted(manifest.entries, "entry", "entries")
    if manifest.type == "incremental":
        entries = counted(manifest.entries, "change")
    return entries + (f" and {manifest.deletions:,} deleted" if manifest.deletions else "")


def redacted(manifest: Manifest) -> dict[str, Any]:
    """Return what is told of a backup in JSON, without what is sensitive in names."""
    from llmspell.security.sensitive.reports import redacted_report

    told: dict[str, Any] = redacted_report(manifest.to_dict())
    return told


def readable(text: str | None) -> str:
    """Return a label or the name of a scope for people, without what is sensitive in it."""
    from llmspell.security.sensitive.reports import redacted_report

    return str(redacted_report(text or ""))
