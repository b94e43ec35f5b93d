"""Asking SQLite itself whether its file is sound."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from llmspell.store.sqlite.errors import failure

__all__ = ["damages"]

_MOST: Final = 100
#: Steps of SQLite's machine, about a millisecond, after which Ctrl-C is looked for.
_STEPS: Final = 100_000
_OF_THE_FILE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damages(path: Path) -> list[str]:
    """Return what ``PRAGMA integrity_check`` finds wrong, at most a hundred lines.

    Reads the whole file, beside readers and writers. Raises StorageError when it cannot.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as raw:
            # Python hands an interrupt to this function only, where SQLite turns it into an error.
            raw.set_progress_handler(lambda: 0, _STEPS)
            rows = raw.execute(f"PRAGMA integrity_check({_MOST})").fetchall()
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        if code is not None and code & 0xFF in _OF_THE_FILE:
            return [str(error)]
        raise failure(error, path) from error
    return [line for (text,) in rows for line in str(text).splitlines() if line != "ok"]
