"""Mistakes in a file of a schema or a migration, in words: what, where, and what is allowed."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel

from llmspell.errors import SchemaError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["schema_error"]

_LISTED: Final = 10
_LONGEST: Final = 200

#: pydantic's kind of error -> what the value has to be; {names} come from the error's context.
_EXPECTED: Final = {
    "missing": "must be given",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "recursion_loop": "is nested too deeply",
    "recursion_depth_exceeded": "is nested too deeply",
    "literal_error": "must be one of {expected}",
}


class _Mistake(NamedTuple):
    key: str
    text: str
    hint: str | None = None
    line: int | None = None


def schema_error(
    error: ValidationError,
    model: type[BaseModel],
    *,
    file: Path | None = None,
    line_of: Callable[[Sequence[str]], int | None] = lambda path: None,
    schema: str | None = None,
) -> SchemaError:
    """Return what pydantic found in a table of ``model``, as one error with every mistake.

    ``line_of`` tells the line of a key. ``details["problems"]`` lists all of them, each with its
    ``field`` and ``line``. No message holds a value of the file.
    """
    mistakes = list(dict.fromkeys(_mistakes(error, model, line_of)))
    listed = [
        {name: part for name, part in mistake._asdict().items() if part is not None}
        for mistake in mistakes
    ]
    first = mistakes[0]
    details: dict[str, Any] = {"file": None if file is None else str(file), "schema": schema}
    if len(mistakes) == 1:
        details |= {"field": first.key or None, "line": first.line, "hint": first.hint}
        return SchemaError(_placed(first, file), **details, problems=listed)
    lines = [f"{len(mistakes)} mistakes:"]
    for mistake in mistakes[:_LISTED]:
        lines.append(f"  {_placed(mistake, file)}")
        lines += [f"    {part}" for part in (mistake.hint or "").splitlines()]
    if len(mistakes) > _LISTED:
        lines.append(f"  and {len(mistakes) - _LISTED} more")
    return SchemaError("\n".join(lines), **details, problems=listed)


def _mistakes(
    error: ValidationError,
    model: type[BaseModel],
    line_of: Callable[[Sequence[str]], int | None],
) -> Iterator[_Mistake]:
    for one in error.errors(include_url=False, include_input=False):
        path, owner, annotation = _walked(one["loc"], model)
        text, hint = _said(one, path, owner, annotation)
        key = _dotted(path)
        shown = key if len(key) <= _LONGEST else key[: _LONGEST - 1] + "…"
        yield _Mistake(shown, text, hint, line_of(path))


def _placed(mistake: _Mistake, file: Path | None) -> str:
    place = ":".join(str(part) for part in (file, mistake.line) if part)
    said = f"{mistake.key}: {mistake.text}" if mistake.key else mistake.text
    return f"{place}: {said}" if place else said


def _said(
    one: ErrorDetails, path: Sequence[str], owner: type[BaseModel] | None, annotation: Any
) -> tuple[str, str | None]:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "extra_forbidden":
        keys = [] if owner is None else _keys(owner)
        return "unknown key", _guessed(path[-1], keys) + f"it takes: {', '.join(keys)}"
    if kind == "union_tag_invalid":
        tags = [tag for part in _models(annotation) for tag in _tags(part)]
        return "unknown type", _guessed(str(context["tag"]), tags) + f"types: {', '.join(tags)}"
    if kind == "union_tag_not_found":
        tags = [tag for part in _models(annotation) for tag in _tags(part)]
        return "type must be given", f"types: {', '.join(tags)}"
    if kind == "value_error":
        return str(context["error"]), getattr(context["error"], "hint", None)
    if (template := _EXPECTED.get(kind)) is not None:
        return template.format(**context), None
    return one["msg"][:1].lower() + one["msg"][1:], None


def _guessed(word: str, known: Sequence[str]) -> str:
    guess = get_close_matches(word.lower(), known, n=1)
    return f"did you mean {guess[0]!r}?\n" if guess else ""


def _walked(
    loc: Sequence[int | str], model: type[BaseModel]
) -> tuple[list[str], type[BaseModel] | None, Any]:
    """Return the keys that lead to a mistake, the model of its table, and what is expected there.

    pydantic names the chosen alternative of a union as well: no key of the file.
    """
    path: list[str] = []
    owner: type[BaseModel] | None = None
    annotation: Any = model
    for part in loc:
        kinds = _models(annotation)
        tagged = [kind for kind in kinds if part in _tags(kind)]
        if len(kinds) > 1:
            if tagged:
                annotation = tagged[0]
            continue
        path.append(str(part))
        if kinds:
            owner = kinds[0]
            annotation = _annotation(owner, str(part))
        else:
            member = _member(annotation)
            if member is None:  # which alternative of a plain union was tried
                path.pop()
            annotation = member
    return path, owner, annotation


def _annotation(model: type[BaseModel], key: str) -> Any:
    model.model_rebuild()  # models that name each other are finished when they are first used
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _member(annotation: Any) -> Any:
    """Return what the members of a map or the items of a list are annotated with."""
    for part in _alternatives(annotation):
        origin, arguments = typing.get_origin(part), typing.get_args(part)
        if origin is dict:
            return arguments[1]
        if origin in (tuple, list):
            return arguments[0]
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [
        part
        for part in _alternatives(annotation)
        if isinstance(part, type) and issubclass(part, BaseModel)
    ]


def _alternatives(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, UnionType):
        parts = typing.get_args(annotation)
        return [one for part in parts for one in _alternatives(part) if one is not NoneType]
    return [annotation]


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("type")
    return () if field is None else typing.get_args(field.annotation)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _dotted(path: Sequence[str]) -> str:
    from llmspell.config.problems import dotted

    return dotted(path)
