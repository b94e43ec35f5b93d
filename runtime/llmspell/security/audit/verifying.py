"""Verify a whole log: each record, the chain, the checkpoints, and both copies of the head."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from llmspell.security.audit.chain import stored_head
from llmspell.security.audit.database import FAILURES, open_reader, real_path
from llmspell.security.audit.findings import Problem, Step, numbers
from llmspell.security.audit.hashing import GENESIS, Hashers, Head
from llmspell.security.audit.head_file import UnreadableHead, head_path, read_head
from llmspell.security.audit.links import Links, fingerprint
from llmspell.security.audit.record import AuditRecord
from llmspell.security.audit.signing import Checkpoint, is_signed, public_key, stored_checkpoints

__all__ = ["verify"]

_PAGE: Final = 2000


def verify(
    path: str | Path,
    *,
    key: bytes | None = None,
    older_keys: Sequence[bytes] = (),
    head: str | Path | None = None,
) -> Iterator[Step]:
    """Check a log as it is at one moment, and yield what is found; others may go on appending.

    Found are records that were changed, removed, inserted or exchanged, an end that was cut off,
    a forged head or checkpoint. ``head`` is a copy of the file beside the log that was kept
    elsewhere, to be compared with in its place: it also shows that the whole log was replaced.
    Raises AuditError when there is no log.
    """
    place = real_path(Path(path))
    verification = _Verification(place, Hashers(key, older_keys))
    beside = verification.read_beside(Path(head) if head else head_path(place))
    raw = open_reader(place)
    try:
        raw.execute("BEGIN")
        yield from verification.run(raw, beside)
    except FAILURES as error:
        yield Step(0, 1.0, [Problem("damaged", f"the file is damaged: {error}")])
    finally:
        raw.close()


class _Verification:
    def __init__(self, path: Path, hashers: Hashers) -> None:
        self._path = path
        self._hashers = hashers
        self._beside_problem: Problem | None = None

    def read_beside(self, file: Path) -> Head | None:
        """Read the head beside the log before the log, which is then at least as long."""
        self._file = file
        try:
            beside = read_head(file)
        except UnreadableHead:
            self._beside_problem = Problem("head_changed", f"{file.name} was changed")
            return None
        except OSError as error:
            what = f"{file.name} cannot be read: {error.strerror}"
            self._beside_problem = Problem("head_missing", what)
            return None
        if beside is None:
            self._beside_problem = Problem("head_missing", f"{file.name} is missing")
        return beside

    def run(self, raw: sqlite3.Connection, beside: Head | None) -> Iterator[Step]:
        checkpoints = stored_checkpoints(raw)
        yield Step(0, 0.0, list(self._checkpoints(checkpoints)))
        start = checkpoints[-1] if checkpoints else None
        links = Links(
            self._hashers,
            seq=start.seq if start else 0,
            previous=start.hash if start else GENESIS,
            is_keyed=start is not None,
            find=lambda wanted: _number_of(raw, wanted),
        )
        (last,) = raw.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()
        rows = raw.execute("SELECT * FROM records ORDER BY seq")
        while page := rows.fetchmany(_PAGE):
            problems: list[Problem] = []
            for row in page:
                problems += links.follow(AuditRecord(*row))
            yield Step(len(page), min(1.0, links.seq / last) if last > 0 else 1.0, problems)
        problems = links.unknown_keys()
        problems += self._head(stored_head(raw), links)
        problems += self._beside(raw, beside, links, start)
        yield Step(0, 1.0, problems, links.notes())

    def _checkpoints(self, checkpoints: Sequence[Checkpoint]) -> Iterator[Problem]:
        known = {public_key(h.key) for h in self._hashers.keyed() if h.key is not None}
        seq = 0
        for number, checkpoint in enumerate(checkpoints, 1):
            public, signature = checkpoint.public_key, checkpoint.signature
            is_sound = (
                checkpoint.number == number
                and type(checkpoint.seq) is int
                and checkpoint.seq > seq
                and (not known or public in known)
                and is_signed(checkpoint.signed_fields(), signature, public)
            )
            if is_sound:
                seq = checkpoint.seq
            else:
                yield Problem("checkpoint_changed", f"checkpoint {number} was changed")

    def _head(self, head: Head | None, links: Links) -> Iterator[Problem]:
        if head is None:
            if links.records:
                yield Problem("head_missing", "the head of the log is missing")
            return
        problem = self._sealed(head, "the head of the log")
        if problem is not None:
            yield problem
        elif head.seq > links.seq:
            yield _cut_off("the head of the log", head, links)
        elif (head.records, head.seq, head.hash) != (links.records, links.seq, links.hash):
            what = f"the head of the log is not of record {links.seq}, the last one"
            yield Problem("head_changed", what)

    def _beside(
        self, raw: sqlite3.Connection, head: Head | None, links: Links, start: Checkpoint | None
    ) -> Iterator[Problem]:
        if head is None:
            # A log that was opened and not yet written to has none.
            if self._beside_problem is not None and (links.seq or stored_head(raw)):
                yield self._beside_problem
            return
        problem = self._sealed(head, self._file.name)
        if problem is not None:
            yield problem
            return
        if head.seq > links.seq:
            yield _cut_off(self._file.name, head, links)
            return
        row = raw.execute("SELECT hash FROM records WHERE seq = ?", (head.seq,)).fetchone()
        there = row[0] if row else start.hash if start and start.seq == head.seq else None
        if there is not None and there != head.hash:
            what = f"record {head.seq} is not the one that {self._file.name} tells of"
            yield Problem("not_following", what, head.seq)

    def _sealed(self, head: Head, name: str) -> Problem | None:
        """Return what is wrong with a head itself."""
        if head.is_sane():
            hasher = self._hashers.named(head.hasher)
            if hasher is None:
                what = f"{name} was made with the key {fingerprint(head.hasher)}"
                return Problem("unknown_key", what)
            if hasher.approves(head):
                return None
        return Problem("head_changed", f"{name} was changed")


def _cut_off(name: str, head: Head, links: Links) -> Problem:
    gone = numbers(links.seq + 1, head.seq)
    return Problem("truncated", f"the end was cut off: {name} tells of {gone}", links.seq)


def _number_of(raw: sqlite3.Connection, wanted: bytes) -> int | None:
    if wanted == GENESIS:
        return 0
    row = raw.execute("SELECT seq FROM records WHERE hash = ?", (wanted,)).fetchone()
    return None if row is None else int(row[0])
