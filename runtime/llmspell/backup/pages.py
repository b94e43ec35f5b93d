"""What a backup of each type holds, read page by page from a snapshot and the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from llmspell.backup.records import Changed, Gone, Record
from llmspell.backup.request import Request
from llmspell.errors import BackupError, LlmSpellError
from llmspell.store.base import Reader, Ref, Row, Store
from llmspell.store.changes import Change
from llmspell.store.codec import SEALED, is_unopened
from llmspell.store.problems import corrupt, no_key, why_not

__all__ = ["Pages"]

_PAGE: Final = 1000
_SEALED: Final = bytes((SEALED,))
_Stored = TypeVar("_Stored", Row, Change)


class Pages:
    """Reads what is asked for; ``unreadable`` counts what was left out on the way."""

    def __init__(self, store: Store, request: Request) -> None:
        self._store, self._request = store, request
        self.unreadable = 0

    def read(self, reader: Reader, seq: int) -> Iterator[Sequence[Record]]:
        """Yield all of it; ``seq`` is the position of the journal that ``reader`` shows."""
        return _BY_TYPE[self._request.type](self, reader, seq)

    @property
    def after(self) -> int:
        """The position of the journal from which on changes count: that of the base."""
        base = self._request.base
        return 0 if base is None or base.journal is None else base.journal.seq

    def _entries(self, reader: Reader, _: int) -> Iterator[list[Row]]:
        after: Ref | None = None
        while rows := reader.walk(after, limit=_PAGE):
            after = Ref(rows[-1].scope, rows[-1].key)
            yield self._readable(rows)

    def _entries_of_scope(self, reader: Reader, _: int) -> Iterator[list[Row]]:
        scope, after = self._request.scope or "", None
        while rows := reader.scan(scope, after=after, limit=_PAGE):
            after = rows[-1].key
            yield self._readable(rows)

    def _changes(self, reader: Reader, seq: int) -> Iterator[list[Record]]:
        for page in self._journal(seq):
            page = self._readable(page)
            rows = reader.read([Ref(change.scope, change.key) for change in page])
            yield [Changed.of(change, row) for change, row in zip(page, rows, strict=True)]

    def _differences(self, reader: Reader, seq: int) -> Iterator[list[Row | Gone]]:
        """Yield the latest state of what changed: of a key's changes only the last one counts."""
        for page in self._journal(seq):
            rows = reader.read([Ref(change.scope, change.key) for change in page])
            latest = [_latest(change, row) for change, row in zip(page, rows, strict=True)]
            gone = [each for each in latest if type(each) is Gone]
            yield [*gone, *self._readable([each for each in latest if type(each) is Row])]

    def _journal(self, seq: int) -> Iterator[list[Change]]:
        """Yield the changes since the base and up to the snapshot, in order."""
        after = self.after
        while after < seq:
            page = self._store.changes(after, limit=min(_PAGE, seq - after))
            page = [change for change in page if change.seq <= seq]
            if not page:
                return
            after = page[-1].seq
            yield page

    def _readable(self, records: list[_Stored]) -> list[_Stored]:
        """Return the records whose values could be opened; raises unless others may be left."""
        shut = [each for each in records if _is_shut(each)]
        if not shut:
            return records
        if not self._request.skip_unreadable:
            raise _unreadable(shut[0])
        self.unreadable += len(shut)
        return [each for each in records if not _is_shut(each)]


def _latest(change: Change, row: Row | None) -> Row | Gone | None:
    """Return the state of a key after a change, None if a later change tells it."""
    if row is not None:
        return row if row.version == change.version and change.op == "put" else None
    # Of an entry that has expired the deletion may not be in the journal yet.
    return Gone(change.scope, change.key, change.version, change.at)


def _is_shut(record: Row | Change) -> bool:
    blob = record.blob
    if not blob:  # only what ends an entry may come without a value
        return type(record) is Row or record.op == "put"  # type: ignore[union-attr]
    return blob[:1] == _SEALED or is_unopened(blob)


def _why_shut(blob: bytes) -> LlmSpellError:
    if not blob:
        return corrupt("it is empty")
    return why_not(blob) if is_unopened(blob) else no_key()


def _unreadable(record: Row | Change) -> BackupError:
    error = _why_shut(record.blob)
    return BackupError(
        f"key {record.key!r} in scope '{record.scope}' cannot be backed up: {error.message}",
        hint="no backup was made; with skip_unreadable (--skip-unreadable) one is made without"
        " such entries. `llmspell state verify` tells which they are",
        reason="unreadable",
        scope=record.scope,
        key=record.key,
    )


_BY_TYPE: Final[dict[str, Callable[[Pages, Reader, int], Iterator[Any]]]] = {
    "full": Pages._entries,
    "scope": Pages._entries_of_scope,
    "incremental": Pages._changes,
    "differential": Pages._differences,
}
