"""The names of files in a place for backups. No other name is ever read or written."""

from __future__ import annotations

import re
from typing import Final

from llmspell.backup.model import check_id
from llmspell.errors import BackupError, InvalidArgument

__all__ = ["LOCK", "MANIFEST", "OPERATIONS", "check_name", "is_id"]

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
OPERATIONS: Final = "operations.json"

#: Which endings there are, the manifest's model knows; here it matters that none is a path.
_CHUNK: Final = re.compile(r"chunk-[0-9]{6}(\.[a-z]{1,16}){1,4}")


def check_name(name: object) -> str:
    """Return the name. Raises BackupError for what can be no file of a backup."""
    if isinstance(name, str) and (name == MANIFEST or _CHUNK.fullmatch(name)):
        return name
    raise BackupError(
        "a backup names a file that is no part of it; nothing outside its folder is touched",
        hint="its manifest was made by another program or changed: use another backup",
        reason="name",
    )


def is_id(name: str) -> bool:
    """Return whether a folder of that name can be a backup."""
    try:
        check_id(name)
    except InvalidArgument:
        return False
    return True
