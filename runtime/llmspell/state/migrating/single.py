"""Migrating one entry, in one write."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from llmspell.errors import KeyNotFound, SchemaError, VersionConflict
from llmspell.state.contention import backoff
from llmspell.state.migrating.converter import Converter
from llmspell.state.migrating.result import MAX_LISTED, MigrationResult
from llmspell.store.base import Ref, Row

if TYPE_CHECKING:
    from llmspell.migration.versioning import Versioning
    from llmspell.state.rewriting import Rewriting

__all__ = ["migrate_one"]

_ATTEMPTS = 1000


def migrate_one(
    state: Rewriting,
    versioning: Versioning,
    ref: Ref,
    target: int | str | None,
    result: MigrationResult,
    *,
    is_dry: bool = False,
    allow_unsafe: bool = False,
) -> None:
    """Migrate the entry at an address; done again when somebody writes it meanwhile.

    Raises ``KeyNotFound``, ``SchemaError`` when no schema applies to it, and what planning and
    converting raise; then nothing is changed.
    """
    family = _family(versioning, ref)
    version = versioning.planner.resolve(family, target)
    converter = Converter(
        versioning.planner, {family: version}, state._migrated_blob, allow_unsafe=allow_unsafe
    )
    result.schemas, result.to_version, result.items_checked = [family], version, 1
    for attempt in range(_ATTEMPTS):
        row = _row(state, ref)
        result.from_version = row.schema_version
        if row.schema_version == version:
            result.status = "nothing_to_do"
            return
        put = converter.put(row, family, time_ns() // 1000)
        result.items_migrated = 1
        result.steps, result.warnings = converter.steps(), converter.told(MAX_LISTED)
        if is_dry:
            result.status = "dry_run"
            return
        try:
            state._save_all((put,), durability=state._policy(row.state_class).durability)
            state._record("migrate", *ref, id=result.id, from_version=row[5], to_version=version)
            return
        except VersionConflict:
            backoff(attempt)
    raise VersionConflict(
        f"key {ref.key!r} in scope '{ref.scope}' was written by others all the time",
        hint="migrate again when it is quiet; it is as they left it",
        scope=ref.scope,
        key=ref.key,
    )


def _family(versioning: Versioning, ref: Ref) -> str:
    family = versioning.family_of(*ref)
    if family is None:
        raise SchemaError(
            f"no schema applies to key {ref.key!r} in scope '{ref.scope}'",
            hint="`applies_to` of a schema names its scopes and keys",
            scope=ref.scope,
            key=ref.key,
        )
    return family


def _row(state: Rewriting, ref: Ref) -> Row:
    row = state.store.read((ref,))[0]
    if row is None:
        raise KeyNotFound(
            f"there is no entry under key {ref.key!r} in scope '{ref.scope}'",
            hint="list_keys tells which there are",
            scope=ref.scope,
            key=ref.key,
        )
    return row
