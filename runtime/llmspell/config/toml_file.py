"""Read one TOML file; whatever is wrong with it is a ``ConfigError`` with its place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from llmspell.config.problems import Problem, config_error
from llmspell.errors import ConfigError

__all__ = ["read_text", "read_toml"]

_MAX_BYTES = 1024 * 1024
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read_text(path: Path) -> str:
    """Return the text of a configuration file, at most 1 MiB of UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _failure(path, "the configuration file does not exist") from error
    except IsADirectoryError as error:
        raise _failure(path, "is a folder, not a configuration file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise _failure(path, f"the configuration file cannot be read: {reason}") from error
    if len(data) > _MAX_BYTES:
        raise _failure(path, "is larger than 1 MiB, so hardly a configuration file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = "is not text in UTF-8"
        raise config_error([Problem(text, origin=str(path), line=line)]) from error


def read_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse the text of the file ``path``."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise _failure(path, "is nested too deeply") from error
    except ValueError as error:
        raise config_error([_syntax_problem(str(error), text, path)]) from error


def _syntax_problem(message: str, text: str, path: Path) -> Problem:
    found = _POSITION.search(message)
    what = _POSITION.sub("", message)
    what = what[:1].lower() + what[1:]
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    elif found:
        lines = text.rstrip("\n").split("\n")
        line, column = len(lines), len(lines[-1]) + 1
    else:
        return Problem(f"not valid TOML: {what}", origin=str(path))
    return Problem(f"not valid TOML: {what}", origin=str(path), line=line, column=column)


def _failure(path: Path, text: str) -> ConfigError:
    return config_error([Problem(text, origin=str(path))])
