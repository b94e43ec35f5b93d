"""Places for backups of each kind, and a backup that is written with no store behind it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

from llmspell.backup.repository import Repository

__all__ = ["CHUNK", "KINDS", "OTHER_CHUNK", "backup_id", "fill", "place"]

KINDS: Final = ("folder", "file", "memory")
CHUNK: Final = "chunk-000001.msgpack.zst"
OTHER_CHUNK: Final = "chunk-000002.msgpack.zst"


def place(kind: str, folder: Path) -> str:
    """Return where a place of that kind is, below the folder if it lies on the disk."""
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}/backups"
    return f"{'file://' if kind == 'file' else ''}{folder / 'backups'}"


def backup_id(number: int) -> str:
    """Return an id that sorts by number."""
    return f"20260131T12{number // 60:02}{number % 60:02}Z-0a1b2c"


def fill(repository: Repository, number: int, manifest: bytes = b"{}\n") -> str:
    """Write a backup of two chunks and return its id."""
    made = backup_id(number)
    with repository.creating(made) as draft:
        draft.put(CHUNK, b"one")
        draft.put(OTHER_CHUNK, b"two" * number)
        draft.commit(manifest)
    return made
