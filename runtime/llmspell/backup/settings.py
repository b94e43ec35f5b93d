"""How backups are made and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["BackupSettings"]


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Where backups lie and in what form; sizes in bytes.

    ``location`` is a folder, or a URL that fsspec knows, with ``storage_options`` for it.
    Chunks have about ``chunk_bytes`` before compression, and ``streams`` of them are compressed
    and written at a time: both decide how much memory it takes. With ``verify`` what was written
    is read again before the backup counts. ``encrypt`` None means as the store does it: with its
    key ring, if it has one. ``max_load`` is the share of the time that reading the store may take
    while a backup is made: below 1 it pauses, so that others in the process get on with theirs.
    """

    location: Path | str
    format: Literal["msgpack", "jsonl"] = "msgpack"
    compression: Literal["none", "zstd"] = "zstd"
    level: int = 3
    chunk_bytes: int = 4 << 20
    streams: int = 1
    verify: bool = True
    encrypt: bool | None = None
    max_load: float = 1.0
    storage_options: Mapping[str, Any] = field(default_factory=dict)
