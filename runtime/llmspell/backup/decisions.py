"""What becomes of every entry: put back, left as it is, removed, or not to be restored at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import time_ns
from typing import Any, Final, TypeAlias

from llmspell.backup.grants import count_grants, restored_grants
from llmspell.backup.overlay import Overlay
from llmspell.backup.restore_options import RestoreOptions
from llmspell.backup.restore_result import Tally
from llmspell.backup.writable import Writable
from llmspell.errors import LlmSpellError, RestoreFailed
from llmspell.store.base import Delete, Reader, Ref, Restored, Row
from llmspell.store.codec import SEALED
from llmspell.store.problems import no_key

__all__ = ["Decisions"]

_Step: TypeAlias = Restored | Delete

_PAGE: Final = 1000
_EPHEMERAL: Final = "ephemeral"
_SEALED: Final = bytes((SEALED,))
_new_restored: Any = partial(tuple.__new__, Restored)


class Decisions:
    """The work of one restore: a function from what there is to the writes that are needed.

    ``pages`` are the entries to restore. ``seen`` remembers them, so that what is no longer
    wanted is found. ``on_progress`` is told how many have been looked at. May be used once.
    """

    def __init__(
        self,
        pages: Iterable[list[Row]],
        options: RestoreOptions,
        tally: Tally,
        seen: Overlay,
        writable: Writable,
        *,
        backup_id: str,
        scope: str | None,
        grants: list[tuple[str, bytes]],
        on_progress: Callable[[int], None],
    ) -> None:
        self._pages, self._options, self._tally = pages, options, tally
        self._seen, self._writable = seen, writable
        self._backup_id, self._scope, self._grants = backup_id, scope, grants
        self._on_progress = on_progress
        self._decide = _POLICIES[options.policy]
        self._now_us = 0

    def __call__(self, reader: Reader) -> Iterator[Sequence[_Step]]:
        """Yield the writes, batch by batch; what cannot be restored ends it, unless skipped."""
        # By now nobody else can write: what is written before in the journal is older than this.
        self._now_us = time_ns() // 1000
        is_empty = not reader.walk(limit=1)
        done = 0
        for page in self._pages:
            for start in range(0, len(page), _PAGE):
                rows = page[start : start + _PAGE]
                steps = self._restored(reader, rows, is_empty=is_empty)
                if steps:
                    yield steps
                done += len(rows)
                self._on_progress(done)
        if self._options.deletes and not is_empty:
            yield from self._deleted(reader)
        if self._scope is None:
            grants = restored_grants(reader, self._grants, self._now_us)
            self._tally.grants = count_grants(grants)
            if grants:
                yield grants

    def _restored(self, reader: Reader, rows: list[Row], *, is_empty: bool) -> list[_Step]:
        if is_empty:
            rows = self._fit(rows)
            self._tally.note_changes(rows, "create")
            return self._put_all(rows)
        if self._options.deletes:
            # Also what cannot be restored: it is left as it is.
            self._seen.note(rows, range(len(rows)))
        rows = self._fit(rows)
        there = reader.read([Ref(row.scope, row.key) for row in rows])
        wanted = [row for row, live in zip(rows, there, strict=True) if self._is_wanted(row, live)]
        return self._put_all(wanted)

    def _is_wanted(self, row: Row, live: Row | None) -> bool:
        tally = self._tally
        if live is None:
            tally.note_changes((row,), "create")
            return True
        if row[3:] == live[3:] and live.version >= row.version:
            tally.unchanged += 1
            return False
        if not self._decide(row, live):
            tally.skipped += 1
            return False
        if self._is_spared(live):
            return False
        tally.note_changes((row,), "replace")
        return True

    def _is_spared(self, live: Row) -> bool:
        """Return whether an entry stays since it is sealed, and this store lacks its key.

        No backup can have been made of it before. Raises RestoreFailed, unless others go on.
        """
        if live.blob[:1] != _SEALED:
            return False
        error = no_key()
        if self._options.on_error == "stop":
            raise _failed(self._backup_id, live, error)
        self._tally.note_failure(live.scope, live.key, error)
        return True

    def _fit(self, rows: list[Row]) -> list[Row]:
        """Return the rows that can be written, as they are written."""
        if self._writable.takes_as_they_are(rows):
            return rows
        fit: list[Row] = []
        for row in rows:
            try:
                fit.append(self._writable.fitted(row))
            except LlmSpellError as error:
                if self._options.on_error == "stop":
                    raise _failed(self._backup_id, row, error) from error
                self._tally.note_failure(row.scope, row.key, error)
        return fit

    def _put_all(self, rows: Sequence[Row]) -> list[_Step]:
        self._tally.restored += len(rows)
        now = self._now_us
        return [_new_restored((row[0], row[1], row[9], now, *row[2:9])) for row in rows]

    def _deleted(self, reader: Reader) -> Iterator[list[_Step]]:
        """Yield the removal of what is there and was not then."""
        for rows in self._there(reader):
            numbers = self._seen.numbers(rows)
            extra = [row for row, number in zip(rows, numbers, strict=True) if number is None]
            extra = [row for row in extra if not self._is_spared(row)]
            self._tally.note_changes(extra, "delete")
            self._tally.deleted += len(extra)
            if extra:
                yield [Delete(row.scope, row.key, self._now_us) for row in extra]

    def _there(self, reader: Reader) -> Iterator[list[Row]]:
        """Yield the stored entries that are there, of those that are chosen."""
        scope, keys = self._scope, self._options.keys
        if scope is None:
            after: Ref | None = None
            while rows := reader.walk(after, limit=_PAGE):
                after = Ref(rows[-1].scope, rows[-1].key)
                yield rows
        elif keys is not None:
            found = reader.read([Ref(scope, key) for key in sorted(set(keys))])
            yield [row for row in found if row is not None and row.state_class != _EPHEMERAL]
        else:
            last: str | None = None
            with_values = not self._writable.has_key  # to see what cannot be opened
            while rows := reader.scan(scope, after=last, limit=_PAGE, values=with_values):
                last = rows[-1].key
                yield [row for row in rows if row.state_class != _EPHEMERAL]


_POLICIES: Final[dict[str, Callable[[Row, Row], bool]]] = {
    "replace": lambda row, live: True,
    "keep": lambda row, live: False,
    "newer": lambda row, live: row.updated_at > live.updated_at,
}


def _failed(backup_id: str, row: Row, error: LlmSpellError) -> RestoreFailed:
    return RestoreFailed(
        f"nothing was restored: key {row.key!r} in scope '{row.scope}' cannot be: {error.message}",
        hint=error.hint or 'on_error = "skip" restores all others',
        backup=backup_id,
        scope=row.scope,
        key=row.key,
        reason=error.code,
    )
