"""Mistakes in a configuration, in words: what, where, and what was probably meant."""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

__all__ = [
    "Problem",
    "all_keys",
    "closest",
    "config_error",
    "describe",
    "dotted",
    "is_secret",
    "listed_section",
    "named_section",
    "section_at",
]

_SHOWN_CHARACTERS = 40
_LISTED_PROBLEMS = 20
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")

# pydantic's kind of error -> what the value has to be; {names} come from the error's context.
_EXPECTATIONS = {
    "missing": "must be given",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "path_type": "must be text in quotes",
    "is_instance_of": "must be text in quotes",  # strict paths
    "string_too_short": "must not be empty",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


class Problem(NamedTuple):
    """One mistake. ``origin`` is a file or a variable; ``key`` is dotted; lines count from 1."""

    text: str
    key: str | None = None
    hint: str | None = None
    origin: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.origin, self.line, self.column) if part)
        return f"{place}: {self.text}" if place else self.text


def config_error(problems: Sequence[Problem]) -> ConfigError:
    """Make one error of all mistakes; ``details["problems"]`` lists them one by one."""
    first = problems[0]
    listed = [
        {name: value for name, value in problem._asdict().items() if value is not None}
        for problem in problems
    ]
    if len(problems) == 1:
        return ConfigError(
            str(first),
            hint=first.hint,
            file=first.origin,
            key=first.key,
            line=first.line,
            column=first.column,
            problems=listed,
        )
    lines = [f"{len(problems)} mistakes in the configuration:"]
    for problem in problems[:_LISTED_PROBLEMS]:
        lines.append(f"  {problem}")
        lines.extend(f"    {part}" for part in (problem.hint or "").splitlines())
    if len(problems) > _LISTED_PROBLEMS:
        lines.append(f"  and {len(problems) - _LISTED_PROBLEMS} more")
    return ConfigError("\n".join(lines), problems=listed)


def describe(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    """Put one error of pydantic into words. Values of secret keys are never shown."""
    path = tuple(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    key = dotted(path)
    expectation = _expectation(error)
    # What is wrong with one entry of a list has been said; the whole list would add nothing.
    hidden = is_secret(path, model) or error["type"] in ("entry", "missing")
    shown = "" if hidden else _shown(error["input"])
    if error["type"] == "literal_error":
        choices = _choices(path, model)
        guess = closest(str(error["input"]), choices)
        hint = f'did you mean "{guess}"?' if guess else None
        expectation = "must be one of " + ", ".join(f'"{choice}"' for choice in choices)
        return Problem(f"{key} {expectation}{shown}", key, hint)
    return Problem(f"{key} {expectation}{shown}", key, error.get("ctx", {}).get("hint"))


def _expectation(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    template = _EXPECTATIONS.get(error["type"])
    if template is None:
        return error["msg"][:1].lower() + error["msg"][1:]
    return template.format(**context)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", not a table"
    if isinstance(value, list):
        return ", not a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f", not {text}" if len(text) <= _SHOWN_CHARACTERS else ""


def _unknown_key(path: tuple[str, ...], model: type[BaseModel]) -> Problem:
    key = dotted(path)
    parent = section_at(path[:-1], model)
    accepted = list(parent.model_fields) if parent else []
    guess = closest(path[-1], accepted)
    if guess:
        meant = f'did you mean "{dotted((*path[:-1], guess))}"?'
    else:
        elsewhere = [known for known in all_keys(model) if known[-1] == path[-1]]
        meant = f'did you mean "{dotted(elsewhere[0])}"?' if elsewhere else ""
    table = f"[{dotted(path[:-1])}]" if len(path) > 1 else "the top level"
    listing = f"{table} takes: {', '.join(accepted)}"
    return Problem(f'unknown key "{key}"', key, f"{meant}\n{listing}".strip())


def closest(word: str, candidates: Sequence[str]) -> str | None:
    """Return the candidate a typing mistake most likely meant, or ``None``."""
    found = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def dotted(path: Sequence[str]) -> str:
    """Return a key's full name, parts quoted where TOML requires it."""
    return ".".join(
        part if _BARE_KEY.match(part) else json.dumps(part, ensure_ascii=False) for part in path
    )


def section_at(path: Sequence[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the model of the table at ``path``, or ``None`` when there is no such table.

    In a list of tables a number stands for one of them, in a table of tables a name.
    """
    steps = iter(path)
    for part in steps:
        field = model.model_fields.get(part)
        section = None if field is None else field.annotation
        if listed := listed_section(section) or named_section(section):
            section = listed if next(steps, None) is not None else None
        if not _is_section(section):
            return None
        model = typing.cast("type[BaseModel]", section)
    return model


def listed_section(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the tables in a list of tables, or ``None`` for any other type."""
    arguments = typing.get_args(annotation)
    is_list = typing.get_origin(annotation) is tuple and arguments[1:] == (...,)
    return arguments[0] if is_list and _is_section(arguments[0]) else None


def named_section(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the tables in a table of tables, or ``None`` for any other type."""
    arguments = typing.get_args(annotation)
    is_table = typing.get_origin(annotation) is dict and len(arguments) == 2
    return arguments[1] if is_table and _is_section(arguments[1]) else None


def all_keys(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that holds a value, tables excluded."""
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            section = typing.cast("type[BaseModel]", field.annotation)
            yield from ((name, *rest) for rest in all_keys(section))
        else:
            yield (name,)


def is_secret(path: Sequence[str], model: type[BaseModel]) -> bool:
    """Tell whether the value at ``path`` may hold a password."""
    parent = section_at(path[:-1], model)
    field = parent.model_fields.get(path[-1]) if parent else None
    extra = field.json_schema_extra if field else None
    return bool(isinstance(extra, dict) and extra.get("secret"))


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "model_fields")


def _choices(path: Sequence[str], model: type[BaseModel]) -> list[str]:
    parent = section_at(path[:-1], model)
    field = parent.model_fields.get(path[-1]) if parent else None
    annotation = field.annotation if field else None
    if isinstance(annotation, types.UnionType):
        annotation = annotation.__args__[0]
    return [str(choice) for choice in typing.get_args(annotation)]
