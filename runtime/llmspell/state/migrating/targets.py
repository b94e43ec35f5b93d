"""Which version each schema is to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import SchemaError, UnsupportedVersion

if TYPE_CHECKING:
    from llmspell.migration.planner import Planner

__all__ = ["targets"]


def targets(
    planner: Planner, target: int | str | None, schema: str | None, warnings: list[str]
) -> dict[str, int]:
    """Return the version to reach by schema; one that does not have it is left out, with a warning.

    Raises ``SchemaError`` when there is no such schema or none at all, and ``UnsupportedVersion``
    when no schema has the version.
    """
    if schema is not None and schema not in planner.names:
        known = ", ".join(planner.names) or "none"
        raise SchemaError(f"there is no schema {schema!r}", hint=f"schemas: {known}", schema=schema)
    names = planner.names if schema is None else (schema,)
    if not names:
        raise SchemaError(
            "there are no schemas and no migrations",
            hint="put them into the folders that state.migration.schemas_dir and"
            " state.migration.migrations_dir name",
        )
    found: dict[str, int] = {}
    missing: list[UnsupportedVersion] = []
    for name in names:
        try:
            found[name] = planner.resolve(name, target)
        except UnsupportedVersion as error:
            missing.append(error)
    if not found:
        raise missing[0]
    warnings += (error.message for error in missing)
    return found
