"""Find, read, check and merge: defaults < profile < file < environment < overrides.

Each source is checked by itself, so that a mistake is reported with its own place even when a
stronger source hides it, and all mistakes are reported together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmspell.config.environment import CONFIG_VARIABLE, PROFILE_VARIABLE, read_settings
from llmspell.config.models import Config
from llmspell.config.positions import key_lines
from llmspell.config.problems import Problem, config_error, describe
from llmspell.config.profiles import profile_named
from llmspell.config.toml_file import read_text, read_toml
from llmspell.errors import ConfigError

__all__ = ["default_config", "load_config"]

_Place = Callable[[Problem, tuple[str, ...]], Problem]


def load_config(
    path: Path | str | None = None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Load the configuration from a profile, a file, the environment and overrides.

    A later source wins, key by key. ``path`` and ``profile`` default to ``LLMSPELL_CONFIG`` and
    ``LLMSPELL_PROFILE``; without either, no file is read, whatever lies in the current folder.
    ``environ`` defaults to the process environment. ``overrides`` has dotted keys:
    ``{"state.backend": "memory"}``. Raises ``ConfigError`` with every mistake found.
    """
    variables = os.environ if environ is None else environ
    layers: list[Mapping[str, Any]] = []
    problems: list[Problem] = []

    profile_origin = PROFILE_VARIABLE if profile is None else None
    name = variables.get(PROFILE_VARIABLE) or None if profile is None else profile
    if name is not None:
        _collect(problems, layers, lambda: profile_named(name, origin=profile_origin).settings)
    file = variables.get(CONFIG_VARIABLE) or None if path is None else path
    if file is not None:
        _collect(problems, layers, lambda: _from_file(Path(file)))
    _collect(problems, layers, lambda: _from_environment(variables))
    if overrides:
        _collect(problems, layers, lambda: _from_overrides(overrides))
    if problems:
        raise config_error(problems)

    merged: dict[str, Any] = {}
    for layer in layers:
        _merge(merged, layer)
    return Config(**merged)


@cache
def default_config() -> Config:
    """Return the configuration without any file, profile or variable; always the same object."""
    return Config()


def _collect(
    problems: list[Problem],
    layers: list[Mapping[str, Any]],
    read: Callable[[], Mapping[str, Any]],
) -> None:
    try:
        layers.append(read())
    except ConfigError as error:
        problems += [Problem(**problem) for problem in error.details["problems"]]


def _from_file(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    data = read_toml(text, path)

    lines = cache(lambda: key_lines(text))  # only a mistake asks for them

    def place(problem: Problem, key: tuple[str, ...]) -> Problem:
        return problem._replace(origin=str(path), line=_line(lines(), key))

    return _checked(data, place)


def _line(lines: Mapping[tuple[str, ...], int], key: tuple[str, ...]) -> int | None:
    # A key within a list has no line of its own: its nearest parent has.
    return next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), None)


def _from_environment(environ: Mapping[str, str]) -> Mapping[str, Any]:
    settings = read_settings(environ)

    def place(problem: Problem, key: tuple[str, ...]) -> Problem:
        return problem._replace(origin=_variables(settings.variables, key))

    return _checked(settings.values, place, settings.problems)


def _variables(variables: Mapping[tuple[str, ...], str], key: tuple[str, ...]) -> str:
    """Return the variables that a problem is about: that of a section has those of its keys."""
    return ", ".join(
        sorted(name for place, name in variables.items() if place[: len(key)] == key[: len(place)])
    )


def _from_overrides(overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    data: dict[str, Any] = {}
    for name, value in overrides.items():
        nested: Any = value
        for part in reversed(name.split(".")):
            nested = {part: nested}
        _merge(data, nested)
    return _checked(data, lambda problem, _: problem)


def _checked(
    data: Mapping[str, Any], place: _Place, problems: list[Problem] | None = None
) -> Mapping[str, Any]:
    found = list(problems or ())
    try:
        Config(**data)
    except ConfigError as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        for detail in error.__cause__.errors():
            key = tuple(str(part) for part in detail["loc"])
            found.append(place(describe(detail, Config), key))
    if found:
        raise config_error(found)
    return data


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for name, value in layer.items():
        if isinstance(value, Mapping):
            table = into.get(name)
            into[name] = dict(table) if isinstance(table, Mapping) else {}
            _merge(into[name], value)
        else:
            into[name] = value
