"""Migration steps in files: one per TOML or JSON file, at most 1 MiB each."""

from __future__ import annotations

from pathlib import Path

from llmspell.errors import SchemaError
from llmspell.migration.step import MigrationStep
from llmspell.schema.files import files_in, read_model

__all__ = ["read_step", "read_steps", "repeated"]


def read_step(path: str | Path) -> MigrationStep:
    """Return the migration step in a TOML or JSON file.

    Functions that it names are relative to the file's folder. Raises ``SchemaError`` naming
    file, line and field of every mistake.
    """
    file = Path(path)
    return read_model(file, MigrationStep, what="migration").from_file(file)


def read_steps(folder: str | Path) -> list[MigrationStep]:
    """Return the steps in the files of a folder, in the order of the files' names.

    Folders in it are left aside, and so are hidden files and others than TOML and JSON. Raises
    ``SchemaError``, also for two files with a step between the same versions.
    """
    steps: dict[tuple[str, int, int], MigrationStep] = {}
    for file in files_in(Path(folder), what="migrations"):
        step = read_step(file)
        ends = (step.schema_name, step.from_version, step.to_version)
        if ends in steps:
            raise repeated(steps[ends], step)
        steps[ends] = step
    return list(steps.values())


def repeated(first: MigrationStep, second: MigrationStep) -> SchemaError:
    """Return the error for two steps between the same versions of a schema; it names both."""
    named = [
        f"'{step.name}'" + (f" in {step.source}" if step.source else "") for step in (first, second)
    ]
    ends = f"{second.from_version} -> {second.to_version}"
    return SchemaError(
        f"two migration steps of schema '{second.schema_name}' for {ends}: {' and '.join(named)}",
        hint="only one step may lead from a version to another: remove one of them, "
        "or correct its versions",
        schema=second.schema_name,
        from_version=second.from_version,
        to_version=second.to_version,
        files=[str(step.source) for step in (first, second) if step.source],
    )
