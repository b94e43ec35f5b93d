"""The schemas and migrations in the configured folders, read without opening the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from llmspell.errors import SchemaError

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.config.state_sections import Migration
    from llmspell.schema.functions import Functions
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = [
    "chosen_schema",
    "family",
    "file_of",
    "files_of",
    "migration_section",
    "nothing_there",
    "read_each",
    "registry_of",
    "schema_validators",
]

_Read = TypeVar("_Read")
Folder = Literal["schemas_dir", "migrations_dir"]


def migration_section(settings: Settings) -> Migration:
    """Return what is configured for schemas and migrations, whether they are enabled or not."""
    config = settings.load_if_given()
    if config is None:
        from llmspell.config import default_config

        config = default_config()
    return config.state.migration


def files_of(section: Migration, name: Folder) -> list[Path]:
    """Return the files of a folder. Only a folder that the configuration names must be there."""
    from llmspell.schema.files import files_in

    folder: Path = getattr(section, name)
    if name not in section.model_fields_set and not folder.exists():
        return []
    return files_in(folder, what=name.removesuffix("_dir"))


def nothing_there(section: Migration, what: str, *names: Folder) -> SchemaError:
    """Return the error for folders without any file: most likely one looks in the wrong place."""
    folders = " and ".join(repr(str(getattr(section, name))) for name in names)
    keys = " and ".join(f"state.migration.{name}" for name in names)
    return SchemaError(
        f"there are no {what} in {folders}",
        hint=f"{keys} name where they are, relative to the current folder",
    )


def read_each(
    files: Iterable[Path], read: Callable[[Path], _Read]
) -> tuple[list[_Read], list[SchemaError]]:
    """Return what can be read, and the errors of what cannot."""
    found: list[_Read] = []
    errors: list[SchemaError] = []
    for file in files:
        try:
            found.append(read(file))
        except SchemaError as error:
            errors.append(error)
    return found, errors


def schema_validators() -> Functions:
    """Return the validators that files can name: those built in, and scripts."""
    from llmspell.schema.functions import Functions
    from llmspell.schema.validators import VALIDATORS
    from llmspell.script_function import ScriptFunction

    return Functions("validator", VALIDATORS, scripts=ScriptFunction)


def registry_of(section: Migration) -> SchemaRegistry:
    """Read all schemas. Raises ``SchemaError`` for the first mistake in them."""
    from llmspell.schema.files import read_schema
    from llmspell.schema.registry import SchemaRegistry

    schemas = map(read_schema, files_of(section, "schemas_dir"))
    return SchemaRegistry(schemas, validators=schema_validators())


def family(registry: SchemaRegistry, name: str, section: Migration) -> str:
    """Return the name, if there are schemas of it. Raises ``SchemaError``, saying where to write
    one.
    """
    if name in registry.names:
        return name
    from difflib import get_close_matches

    guess = get_close_matches(name, registry.names, n=1)
    there = ", ".join(registry.names[:20])
    hint = f"did you mean {guess[0]!r}?" if guess else f"there are {there}"
    if not registry.names:
        hint = f"there are none: write one into the folder {str(section.schemas_dir)!r}"
    raise SchemaError(f"there is no schema {name!r}", hint=hint, schema=name)


def chosen_schema(settings: Settings, text: str) -> tuple[StateSchema, SchemaRegistry]:
    """Return what ``NAME`` or ``NAME@VERSION`` means: without a version, the latest.

    Raises ``SchemaError`` and ``UnsupportedVersion``.
    """
    section = migration_section(settings)
    registry = registry_of(section)
    name, at, version = text.partition("@")
    family(registry, name, section)
    number = registry.resolve(name, version) if at else registry.latest(name)
    return registry.get(name, number), registry


def file_of(schema: StateSchema) -> dict[str, Any]:
    """Return where a schema is from, as a part of a report."""
    return {} if schema.source is None else {"file": str(schema.source)}
