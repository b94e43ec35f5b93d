"""What there is to migrate in a store, and the way from each version to the one to reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell.errors import LlmSpellError, MigrationError, SchemaError

if TYPE_CHECKING:
    from llmspell.cli.commands.migrate_options import Chosen
    from llmspell.migration.plan import Plan
    from llmspell.migration.versioning import Versioning
    from llmspell.state.manager import StateManager

__all__ = ["Way", "Ways", "ways"]


class Way(NamedTuple):
    """How entries of a version get to the one to reach: a plan, or the error why there is none."""

    schema: str
    from_version: int
    to_version: int
    entries: int
    plan: Plan | None = None
    error: LlmSpellError | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be taken without losing anything."""
        return self.plan is not None and self.plan.is_safe

    def to_dict(self) -> dict[str, Any]:
        """Return the way as plain data."""
        facts: dict[str, Any] = {
            "schema": self.schema,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "entries": self.entries,
        }
        if self.plan is not None:
            facts |= self.plan.to_dict()
        if self.error is not None:
            facts["error"] = self.error.to_dict()
        return facts


class Ways(NamedTuple):
    """The ways there are, how many entries need none, and what was noticed on the way."""

    ways: list[Way]
    up_to_date: int
    warnings: list[str]


def ways(state: StateManager, versioning: Versioning, chosen: Chosen) -> Ways:
    """Look at what is stored, as far as the caller may read it, and plan.

    Raises ``SchemaError`` and ``UnsupportedVersion`` for a schema or a version there is not.
    """
    from llmspell.state.migrating.census import census
    from llmspell.state.migrating.selection import Selection
    from llmspell.state.migrating.targets import targets

    if chosen.scope is not None and "*" not in chosen.scope:
        from llmspell.state.scope import scope_text

        chosen = chosen._replace(scope=scope_text(chosen.scope))
    warnings: list[str] = []
    wanted = targets(versioning.planner, chosen.target, chosen.schema, warnings)
    selection = Selection(versioning, wanted, scope=chosen.scope, key=chosen.key)
    allowed = set(state.list_scopes())

    def readable(scopes: Iterable[str]) -> list[str]:
        return [scope for scope in scopes if scope in allowed]

    counts = census(state.store, selection, readable)
    found = [
        _way(versioning, Way(schema, version, wanted[schema], entries))
        for (schema, version), entries in sorted(counts.items())
        if version != wanted[schema]
    ]
    return Ways(found, counts.total() - sum(way.entries for way in found), warnings)


def _way(versioning: Versioning, way: Way) -> Way:
    try:
        plan = versioning.planner.plan(way.schema, way.from_version, way.to_version)
        return way._replace(plan=plan.compile())
    except (MigrationError, SchemaError) as error:
        return way._replace(error=error)
