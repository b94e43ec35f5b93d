"""Tell a cache in well under a microsecond whether anybody may have written to the database.

Beside the database lies a file of two 64-bit words, mapped into every process that has the
database open. A writer raises the first word (announced) before it commits, while it holds
the database's write lock, and sets the second (committed) to the same number afterwards. So
equal words mean that all announced writes can be seen, and unequal ones that a write is under
way, or that a writer died between its two steps, which the next writer or check mends.

Programs that are not llmspell do not know the file. For them SQLite's ``data_version`` of the
writer connection, which moves only with the commits of others, is asked every CHECK_EVERY_S,
under the store's writer lock. When it moved, an offset of this store is raised, even if an
llmspell write explains it: one of each could have happened. Sum of word and offset only grows.

When the file cannot be made, two words of this process's own take its place and the check is
made on every call.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sqlite3
import tempfile
import time
from array import array
from collections.abc import MutableSequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

from llmspell.errors import StorageError

__all__ = ["CHECK_EVERY_S", "Coherence"]

CHECK_EVERY_S: Final = 0.1
_FILE_BYTES: Final = 16
_ANNOUNCED: Final = 0
_COMMITTED: Final = 1


class Coherence:
    """The epoch of one store. Everything but ``current`` wants the store's writer lock held.

    ``after`` is the one this replaces: the new epoch lies beyond all of its.
    """

    def __init__(
        self, database: Path, writer: sqlite3.Connection, *, after: Coherence | None = None
    ) -> None:
        self._database = database
        self.path = database.with_name(database.name + "-epoch")
        self._writer = writer
        self._offset: int = 0 if after is None else after._offset + 1
        self._every_s: float
        self._words: MutableSequence[int]
        self._identity: tuple[int, int] | None
        self._map()
        self._database_identity = _identity(database)
        self._data_version = self._ask_data_version()
        self._next_check = monotonic() + self._every_s

    def current(self) -> int | None:
        """Return the epoch, -1 when a write is under way, None when a check is due first."""
        if monotonic() >= self._next_check:
            return None
        words = self._words
        # Committed is read first: the words then never look equal across an announcement.
        number = words[_COMMITTED]
        return number + self._offset if words[_ANNOUNCED] == number else -1

    def check(self) -> int:
        """Look for writes of other programs, and return the epoch.

        Raises StorageError when the database file is not the one that was opened.
        """
        if _identity(self._database) != self._database_identity:
            raise StorageError(
                f"{self._database} was removed or replaced while it was open",
                hint="put the file back, or start again; what was written since is not in it",
                reason="unavailable",
                path=str(self._database),
            )
        version = self._ask_data_version()
        if version != self._data_version:
            self._data_version = version
            self._offset += 1
        if self._identity is not None and self._identity != _identity(self.path):
            self._map()
        self._heal()
        self._next_check = monotonic() + self._every_s
        return self._now()

    def begin(self) -> int:
        """Return the epoch before a write; to be called inside its transaction."""
        if monotonic() >= self._next_check:
            return self.check()
        return self._now()

    def announce(self, writes: int = 1) -> int:
        """Say that a commit of so many writes follows; return the number to settle with."""
        number = self._words[_ANNOUNCED] + writes
        self._words[_ANNOUNCED] = number
        return number

    def settle(self, number: int) -> int:
        """Say that the announced commit is over, done or undone; return the epoch after it."""
        words = self._words
        if words[_COMMITTED] < number:
            words[_COMMITTED] = number
        return number + self._offset

    def close(self) -> None:
        """Let go of the file; from now on ``current`` returns None."""
        self._every_s = self._next_check = 0.0
        self._words = array("Q", (0, 0))
        self._identity = None

    def _now(self) -> int:
        words = self._words
        number = words[_COMMITTED]
        return number + self._offset if words[_ANNOUNCED] == number else -1

    def _ask_data_version(self) -> int:
        return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def _map(self) -> None:
        try:
            self._words, self._identity = _open_words(self.path, like=self._database)
            self._every_s = CHECK_EVERY_S
        except (OSError, ValueError):
            self._words, self._identity = array("Q", _first_words()), None
            self._every_s = 0.0

    def _heal(self) -> None:
        """Make the words equal if a writer died between them.

        Whoever holds the write lock knows that no announced commit is still to come. If it
        is taken, a writer is alive and there is nothing to mend.
        """
        words, writer = self._words, self._writer
        if words[_ANNOUNCED] == words[_COMMITTED] or writer.in_transaction:
            return
        (patience_ms,) = writer.execute("PRAGMA busy_timeout").fetchone()
        writer.execute("PRAGMA busy_timeout = 0")
        try:
            writer.execute("BEGIN IMMEDIATE")
            words[_COMMITTED] = words[_ANNOUNCED]
            writer.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass
        finally:
            writer.execute(f"PRAGMA busy_timeout = {patience_ms}")


def _open_words(path: Path, *, like: Path) -> tuple[MutableSequence[int], tuple[int, int]]:
    for _ in range(10):
        try:
            file = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            _create(path, like=like)
            continue
        try:
            facts = os.fstat(file)
            if facts.st_size == _FILE_BYTES:
                words: Any = memoryview(mmap.mmap(file, _FILE_BYTES)).cast("Q")
                return words, (facts.st_dev, facts.st_ino)
        finally:
            os.close(file)
        path.unlink(missing_ok=True)
    raise OSError(f"{path} does not stay in place")


def _create(path: Path, *, like: Path) -> None:
    """Put a whole file in place unless somebody else did; link refuses to overwrite."""
    file, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name + "-")
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(_first_words().tobytes())
        os.chmod(draft, like.stat().st_mode & 0o666)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def _first_words() -> array[int]:
    # Nanoseconds pass faster than writes, so a file made anew starts beyond every number that
    # its predecessor reached, and an old epoch never comes back.
    now = time.time_ns()
    return array("Q", (now, now))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
