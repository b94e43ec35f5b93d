"""Schemas on disk: reading one, and those that it refers to in its own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import orjson

from llmspell.errors import ConfigError

__all__ = ["read_schema", "retriever"]

_MAX_BYTES: Final = 1024 * 1024


def read_schema(file: Path) -> Any:
    """Return the JSON in a file of at most 1 MiB. Raises ``ConfigError`` naming file and place."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise _failure(file, "there is no such schema file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise _failure(file, f"the schema cannot be read: {reason}") from None
    if len(data) > _MAX_BYTES:
        raise _failure(file, "is larger than 1 MiB, so hardly a schema")
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise _failure(file, f"not valid JSON: {error.msg}", line=error.lineno) from None


def retriever(folder: Path | None) -> tuple[Callable[[str], Any], list[ConfigError]]:
    """Return what answers a schema's references, and a list that gets why it could not.

    Only files in ``folder`` and below are read, nothing is ever fetched.
    """
    failures: list[ConfigError] = []

    def retrieve(uri: str) -> Any:
        try:
            return read_schema(_file_of(uri, folder))
        except ConfigError as error:
            failures.append(error)
            raise ValueError(error.message) from None

    return retrieve, failures


def _file_of(uri: str, folder: Path | None) -> Path:
    address = urlsplit(uri)
    if address.scheme not in ("file", "json-schema") or address.netloc:
        raise ConfigError(
            f"$ref {uri!r} leads to another machine; schemas are never fetched",
            hint="put a copy beside the schema and refer to it by its file name; a schema whose "
            "$id is a web address refers to that site by file names too",
        )
    if folder is None:
        raise ConfigError(
            f"$ref {uri!r} leads to a file, and a schema in the configuration has no folder",
            hint="put the schema into a file of its own, or what it refers to into its $defs",
        )
    root = folder.resolve()
    file = Path(url2pathname(unquote(address.path))).resolve()
    if not file.is_relative_to(root):
        raise ConfigError(
            f"$ref {uri!r} leads out of the folder of its schema",
            hint="schemas may refer to files beside them and in folders below",
        )
    return file


def _failure(file: Path, text: str, *, line: int | None = None) -> ConfigError:
    place = str(file) if line is None else f"{file}:{line}"
    return ConfigError(f"{place}: {text}", file=str(file), line=line)
