"""Migrating many entries: batch by batch, beside other writers, and so that it can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import LlmSpellError, MigrationFailed, VersionConflict
from llmspell.state.batches import collector_paused
from llmspell.state.contention import backoff
from llmspell.state.migrating.census import census
from llmspell.state.migrating.pace import BATCH_BYTES, Pace
from llmspell.state.migrating.result import MAX_LISTED, MigrationEvent, MigrationResult, OnEvent
from llmspell.store.base import Put, Ref, Row

if TYPE_CHECKING:
    from llmspell.state.migrating.converter import Converter
    from llmspell.state.migrating.selection import Selection
    from llmspell.state.migrating.writer import BatchWriter

__all__ = ["BulkMigration", "Stopped"]

#: Old entries may come in while the migration runs, from programs that know no better.
_MOST_PASSES: Final = 10
_SINGLY_AFTER: Final = 3
_ATTEMPTS: Final = 1000


class Stopped(Exception):
    """A migration that is to do all or nothing met an entry it cannot do."""


class BulkMigration:
    """Migrates what is selected; ``result`` is filled as it goes.

    ``writer`` writes a batch of puts, whole or not at all; without one nothing is written and
    each entry's differences are told. ``atomic`` stops at the first entry that cannot be migrated.
    """

    def __init__(
        self,
        converter: Converter,
        selection: Selection,
        result: MigrationResult,
        writer: BatchWriter,
        *,
        batch_size: int,
        is_dry: bool = False,
        atomic: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        self._converter, self._selection, self._result = converter, selection, result
        self._writer = writer
        self._batch_size = batch_size
        self._is_dry, self._atomic, self._on_event = is_dry, atomic, on_event
        self._failed: list[dict[str, Any]] = []
        self._count_failed = 0
        self.total = 0
        self._done = 0

    def prepare(self) -> dict[tuple[str, int], int]:
        """Count what is to be migrated, by family and version, and plan the ways.

        Raises what planning raises, before anything is changed.
        """
        pending = self._pending()
        self.total = sum(pending.values())
        return pending

    def run(self) -> None:
        """Migrate; go over it again for what came in meanwhile. Raises ``Stopped``."""
        for _ in range(_MOST_PASSES):
            migrated = self._result.items_migrated
            self._failed, self._count_failed, self._result.items_checked = [], 0, 0
            self._writer.begin()
            for page in self._pages():
                self._batch(page)
            if self._is_dry or migrated == self._result.items_migrated:
                break
            if self._writer.was_alone():
                break
            if sum(self._pending().values()) <= self._count_failed:
                break
        self._result.errors = self._failed
        self._result.items_failed = self._count_failed
        self._result.warnings += self._converter.told(MAX_LISTED)
        self._result.steps = self._converter.steps()

    def _pending(self) -> dict[tuple[str, int], int]:
        counts = census(self._writer.store, self._selection)
        targets = self._selection.targets
        self._result.items_checked = counts.total()
        pending = {of: count for of, count in counts.items() if of[1] != targets[of[0]]}
        for family, version in pending:
            self._converter.plan(family, version)
        return pending

    def _pages(self) -> Iterator[dict[str, list[Row]]]:
        """Yield the entries that are to be migrated, by family.

        Pages reach over scopes: often there are many of them with an entry or two each.
        """
        page: dict[str, list[Row]] = {}
        count = size = 0
        for scope, rows, bytes_ in self._rows():
            size += bytes_
            for family, found in self._by_family(scope, rows).items():
                self._result.items_checked += len(found)
                target = self._selection.targets[family]
                due = [row for row in found if row[5] != target]
                if due:
                    page.setdefault(family, []).extend(due)
                    count += len(due)
            if page and (count >= self._batch_size or size >= BATCH_BYTES):
                yield page
                page, count, size = {}, 0, 0
        if page:
            yield page

    def _rows(self) -> Iterator[tuple[str, list[Row], int]]:
        """Yield entries with their scope and the bytes of their values."""
        store, pace = self._writer.store, Pace(self._batch_size)
        for scope, _ in list(self._selection.scopes(store)):
            after: str | None = None
            while rows := store.scan(scope, after=after, limit=(limit := pace.limit)):
                yield scope, rows, pace.saw(rows)
                if len(rows) < limit:
                    break
                after = rows[-1].key

    def _by_family(self, scope: str, rows: list[Row]) -> dict[str, list[Row]]:
        sole = self._selection.sole_family(scope)
        if sole is not None:
            return {sole: rows}
        family_in = self._selection.family_in(scope)
        found: dict[str, list[Row]] = {}
        for row in rows:
            family = family_in(row[1])
            if family is not None:
                found.setdefault(family, []).append(row)
        return found

    def _batch(self, page: dict[str, list[Row]]) -> None:
        for family, rows in page.items():
            with collector_paused(len(rows)):
                puts = self._converted(rows, family)
                if self._is_dry:
                    self._result.items_migrated += len(puts)
                elif puts:
                    self._write(puts, family)
            self._done += len(rows)
        if self._on_event is not None:
            for schema, step in self._converter.steps_of(page.keys()):
                self._tell("step", schema=schema, step=step)
            self._tell("batch")

    def _converted(self, rows: list[Row], family: str) -> list[Put]:
        """Return the writes that migrate entries; those that cannot be are told."""

        def failed(row: Row, error: MigrationFailed) -> None:
            self._fail(error, family)

        at = time_ns() // 1000
        puts = self._converter.puts(rows, family, at, failed=failed, writer=self._writer)
        if self._is_dry and self._on_event is not None:
            by_ref = {(row.scope, row.key): row for row in rows}
            for put in puts:
                self._tell_entry(by_ref[put.scope, put.key], put, family)
        return puts

    def _write(self, puts: list[Put], family: str) -> None:
        """Write a batch. What others changed meanwhile is read and converted again."""
        for attempt in range(_ATTEMPTS):
            if attempt >= _SINGLY_AFTER and len(puts) > 1:
                # Somebody writes one of them all the time: he must not hold up the others.
                for put in puts:
                    self._write([put], family)
                return
            try:
                self._writer.write(puts)
            except VersionConflict:
                backoff(attempt)
                puts = self._again(puts, family)
                if puts:
                    continue
            self._result.items_migrated += len(puts)
            return
        self._fail(_contended(puts[0]), family)

    def _again(self, puts: list[Put], family: str) -> list[Put]:
        rows = self._writer.store.read([Ref(put[0], put[1]) for put in puts])
        target = self._selection.targets[family]
        kept: list[Put] = []
        changed: list[Row] = []
        for put, row in zip(puts, rows, strict=True):
            if row is not None and row.version == put.if_version:
                kept.append(put)
            elif row is not None and row.schema_version != target:
                changed.append(row)
        return kept + self._converted(changed, family)

    # What is told ---------------------------------------------------------------------------

    def _fail(self, error: LlmSpellError, family: str) -> None:
        facts = error.details
        self._count_failed += 1
        if len(self._failed) < MAX_LISTED:
            told = {"code": error.code, "message": error.message}
            named = {name: facts.get(name) for name in ("scope", "key", "step", "path")}
            self._failed.append(told | {n: v for n, v in named.items() if v is not None})
        scope, key = facts.get("scope"), facts.get("key")
        step = facts.get("step")
        self._tell("failed", schema=family, scope=scope, key=key, step=step, message=error.message)
        if self._atomic and not self._is_dry:
            self._result.errors, self._result.items_failed = self._failed, self._count_failed
            raise Stopped

    def _tell_entry(self, row: Row, put: Put, family: str) -> None:
        found = self._converter.differences(row, put)
        self._tell("entry", schema=family, scope=row.scope, key=row.key, differences=found)

    def _tell(self, kind: str, **facts: Any) -> None:
        if self._on_event is not None:
            # What came in meanwhile and what is looked at again was not counted before.
            self.total = max(self.total, self._done)
            event = MigrationEvent(kind, self._result.id, self._done, self.total, **facts)
            self._on_event(event)


def _contended(put: Put) -> MigrationFailed:
    return MigrationFailed(
        f"key {put.key!r} in scope '{put.scope}' was written by others all the time",
        hint="migrate again when it is quiet; it is as they left it",
        scope=put.scope,
        key=put.key,
    )
