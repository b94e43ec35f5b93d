"""What is wrong with the files of schemas and migrations: all of it, not only the first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import MigrationError, SchemaError

if TYPE_CHECKING:
    from llmspell.config.state_sections import Migration
    from llmspell.migration.planner import Planner
    from llmspell.migration.step import MigrationStep
    from llmspell.schema.functions import Functions

__all__ = ["Checked", "check_files"]


class Checked(NamedTuple):
    """How many files there are and what is wrong with them; warnings are no mistakes."""

    schemas: int
    migrations: int
    errors: list[SchemaError]
    warnings: list[str]


def check_files(section: Migration) -> Checked:
    """Read every file, compile every step, follow its transforms, and plan from every version.

    Each stage is for files in which the one before it found nothing, for else the same mistake
    would be told again in other words. Raises ``SchemaError`` for a folder that is not there.
    """
    from llmspell.cli.commands.schema_files import files_of, nothing_there, read_each
    from llmspell.migration.files import read_step
    from llmspell.schema.files import read_schema

    schemas, wrong_schemas = read_each(files_of(section, "schemas_dir"), read_schema)
    steps, wrong_steps = read_each(files_of(section, "migrations_dir"), read_step)
    checked = Checked(len(schemas), len(steps), [*wrong_schemas, *wrong_steps], [])
    if not (schemas or steps or checked.errors):
        what = "schemas and no migrations"
        checked.errors.append(nothing_there(section, what, "schemas_dir", "migrations_dir"))
    if checked.errors:
        return checked
    from llmspell.migration.versioning import open_versioning
    from llmspell.script_function import ScriptFunction

    try:
        versioning = open_versioning(section, scripts=ScriptFunction)
    except SchemaError as error:
        checked.errors.append(error)
        return checked
    _check_names(versioning.planner, versioning.unclaimed, checked)
    for step in steps:
        _check_step(step, versioning.planner, checked)
    if not checked.errors:
        checked.errors.extend(_missing_ways(versioning.planner))
    return checked


def _check_names(planner: Planner, unclaimed: str | None, checked: Checked) -> None:
    """Warn of steps that lead beyond the schemas, or are of a schema that there is not."""
    known = planner.registry.names
    if unclaimed is not None and known:
        checked.warnings.append(
            f"there is no schema {unclaimed!r}, so its migrations are for whatever no schema"
            f" applies to; there are {', '.join(known)}"
        )
    for name in known:
        latest = planner.latest(name)
        beyond = [version for version in planner.versions(name) if version > latest]
        checked.warnings.extend(
            f"migrations of {name!r} speak of version {version}, and the latest schema is {latest}"
            for version in beyond
        )


def _check_step(step: MigrationStep, planner: Planner, checked: Checked) -> None:
    from llmspell.migration.checks import check_step
    from llmspell.migration.shape import shape_of

    registry = planner.registry
    known = registry.versions(step.schema_name) if step.schema_name in registry.names else ()
    try:
        _compile(step)
    except SchemaError as error:
        checked.errors.append(_in_file(error, step))
        return
    old, new = (
        registry.get(step.schema_name, version) if version in known else None
        for version in (step.from_version, step.to_version)
    )
    found = check_step(step, old=old, new=new, shape=partial(shape_of, registry=registry))
    place = f"{step.source}: " if step.source else ""
    checked.warnings.extend(f"{place}{warning}" for warning in found.warnings)
    for text in found.errors:
        file = str(step.source) if step.source else None
        checked.errors.append(SchemaError(f"{place}{text}", file=file, schema=step.schema_name))


def _compile(step: MigrationStep) -> None:
    """Look up all that a step and its way back name. Raises ``SchemaError``."""
    from llmspell.cli.commands.schema_files import schema_validators
    from llmspell.migration.compiling import compile_step

    functions: dict[str, Functions] = {
        "transformers": _transformers(),
        "validators": schema_validators(),
    }
    compile_step(step, **functions)
    if step.rollback_transformations:
        back = {"transformations": step.rollback_transformations, "name": f"{step.name} (rollback)"}
        way_back = step.model_copy(update={**back, "pre_conditions": (), "post_conditions": ()})
        compile_step(way_back, **functions)


def _transformers() -> Functions:
    from llmspell.migration.transformers import TRANSFORMERS
    from llmspell.schema.functions import Functions
    from llmspell.script_function import ScriptFunction

    return Functions("transformer", TRANSFORMERS, scripts=ScriptFunction)


def _in_file(error: SchemaError, step: MigrationStep) -> SchemaError:
    """Return the error with the file in its message, if it does not stand there already."""
    place = str(step.source) if step.source else ""
    if place in error.message:
        return error
    details = {"file": place, "schema": step.schema_name} | error.details
    return SchemaError(f"{place}: {error.message}", hint=error.hint, **details)


def _missing_ways(planner: Planner) -> Iterator[SchemaError]:
    """Yield an error for each version that has no way to the latest one."""
    for name in planner.names:
        latest = planner.latest(name)
        told: set[str] = set()
        for version in planner.versions(name):
            try:
                planner.plan(name, version, latest)
            except MigrationError as error:
                gap = str(error.details.get("gap", version))
                if version < latest and gap not in told:
                    told.add(gap)
                    yield SchemaError(error.message, hint=error.hint, schema=name)
