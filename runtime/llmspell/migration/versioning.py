"""Which versions of schemas values have, and what leads from one to another: as configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from llmspell.errors import SchemaError
from llmspell.migration.files import read_steps
from llmspell.migration.planner import Planner
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.schema.files import read_schemas
from llmspell.schema.functions import Functions
from llmspell.schema.registry import SchemaRegistry
from llmspell.schema.rule import SchemaVersionRule
from llmspell.schema.validators import VALIDATORS

if TYPE_CHECKING:
    from llmspell.config.state_sections import Migration
    from llmspell.migration.step import MigrationStep
    from llmspell.schema.models import StateSchema
    from llmspell.security.validation import Rule

__all__ = ["NOTHING_GIVEN", "Given", "Versioning", "open_versioning"]

#: Told of a value that does not fit: its scope, its key and what is wrong.
Warn: TypeAlias = Callable[[str, str, str], None]


class Given(NamedTuple):
    """What a program hands over besides the files.

    ``transformers`` and ``validators`` are functions of (value, config) by name.
    """

    schemas: tuple[StateSchema, ...] = ()
    migrations: tuple[MigrationStep, ...] = ()
    transformers: Mapping[str, Callable[..., Any]] = {}
    validators: Mapping[str, Callable[..., Any]] = {}


NOTHING_GIVEN: Final = Given()


@dataclass(frozen=True, slots=True)
class Versioning:
    """The schemas, the migrations, and how they are used.

    ``auto`` migrates an entry of an older version when it is loaded. ``rollback_us`` is for how
    long a migration can be rolled back. ``unclaimed`` is a name that steps have and no schema.
    """

    registry: SchemaRegistry
    planner: Planner
    unclaimed: str | None = None
    level: Literal["off", "warn", "strict"] = "strict"
    auto: bool = False
    batch_size: int = 1000
    rollback_us: int = 0

    def family_of(self, scope: str, key: str) -> str | None:
        """Return the name of the schema that applies to an entry, if any does.

        Steps of a name that has no schema are for what no schema claims. Raises ``SchemaError``
        when two claim it.
        """
        return self.registry.family_of(scope, key) or self.unclaimed

    def claims(self, name: str) -> list[tuple[str, str]]:
        """Return the patterns of scopes and keys that a name is for."""
        return list(self.registry.scopes_of(name)) if name in self.registry.names else [("*", "*")]

    def current(self, scope: str, key: str) -> int:
        """Return the version that a value has which is saved there without naming one."""
        name = self.family_of(scope, key)
        return 1 if name is None else self.planner.latest(name)

    def makes(self, rules: Iterable[Rule]) -> bool:
        """Tell whether rules are those of schemas and no others."""
        return all(isinstance(rule, SchemaVersionRule) for rule in rules)

    def rules(self, warn: Warn) -> list[Rule]:
        """Return what checks values on their way into the store; ``warn`` is told at level warn."""
        if self.level == "off":
            return []
        is_strict = self.level == "strict"
        return [
            SchemaVersionRule(self.registry, name, scope, key, warn=None if is_strict else warn)
            for name in self.registry.names
            for scope, key in self.registry.scopes_of(name)
        ]


def open_versioning(
    section: Migration,
    given: Given = NOTHING_GIVEN,
    *,
    scripts: Callable[..., Callable[..., Any]] | None = None,
) -> Versioning:
    """Read the files a configuration names and check that all fits together.

    ``scripts`` loads a function of a script, as ``ScriptFunction`` does. A folder that does not
    exist is an error only when the configuration names it, and the default ones are read only if
    nothing is given. Raises ``SchemaError``.
    """
    validators = Functions("validator", VALIDATORS, given.validators, scripts)
    # A transformer whose return was forgotten must not store null; to a validator that says yes.
    returning = None if scripts is None else partial(scripts, must_return=True)
    transformers = Functions("transformer", TRANSFORMERS, given.transformers, returning)
    # Who hands over objects means those; a folder that happens to be here is none of his.
    in_files = not (given.schemas or given.migrations)
    schemas = [*_read(section, "schemas_dir", read_schemas, in_files), *given.schemas]
    steps = [*_read(section, "migrations_dir", read_steps, in_files), *given.migrations]
    registry = SchemaRegistry(schemas, validators=validators)
    planner = Planner(registry, steps, transformers=transformers, validators=validators)
    return Versioning(
        registry,
        planner,
        unclaimed=_unclaimed(registry, planner),
        level=section.validation_level,
        auto=section.auto_migrate,
        batch_size=section.batch_size,
        rollback_us=section.rollback_days * 24 * 3600 * 1_000_000,
    )


def _unclaimed(registry: SchemaRegistry, planner: Planner) -> str | None:
    names = [name for name in planner.names if name not in registry.names]
    if len(names) > 1:
        raise SchemaError(
            f"migrations name schemas that do not exist: {', '.join(names)}",
            hint="write a schema for each, whose applies_to tells its scopes and keys; only one"
            " name may do without",
            schema=names[0],
        )
    return names[0] if names else None


def _read(
    section: Migration, name: str, read: Callable[[Path], Iterable[Any]], by_default: bool
) -> Iterable[Any]:
    folder: Path = getattr(section, name)
    if name not in section.model_fields_set and not by_default:
        return ()
    if folder.is_dir():
        return read(folder)
    if name in section.model_fields_set:
        raise SchemaError(
            f"state.migration.{name}: there is no folder {str(folder)!r}",
            hint="make it, or name another one; relative paths start at the current folder",
            file=str(folder),
        )
    return ()
