"""Sizes, ages and backups in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest

__all__ = ["age_text", "contents_text", "readable", "redacted", "size_text", "took_text"]

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


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
