"""Telling the audit log what the manager does: who did what, where, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import LlmSpellError
from llmspell.state.origin import CURRENT
from llmspell.store.base import Clear, Delete, Operation, Put, Ref, Row, Store, Written
from llmspell.store.changes import Change, Origin
from llmspell.store.codec import decode, is_plain

if TYPE_CHECKING:
    from llmspell.security.audit.auditor import Auditor
    from llmspell.security.audit.record import Fact
    from llmspell.state.cache import Entry

__all__ = ["Recording"]

_ACTIONS: Final[dict[type, str]] = {Put: "save", Delete: "delete", Clear: "clear"}
_SENSITIVE: Final = "sensitive"
_PAGE: Final = 1000


class Recording:
    """What ``auditor`` is told. Never of values.

    Of the class sensitive the record is written before the call returns; reading fails with
    AuditError when it cannot be, and so does a write, which has then been made.
    """

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor
        #: Tells whose doing it is; the manager has its own answer where nobody is named.
        self.origin: Callable[[], Origin] = CURRENT.get

    def did(
        self,
        action: str,
        scope: str | None = None,
        key: str | None = None,
        *,
        outcome: str = "ok",
        details: dict[str, Any] | None = None,
        actor: str | None = None,
    ) -> None:
        """Record what is no write or read of an entry: a lock, a watch, an export.

        ``actor`` is whose doing it is, where that is not the one who is named around it.
        """
        origin = self.origin()
        if actor is not None:
            origin = origin._replace(actor=actor)
        self.auditor.note(
            action, scope=scope, key=key, outcome=outcome, origin=origin, details=details
        )

    def saved(
        self, ref: tuple[str, str], version: int | None, outcome: str, origin: Origin
    ) -> None:
        """Record a save of class standard or trusted."""
        self.auditor.note(
            "save", scope=ref[0], key=ref[1], version=version, outcome=outcome, origin=origin
        )

    def wrote(
        self,
        batch: Sequence[Operation],
        written: Sequence[Written] | None,
        outcome: str,
        origin: Origin,
        removed: Collection[int] = (),
    ) -> None:
        """Record a batch: what each operation did, or that all of it failed.

        ``removed`` is what ``removals`` said before the batch was written.
        """
        facts: list[Fact] = []
        sensitive: set[int] = set()
        for at, operation in enumerate(batch):
            action = _ACTIONS.get(type(operation))
            if action is None:
                continue
            if at in removed or getattr(operation, "state_class", None) == _SENSITIVE:
                sensitive.add(len(facts))
            version = None if written is None else written[at].version or None
            key = None if isinstance(operation, Clear) else operation.key
            facts.append((action, operation.scope, key, version, outcome, None))
        self.auditor.note_all(facts, origin=origin, sensitive=sensitive)

    def migrated(self, puts: Sequence[Put], outcome: str, origin: Origin) -> None:
        """Record what a migration wrote, or that it could not."""
        facts: list[Fact] = []
        sensitive: set[int] = set()
        for at, put in enumerate(puts):
            if put.state_class == _SENSITIVE:
                sensitive.add(at)
            version = (put.if_version or 0) + 1 if outcome == "ok" else None
            facts.append(("migrate", put.scope, put.key, version, outcome, None))
        self.auditor.note_all(facts, origin=origin, sensitive=sensitive)

    def removals(self, batch: Sequence[Operation], store: Store) -> frozenset[int]:
        """Return which operations of a batch will remove something of class sensitive.

        Where the store cannot tell now, that counts as such: rather a record too many.
        """
        found = set[int]()
        for at, operation in enumerate(batch):
            if type(operation) not in (Delete, Clear):
                continue
            try:
                rows = _rows_of(operation, store)
                if any(row.state_class == _SENSITIVE for row in rows):
                    found.add(at)
            except LlmSpellError:
                found.add(at)
        return frozenset(found)

    def looked_back(self, ref: tuple[str, str], changes: Sequence[Change]) -> None:
        """Record that former versions of an entry were read."""
        failed = (_outcome(change.blob) for change in changes)
        self.auditor.note(
            "history",
            scope=ref[0],
            key=ref[1],
            version=changes[0].version if len(changes) == 1 else None,
            outcome=next((code for code in failed if code != "ok"), "ok"),
            state_class=_class_of(changes),
            origin=self.origin(),
        )

    def told(self, change: Change, origin: Origin) -> None:
        """Record that a watcher is about to be told of a change."""
        self.auditor.note(
            "watch",
            scope=change.scope,
            key=change.key,
            version=change.version,
            outcome=_outcome(change.blob),
            state_class=change.state_class,
            origin=origin,
        )

    def read(self, ref: tuple[str, str], entry: Entry | None) -> None:
        """Record that an entry was read, if reads are recorded or it is of class sensitive."""
        if entry is None:
            if self.auditor.reads:
                self.did("load", *ref)
            return
        _, _, _, _, _, _, state_class, *_ = metadata = entry.metadata
        if not self.auditor.reads and state_class != _SENSITIVE and is_plain(entry.blob):
            return
        self.auditor.note(
            "load",
            scope=ref[0],
            key=ref[1],
            version=metadata.version,
            outcome=_outcome(entry.blob),
            state_class=state_class,
            origin=self.origin(),
        )

    def read_rows(self, rows: Iterable[Row | None]) -> None:
        """Record that rows were read, past the cache."""
        for row in rows:
            if row is None:
                continue
            if self.auditor.reads or row.state_class == _SENSITIVE or not is_plain(row.blob):
                self.auditor.note(
                    "load",
                    scope=row.scope,
                    key=row.key,
                    version=row.version,
                    outcome=_outcome(row.blob),
                    state_class=row.state_class,
                    origin=self.origin(),
                )


def _rows_of(operation: Operation, store: Store) -> Iterator[Row]:
    """Yield what a deletion removes, as it is before."""
    if type(operation) is Delete:
        yield from filter(None, store.read((Ref(operation.scope, operation.key),)))
        return
    after: str | None = None
    while page := store.scan(operation.scope, after=after, limit=_PAGE, values=False):
        yield from page
        after = page[-1].key


def _class_of(changes: Iterable[Change]) -> str | None:
    return next((_SENSITIVE for each in changes if each.state_class == _SENSITIVE), None)


def _outcome(blob: bytes) -> str:
    """Return the code of what decoding says to one who has no use for the value."""
    if not blob or is_plain(blob):
        return "ok"
    try:
        decode(blob)
    except LlmSpellError as error:
        return error.code
    return "ok"
