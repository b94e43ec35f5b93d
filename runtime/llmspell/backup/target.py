"""The state to restore: the full backup, and over it the last word on every key changed since."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

from llmspell.backup.layers import Layer
from llmspell.backup.overlay import Overlay
from llmspell.backup.point import Until
from llmspell.backup.records import Changed, Record, Row

__all__ = ["Target"]


class Target:
    """All entries of one moment, in pages, each entry once.

    ``base`` is the layer with all entries, ``later`` those with what changed after it, of which
    what is past ``until`` does not count. Entries that expired by ``now_us`` are left out.
    ``scope`` and ``keys`` choose, where given.

    Later layers are read twice: for who has the last word, which is all that is remembered of
    them, and for what it is.
    """

    def __init__(
        self,
        base: Layer,
        later: Sequence[Layer],
        overlay: Overlay,
        *,
        now_us: int,
        until: Until | None = None,
        scope: str | None = None,
        keys: frozenset[str] | None = None,
    ) -> None:
        self._base, self._later, self._overlay = base, later, overlay
        self._now_us, self._until = now_us, until
        self._scope, self._keys = scope, keys
        self.expired = 0
        #: When the last change that counts was made.
        self.last_change_us: int | None = None

    def prepare(self) -> None:
        """Find out which record has the last word on each key. Comes before ``pages``."""
        number = 0
        for records in self._changes():
            self._overlay.note(records, range(number, number + len(records)))
            number += len(records)
            if type(records[-1]) is Changed:
                self.last_change_us = records[-1].at

    def pages(self) -> Generator[list[Row], None, None]:
        """Yield the entries."""
        self.expired = 0
        for records in self._base:
            rows = self._chosen(records)
            last_words = self._overlay.numbers(rows)
            yield self._living(
                [row for row, later in zip(rows, last_words, strict=True) if later is None]
            )
        number = 0
        for records in self._changes():
            last_words = self._overlay.numbers(records)
            last = [
                record
                for at, (record, word) in enumerate(zip(records, last_words, strict=True), number)
                if at == word
            ]
            number += len(records)
            yield self._living(self._chosen([row for each in last if (row := _row(each))]))

    def _changes(self) -> Iterator[list[Any]]:
        """Yield what later layers hold, up to the point."""
        until = self._until
        for layer in self._later:
            for records in layer:
                if until is None or not records or type(records[0]) is not Changed:
                    yield records
                    continue
                changes = cast("list[Changed]", records)
                if counting := until.counting(changes):
                    yield counting
                if until.is_behind(changes[-1].seq):
                    return

    def _chosen(self, rows: list[Any]) -> list[Row]:
        scope, keys = self._scope, self._keys
        if scope is not None:
            rows = [row for row in rows if row.scope == scope]
            if keys is not None:
                rows = [row for row in rows if row.key in keys]
        return rows

    def _living(self, rows: list[Row]) -> list[Row]:
        now = self._now_us
        living = [row for row in rows if row[7] is None or row[7] > now]
        self.expired += len(rows) - len(living)
        return living


def _row(record: Record) -> Row | None:
    """Return the entry that a record leaves, None if it leaves none."""
    if type(record) is Row:
        return record
    if type(record) is not Changed or record.op != "put":
        return None
    return Row(
        record.scope,
        record.key,
        record.version,
        record.created_at,
        record.updated_at,
        record.schema_version,
        record.state_class,
        record.expires_at,
        record.correlation_id,
        record.blob,
    )
