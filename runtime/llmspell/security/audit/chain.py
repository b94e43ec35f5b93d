"""Append records to the chain, going on from what is there only if it is what was written.

A log that was shortened or given a forged head must stay recognisable as such. So whoever
appends looks first; where something is wrong, the numbers go on behind the highest one ever
seen, and a record of the action ``tampering_found`` says what was found. Nothing of the evidence
is painted over, and the program that has to record goes on.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from llmspell.errors import AuditError
from llmspell.security.audit.database import create_file, open_writer
from llmspell.security.audit.hashing import GENESIS, Hasher, Hashers, Head
from llmspell.security.audit.head_file import UnreadableHead, head_path, read_head, write_head
from llmspell.security.audit.record import COLUMNS, Entry, made

__all__ = ["TAMPERING_FOUND", "Chain", "stored_head"]

TAMPERING_FOUND: Final = "tampering_found"
_INSERT: Final = f"INSERT INTO records VALUES ({', '.join('?' * len(COLUMNS))})"
_SET_HEAD: Final = "INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?)"
_LAST: Final = "SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1"
_HASH_OF: Final = "SELECT hash FROM records WHERE seq = ?"
_NOBODY: Final = (None, None, None)
#: Before the first record.
_NO_HEAD: Final = Head(0, 0, GENESIS, "", b"")


class Chain:
    """One process's end of a log: its connection, and what it saw last. Serves one thread."""

    def __init__(self, path: Path, hashers: Hashers, *, fsync: bool) -> None:
        self.path = create_file(path)
        self._hashers = hashers
        self._process = _process_name()
        self._fsync = fsync
        self.raw = open_writer(self.path, fsync=fsync)
        self._file = _identity(self.path)
        #: The head as this process left it, and the one it found beside the log at first.
        self._seen = _NO_HEAD
        self._beside = _NO_HEAD
        self._checks_beside = True
        self._written = _NO_HEAD

    def append(
        self,
        entries: Sequence[Entry],
        *,
        at_us: int,
        first: Callable[[Head], Head] | None = None,
    ) -> None:
        """Append entries in one transaction, all or none. Raises AuditError, sqlite3.Error.

        ``first`` is called in the transaction before, with the head; it returns the one to go on
        from.
        """
        if _identity(self.path) != self._file:
            self._begin_anew()
        found = self._look_beside() if self._checks_beside else None
        execute = self.raw.execute
        execute("BEGIN IMMEDIATE")
        try:
            head, complaint = self._end()
            complaint = found or complaint
            if first is not None:
                head = first(head)
            if complaint is not None:
                entries = [_finding(complaint, at_us), *entries]
            head = self._put(entries, head)
            execute("COMMIT")
        except BaseException:
            if self.raw.in_transaction:
                execute("ROLLBACK")
            raise
        self._checks_beside, self._seen = False, head

    def _begin_anew(self) -> None:
        """Go on in the file that has the log's name now: what was open nobody would ever read.

        Where there is none, one is made. That something is missing the head beside it and what
        this process has seen will tell.
        """
        self.raw.close()
        create_file(self.path)
        self.raw = open_writer(self.path, fsync=self._fsync)
        self._file, self._checks_beside = _identity(self.path), True

    def _put(self, entries: Sequence[Entry], head: Head) -> Head:
        hasher, process = self._hashers.current, self._process
        seq, previous = head.seq, head.hash
        rows = []
        for entry in entries:
            seq += 1
            fields = made(seq, entry, process, hasher.name, previous)
            previous = hasher.hash(fields)
            rows.append((*fields, previous))
        self.raw.executemany(_INSERT, rows)
        new = hasher.head(head.records + len(rows), seq, previous)
        self.raw.execute(_SET_HEAD, new)
        return new

    def _end(self) -> tuple[Head, str | None]:
        """Return what to go on from, and what is wrong with it.

        Raises AuditError when the log was made with a key that is not known here.
        """
        head = stored_head(self.raw)
        last = self.raw.execute(_LAST).fetchone()
        if head is None and last is None:
            head, complaint = _NO_HEAD, None
        else:
            complaint = self._complaint(head, last)
        reached = max(self._seen.seq, self._beside.seq)
        if complaint is None and head is not None:
            complaint = self._contradiction(head, reached)
            if complaint is None:
                return head, None
        if head is None or not head.is_sane():
            head = _NO_HEAD
        number, previous = last or (0, head.hash)
        (records,) = self.raw.execute("SELECT count(*) FROM records").fetchone()
        return Head(records, max(head.seq, reached, number), previous, "", b""), complaint

    def _complaint(self, head: Head | None, last: tuple[int, bytes] | None) -> str | None:
        if head is None:
            return "the head was removed"
        if not head.is_sane() or not self._hasher_of(head).approves(head):
            return "the head was changed"
        if last is None:
            return f"the log is empty; its head says {head.seq}" if head.records else None
        if last != (head.seq, head.hash):
            return f"the log ends at {last[0]}; its head says {head.seq}"
        return None

    def _contradiction(self, head: Head, reached: int) -> str | None:
        """Compare a sound head with what this process, and the file beside, know of the log."""
        if head.seq < reached:
            return f"the log ends at {head.seq}; it had reached {reached}"
        for known in (self._beside, self._seen) if self._checks_beside else ():
            there = self.raw.execute(_HASH_OF, (known.seq,)).fetchone()
            if there is not None and there[0] != known.hash:
                return f"record {known.seq} is not the one that was written"
        return None

    def _hasher_of(self, head: Head) -> Hasher:
        hasher, current = self._hashers.named(head.hasher), self._hashers.current
        if hasher is None or (hasher.is_keyed and not current.is_keyed):
            raise _unknown_key(self.path, head.hasher, is_keyed=current.is_keyed)
        return hasher

    def _look_beside(self) -> str | None:
        """Read the head beside the log, before the log: the log is at least as long."""
        file = head_path(self.path)
        # In this order: whoever begins a log writes the file before its first record.
        has_head = stored_head(self.raw) is not None
        try:
            beside = read_head(file)
        except UnreadableHead:
            return f"{file.name} was changed"
        if beside is None:
            if has_head:
                return f"{file.name} was removed"
            # Before the first record: from now on its absence means something.
            write_head(file, self._hashers.current.head(0, 0, GENESIS), fsync=True)
            return None
        if not self._hasher_of(beside).approves(beside):
            return f"{file.name} was changed"
        self._beside = beside
        return None

    def write_head(self) -> None:
        """Copy the head to the file beside the log. Raises OSError, sqlite3.Error."""
        head = stored_head(self.raw)
        if head is None or head == self._written or self._checks_beside:
            return
        with suppress(FileNotFoundError):
            # Else a power loss could leave a copy that tells of records that are gone.
            _sync(self.path.with_name(self.path.name + "-wal"))
        write_head(head_path(self.path), head, fsync=self._fsync)
        self._written = head

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


def stored_head(raw: sqlite3.Connection) -> Head | None:
    """Return the head as it is in the log."""
    row = raw.execute("SELECT records, seq, hash, hasher, mac FROM head").fetchone()
    return None if row is None else Head(*row)


def _finding(complaint: str, at_us: int) -> Entry:
    details: dict[str, Any] = {"found": complaint}
    return at_us, TAMPERING_FOUND, None, None, None, "ok", _NOBODY, details


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _process_name() -> str:
    if hasattr(os, "uname"):
        host = os.uname().nodename
    else:
        from socket import gethostname

        host = gethostname()
    return f"{os.getpid()}@{host}"


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unknown_key(path: Path, hasher: str, *, is_keyed: bool) -> AuditError:
    made_with = hasher.partition(":")[2] or hasher
    return AuditError(
        f"the audit log {path} was made with the key {made_with}, "
        + ("which is not the configured one" if is_keyed else "and none is configured"),
        hint="configure that key, or set audit.path to a new file",
        reason="unknown_key",
        path=str(path),
    )
