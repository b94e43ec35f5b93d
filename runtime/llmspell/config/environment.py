"""Environment variables: ``LLMSPELL_STATE__BACKEND=memory`` sets ``state.backend``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell.config.problems import Problem

__all__ = [
    "ACTOR_VARIABLE",
    "CONFIG_VARIABLE",
    "PROFILE_VARIABLE",
    "Settings",
    "nothing_configured",
    "read_settings",
]

_PREFIX = "LLMSPELL_"
_NESTING = "__"
CONFIG_VARIABLE = "LLMSPELL_CONFIG"
PROFILE_VARIABLE = "LLMSPELL_PROFILE"
ACTOR_VARIABLE = "LLMSPELL_ACTOR"

# Names that are no settings: the first two say what to load, the others are read elsewhere.
_RESERVED = frozenset(
    {
        CONFIG_VARIABLE,
        PROFILE_VARIABLE,
        ACTOR_VARIABLE,
        "LLMSPELL_DEBUG",
        "LLMSPELL_MASTER_KEY",
        "LLMSPELL_PASSPHRASE",
    }
)


class Settings(NamedTuple):
    """The settings found, nested like the TOML, the variable of each, and unknown variables."""

    values: dict[str, Any]
    variables: dict[tuple[str, ...], str]
    problems: list[Problem]


def nothing_configured(
    path: Path | str | None = None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether the defaults apply: no file, no profile, no LLMSPELL_ variable with a value.

    Loads nothing, so that a program which never uses State need not import pydantic.
    """
    if path is not None or profile is not None:
        return False
    quiet = _RESERVED - {CONFIG_VARIABLE, PROFILE_VARIABLE}
    variables = os.environ if environ is None else environ
    return not any(
        value and name.startswith(_PREFIX) and name not in quiet
        for name, value in variables.items()
    )


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read every LLMSPELL_ setting. An empty variable counts as not set."""
    from llmspell.config.models import Config
    from llmspell.config.problems import Problem, all_keys, closest

    known = {_PREFIX + _NESTING.join(path).upper(): path for path in all_keys(Config)}
    settings = Settings({}, {}, [])
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or name in _RESERVED or not environ[name]:
            continue
        path = known.get(name)
        if path is None:
            # Compared in lower case, as closest() does with the word.
            names = {candidate.lower(): candidate for candidate in (*known, *_RESERVED)}
            guess = closest(name, list(names))
            meant = f"did you mean {names[guess]}?\n" if guess else ""
            hint = f"{meant}two underscores step into a table: LLMSPELL_STATE__BACKEND"
            settings.problems.append(Problem("unknown environment variable", None, hint, name))
            continue
        settings.variables[path] = name
        table = settings.values
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = _value(environ[name], path)
    return settings


def _value(text: str, path: tuple[str, ...]) -> Any:
    import tomllib  # 5 ms, which nothing_configured() must not cost
    from typing import get_args

    from llmspell.config.models import Config
    from llmspell.config.problems import section_at

    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        return text
    section = section_at(path[:-1], Config)
    field = section.model_fields[path[-1]] if section else None
    kinds = {type(field.default), *get_args(field.annotation)} if field else set()
    wants_text = not kinds & {bool, int, float, tuple}
    # A file may be called 2024 or true: where text is wanted, only a quoted TOML text is read.
    return text if wants_text and not isinstance(value, str) else value
