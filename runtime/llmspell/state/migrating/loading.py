"""Migrating an entry when it is loaded: what is handed out is of the current version."""

from __future__ import annotations

from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING, Final

from llmspell.errors import AccessDenied, StorageError, VersionConflict
from llmspell.state.cache import Entry
from llmspell.state.contention import backoff
from llmspell.state.migrating.converter import Converter
from llmspell.state.transfer import metadata_of
from llmspell.store.base import Put, Ref, Row

if TYPE_CHECKING:
    from llmspell.migration.versioning import Versioning
    from llmspell.state.rewriting import Rewriting

__all__ = ["Lifting"]

_ATTEMPTS: Final = 100


class Lifting:
    """Lifts old entries to the current version, and writes what it makes of them back.

    Where that cannot be written (the caller may only read, the store is read-only) the value is
    of the current version all the same.
    """

    def __init__(self, state: Rewriting, versioning: Versioning) -> None:
        self._state, self._versioning = state, versioning
        self._converters: dict[tuple[str, int], Converter] = {}

    def entry(self, ref: tuple[str, str], entry: Entry) -> Entry:
        """Return an entry that was read as it is to be handed out.

        Raises ``MigrationFailed``, ``UnsafeMigration``, ``UnsupportedVersion`` and
        ``MigrationPathMissing``.
        """
        if entry.metadata[5] == self._versioning.current(*ref):
            return entry
        for attempt in range(_ATTEMPTS):
            row = self._state.store.read((Ref(*ref),))[0]
            if row is None:
                return entry
            lifted = self.row(row)
            if lifted is row:
                return Entry(row.blob, metadata_of(row))
            with suppress(VersionConflict):
                return self._kept(row, lifted)
            backoff(attempt)
        return Entry(lifted.blob, metadata_of(lifted))

    def row(self, row: Row) -> Row:
        """Return a row with the value of the current version; the very row if it has that."""
        scope, key = row[0], row[1]
        target = self._versioning.current(scope, key)
        family = self._versioning.family_of(scope, key)
        if row[5] == target or family is None:
            return row
        put = self._converter(family, target).put(row, family, time_ns() // 1000)
        return row._replace(blob=put.blob, schema_version=target)

    def _kept(self, row: Row, lifted: Row) -> Entry:
        """Write a lifted row back. Raises ``VersionConflict`` if somebody was faster."""
        state, now = self._state, time_ns() // 1000
        try:
            state._writes(row.scope)
            put = Put(
                row.scope,
                row.key,
                lifted.blob,
                now,
                lifted.schema_version,
                row.state_class,
                row.expires_at,
                row.version,
            )
            (metadata,) = state._save_all((put,), durability=None)
            state._record("migrate", row.scope, row.key, to_version=lifted.schema_version)
            return Entry(lifted.blob, metadata)
        except (AccessDenied, StorageError):
            return Entry(lifted.blob, metadata_of(lifted))

    def _converter(self, family: str, target: int) -> Converter:
        found = self._converters.get((family, target))
        if found is None:
            planner = self._versioning.planner
            found = Converter(planner, {family: target}, self._state._migrated_blob)
            self._converters[family, target] = found
        return found
