"""The copy of the head beside the log: what shows that the end of the log was cut off."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from llmspell.security.audit.hashing import Head

__all__ = ["UnreadableHead", "head_path", "read_head", "write_head"]

_MAX_BYTES: Final = 4096


class UnreadableHead(ValueError):
    """The file is there, and is not what was written."""


def head_path(path: Path) -> Path:
    """Return where the head of the log at ``path`` is kept."""
    return path.with_name(path.name + ".head")


def read_head(file: Path) -> Head | None:
    """Return what the file says, None when there is none. Raises UnreadableHead, OSError."""
    try:
        with file.open("rb") as source:
            told = json.loads(source.read(_MAX_BYTES))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise UnreadableHead from error
    try:
        records, seq, hasher = told["records"], told["seq"], told["hasher"]
        head = Head(records, seq, bytes.fromhex(told["hash"]), hasher, bytes.fromhex(told["mac"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableHead from error
    if not head.is_sane():
        raise UnreadableHead
    return head


def write_head(file: Path, head: Head, *, fsync: bool) -> None:
    """Replace the file, whole or not at all. Raises OSError."""
    told = head._asdict() | {"hash": head.hash.hex(), "mac": head.mac.hex()}
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as target:
            target.write(json.dumps(told) + "\n")
            if fsync:
                target.flush()
                os.fsync(target.fileno())
        os.replace(aside, file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
