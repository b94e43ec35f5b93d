"""What a store needs of a database server's driver: connections, and the meaning of failures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Executable

from llmspell.errors import StorageError
from llmspell.store.base import Ref
from llmspell.store.changes import Change
from llmspell.store.plan import Known, Record

__all__ = ["Changeset", "Driver", "Failure", "Head", "Listening", "Session", "closing_on_failure"]


class Head(NamedTuple):
    """The row that whoever writes holds: how far the journal and the commits have come."""

    seq: int
    commits: int
    floor: int


@dataclass(frozen=True, slots=True)
class Changeset:
    """What a write transaction changes.

    ``base`` is the head it found, ``head`` what it leaves. ``known`` are the keys that had a
    row before. ``purged`` are rows of entries and ``forgotten`` rows of the journal that go;
    ``resealed`` are other bytes for changes, by their numbers.
    """

    base: Head
    head: Head
    known: Mapping[Ref, Known] = field(default_factory=dict)
    records: Collection[Record] = ()
    changes: Sequence[Change] = ()
    purged: Sequence[Ref] = ()
    forgotten: Sequence[int] = ()
    resealed: Sequence[tuple[int, bytes]] = ()


class Failure(NamedTuple):
    """What an error of the driver means.

    ``passing`` failures are worth another attempt, since nothing was written. With
    ``uncertain`` a commit that was under way may have succeeded.
    """

    error: StorageError
    passing: bool = False
    uncertain: bool = False


class Session(Protocol):
    """One connection. Whoever uses it holds ``lock``; every call may raise the driver's errors."""

    lock: Lock
    closed: bool

    def fetch(self, statement: Executable, values: Mapping[str, Any]) -> list[Any]:
        """Run one statement and return its rows."""
        ...

    def read_entries(self, refs: Sequence[Ref], now: int) -> list[Any]:
        """Return the live rows among these, in any order, all of one moment."""
        ...

    def recall(self, seqs: Sequence[int], *, values: bool) -> list[Any]:
        """Return the journal's rows with these numbers, in any order."""
        ...

    def begin_snapshot(self) -> None:
        """Open a transaction that sees one moment, fixed by the time this returns."""
        ...

    def end_snapshot(self) -> None:
        """End that transaction."""
        ...

    def writing(
        self, refs: Sequence[Ref], scopes: Sequence[str]
    ) -> AbstractContextManager[tuple[Head, dict[Ref, Known]]]:
        """Open a transaction that alone may write.

        Yields what the server knows then of ``refs`` and of the live keys of ``scopes``.
        Without ``commit`` nothing of it stays.
        """
        ...

    def look_up(self, refs: Sequence[Ref]) -> dict[Ref, Known]:
        """Return what the server knows of more keys, inside ``writing``."""
        ...

    def store(self, changeset: Changeset) -> None:
        """Write without committing, inside ``writing``: a part of what is committed later."""
        ...

    def commit(self, changeset: Changeset) -> None:
        """Write and commit, inside ``writing``; the outcome is sure once that is left."""
        ...

    def made_as(self) -> tuple[int, bool] | None:
        """Return the version of the tables and whether they keep a journal; None if not there."""
        ...

    def create_tables(self, *, journal: bool) -> None:
        """Make the tables unless they are there."""
        ...

    def total_bytes(self) -> int:
        """Return how much room the store takes on the server, as far as it tells."""
        ...

    def close(self) -> None:
        """End the connection. May be called again."""
        ...

    def abandon(self) -> None:
        """Let go of the connection in a child process, in a way the parent does not notice."""
        ...


class Listening(Session, Protocol):
    """A connection that hears of commits. ``fileno`` is None where it can only be asked."""

    def fileno(self) -> int | None: ...

    def heard(self) -> list[tuple[int, int]]:
        """Return position and number of commits from what has arrived, without waiting."""
        ...


class Driver(Protocol):
    """One server and how to talk to it. ``error`` are the exceptions its sessions raise.

    ``patience_s`` is for how long a failure that may pass is tried again.
    """

    name: str
    location: str
    patience_s: float
    error: tuple[type[Exception], ...]

    def connect(self) -> Session: ...

    def connect_writer(self) -> Session: ...

    def connect_listener(self) -> Listening: ...

    def failure(self, error: Exception) -> Failure:
        """Tell what an error of a session, or of connecting, means."""
        ...


@contextmanager
def closing_on_failure(session: Session) -> Iterator[None]:
    """Close a session that was left in the middle of something, whatever it was."""
    try:
        yield
    except BaseException:
        session.close()
        raise
