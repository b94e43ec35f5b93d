"""What ``State`` offers where values have schemas: migrating them, telling their versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Protocol

from llmspell_bridges.api import Function, Param, Record, check_arguments, usage
from llmspell_bridges.errors import InvalidArgument
from llmspell_stdlib.state import given
from llmspell_stdlib.state_together import STATE

__all__ = ["MIGRATION", "STATE", "MigrationService"]

#: The key of the configuration that switches these functions on.
MIGRATION: Final = "state.migration.enabled"


class Told(Protocol):
    """What a migration came to."""

    def to_dict(self) -> dict[str, Any]: ...


class MigrationService(Protocol):
    """What these functions need of the host."""

    def migrate(
        self,
        scope: str,
        key: str,
        target: int | str,
        *,
        dry_run: bool = False,
        allow_unsafe: bool = False,
    ) -> Told: ...
    def migrate_all(self, target: int | str, **options: Any) -> Told: ...
    def migration_status(self) -> dict[str, Any]: ...
    def schema_versions(self) -> dict[str, Any]: ...


_MOST_EXACT: Final = 2**53
_DRY_RUN: Final = Param("dry_run", "boolean", "Only tell what would be done; nothing is written.")
_UNSAFE: Final = Param("allow_unsafe", "boolean", "Take a way that loses data, too.")
STATE.records += [
    Record("MigrateOptions", "Options of `State.migrate` for one entry.", (_DRY_RUN, _UNSAFE)),
    Record(
        "MigrateAllOptions",
        "Options of `State.migrate` for many entries.",
        (
            Param("schema", "text", "Only entries of the schema of this name."),
            Param("scope", "text", 'Only scopes that match this pattern, such as "user:*".'),
            Param("key", "text", "Only keys that match this pattern."),
            _DRY_RUN,
            Param("atomic", "boolean", "Migrate all of them or none."),
            _UNSAFE,
        ),
    ),
]
_SCOPE: Final = Param("scope", "scope", "Where the key lives.")
_KEY: Final = Param("key", "text", "The key.")
_TARGET: Final = Param("target", "version", 'The version to lead to: `2`, or text such as "2.0.0".')
_ONE: Final = (
    _SCOPE,
    _KEY,
    _TARGET,
    Param("options", "MigrateOptions", "dry_run, allow_unsafe", optional=True),
)
_MANY: Final = (
    _TARGET,
    Param(
        "options",
        "MigrateAllOptions",
        "schema, scope, key, dry_run, atomic, allow_unsafe",
        optional=True,
    ),
)


@STATE.function(
    # What is given for each of them depends on the form; the handler checks it.
    *(Param(each.name, "value", optional=True) for each in _ONE),
    forms=(_ONE, _MANY),
    result="map",
    result_doc="success, status (completed, nothing_to_do, partial, rolled_back, dry_run), id, "
    "schemas, from_version, to_version, items_checked, items_migrated, items_failed, "
    "items_skipped, duration_ms, and the lists steps, warnings and errors (maps with scope, key, "
    "step, code, message).",
    gate=MIGRATION,
    access=("read", "write"),
)
def migrate(state: MigrationService, *arguments: Any) -> dict[str, Any]:
    """Bring one entry, or every entry of the schemas there are, to a version of its schema.

    With a scope and a key it is one entry, which is migrated or stays as it was, and a failure is
    an error. With the target alone it is every entry that a schema applies to: the entries that
    cannot be migrated are told in `errors` and stay as they were. That form needs, where access
    control is on, `read` and `write` in the scope named, and `admin` if none or a pattern is.
    """
    while arguments and arguments[-1] is None:
        arguments = arguments[:-1]
    arguments = tuple(map(_whole, arguments))
    if _is_of_many(arguments):
        _check(_MANY, arguments)
        target, options = (*arguments, None)[:2]
        return state.migrate_all(target, **given(options)).to_dict()
    _check(_ONE, arguments)
    scope, key, target, options = (*arguments, None)[:4]
    return state.migrate(scope, key, target, **given(options)).to_dict()


_MIGRATE: Final[Function] = STATE.functions[-1]


def _is_of_many(arguments: tuple[Any, ...]) -> bool:
    """Tell whether the first argument is the target: a version, and no key follows it."""
    first, second = (*arguments, None, None)[:2]
    if type(first) in (int, float):
        return True
    if type(first) is not str or type(second) is str:
        return False
    parts = first.split(".")
    return len(parts) <= 3 and all(part.isascii() and part.isdigit() for part in parts)


def _whole(argument: Any) -> Any:
    """Return 2 for 2.0: Lua has it of every division, and JavaScript knows no difference."""
    is_whole = type(argument) is float and argument.is_integer()
    return int(argument) if is_whole and abs(argument) <= _MOST_EXACT else argument


def _check(form: tuple[Param, ...], arguments: tuple[Any, ...]) -> None:
    try:
        check_arguments(STATE, replace(_MIGRATE, params=form), list(arguments))
    except InvalidArgument as error:
        error.hint = error.hint or f"call it as {usage(STATE, _MIGRATE)}"
        raise


@STATE.function(
    result="map",
    result_doc="schemas (by name: latest, semantic_version, entries by version, pending), pending, "
    "up_to_date, running and, after a migration of many entries, last.",
    gate=MIGRATION,
    reads=True,
    access=("any",),
)
def get_migration_status(state: MigrationService) -> dict[str, Any]:
    """Return how many entries are of which version, how many wait, and the last migration.

    Only scopes that the caller may read are counted.
    """
    return state.migration_status()


@STATE.function(
    result="map",
    result_doc="By the schema's name: latest, semantic_version, and versions, a list of maps with "
    "version and, where there is a schema of it, semantic_version, description, compatibility.",
    gate=MIGRATION,
    reads=True,
    access=("any",),
)
def get_schema_versions(state: MigrationService) -> dict[str, Any]:
    """Return the schemas there are and their versions."""
    return state.schema_versions()
