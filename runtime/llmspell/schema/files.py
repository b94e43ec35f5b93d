"""Files of schemas and migrations: TOML or JSON, at most 1 MiB each."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from llmspell.errors import SchemaError
from llmspell.schema.mistakes import schema_error
from llmspell.schema.models import StateSchema

__all__ = [
    "Positions",
    "files_in",
    "parse_schema",
    "read_model",
    "read_schema",
    "read_schemas",
    "read_table",
]

_MAX_BYTES: Final = 1024 * 1024
_ENDINGS: Final = (".toml", ".json")
_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_Model = TypeVar("_Model", bound=BaseModel)


class Positions:
    """The lines of the keys of a TOML text; found when the first is asked for. JSON has none."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    def line(self, path: Sequence[str]) -> int | None:
        """Return the line of a key, or that of the nearest table around it; lines count from 1."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(tuple(path[:length]))) is not None:
                return line
        return None

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        from llmspell.config.positions import key_lines

        try:
            return key_lines(self._text)
        except RecursionError:  # of a key with very many dots; its mistake is told without a line
            return {}


def read_schema(path: str | Path) -> StateSchema:
    """Return the schema in a TOML or JSON file.

    Raises ``SchemaError`` naming file, line and field of every mistake.
    """
    file = Path(path)
    return read_model(file, StateSchema, what="schema").located(file)


def read_schemas(folder: str | Path) -> list[StateSchema]:
    """Return the schemas in the files of a folder, in the order of their names.

    Folders in it are left aside, and so are hidden files and others than TOML and JSON.
    """
    return [read_schema(file) for file in files_in(Path(folder), what="schemas")]


def parse_schema(table: dict[str, Any]) -> StateSchema:
    """Return the schema in plain data, as a file has it. Raises ``SchemaError``."""
    try:
        return StateSchema.model_validate(table)
    except ValidationError as error:
        raise schema_error(error, StateSchema, schema=_named(table)) from None


def read_model(path: Path, model: type[_Model], *, what: str) -> _Model:
    """Return what a file holds as ``model``. Raises ``SchemaError``; ``what`` is for its words."""
    table, positions = read_table(path, what=what)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise schema_error(
            error, model, file=path, line_of=positions.line, schema=_named(table)
        ) from None


def files_in(folder: Path, *, what: str) -> list[Path]:
    """Return the TOML and JSON files of a folder by name. Raises ``SchemaError`` without one."""
    try:
        entries = sorted(folder.iterdir())
        return [
            entry
            for entry in entries
            if entry.suffix.lower() in _ENDINGS
            and not entry.name.startswith(".")
            and not entry.is_dir()
        ]
    except FileNotFoundError:
        hint = f"make it, or name the folder of the {what} in the configuration"
        raise _failure(folder, f"there is no such folder of {what}", hint=hint) from None
    except NotADirectoryError:
        raise _failure(folder, f"is no folder, so there are no {what} in it") from None
    except (OSError, ValueError) as error:
        raise _failure(folder, f"the folder cannot be read: {_reason(error)}") from None


def read_table(path: Path, *, what: str = "schema") -> tuple[dict[str, Any], Positions]:
    """Return the data of a TOML or JSON file, and where its keys are.

    Raises ``SchemaError`` naming the file, and the line of what cannot be parsed.
    """
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise _failure(path, "is neither a .toml nor a .json file")
    data = _read(path, what)
    if not data.strip():
        raise _failure(path, f"is empty: there is no {what} in it")
    return _from_json(data, path) if ending == ".json" else _from_toml(data, path)


def _read(path: Path, what: str) -> bytes:
    try:
        data = _beginning(path)
    except FileNotFoundError:
        raise _failure(path, f"there is no such file of a {what}") from None
    except IsADirectoryError:
        raise _failure(path, f"is a folder, not the file of a {what}") from None
    except (OSError, ValueError) as error:
        raise _failure(path, f"the file cannot be read: {_reason(error)}") from None
    if data is None:
        raise _failure(path, "is a pipe or a device, not a plain file")
    if len(data) > _MAX_BYTES:
        raise _failure(path, f"is larger than 1 MiB, so hardly a {what}")
    return data.removeprefix(b"\xef\xbb\xbf")


def _beginning(path: Path) -> bytes | None:
    """Return the first bytes of a file; ``None`` for a pipe, which might never give any."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return None
    with path.open("rb") as stream:
        return stream.read(_MAX_BYTES + 1)


def _from_json(data: bytes, path: Path) -> tuple[dict[str, Any], Positions]:
    try:
        table = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _failure(path, f"not valid JSON: {error.msg}", line=error.lineno) from None
    if not isinstance(table, dict):
        raise _failure(path, "must hold one object: { ... }")
    return table, Positions()


def _from_toml(data: bytes, path: Path) -> tuple[dict[str, Any], Positions]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _failure(path, "is not text in UTF-8", line=line) from None
    try:
        return tomllib.loads(text), Positions(text)
    except RecursionError:
        raise _failure(path, "is nested too deeply") from None
    except ValueError as error:
        found = _POSITION.search(str(error))
        what = _POSITION.sub("", str(error))
        line = int(found[1]) if found and found[1] else text.rstrip("\n").count("\n") + 1
        shown = what[:1].lower() + what[1:]
        raise _failure(path, f"not valid TOML: {shown}", line=line) from None


def _named(table: Any) -> str | None:
    if not isinstance(table, dict):
        return None
    name = table.get("name", table.get("schema"))
    return name if isinstance(name, str) else None


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or "not a usable file name"


def _failure(
    path: Path, text: str, *, line: int | None = None, hint: str | None = None
) -> SchemaError:
    place = str(path) if line is None else f"{path}:{line}"
    return SchemaError(f"{place}: {text}", hint=hint, file=str(path), line=line)
