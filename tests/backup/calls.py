"""Calls of the functions of State as scripts write them, made from one description."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from llmspell import Runtime

__all__ = ["ABSENT", "FORMS", "LANGUAGES", "Written", "call"]

LANGUAGES: Final = ("lua", "js")
#: The id of a backup that is never there.
ABSENT: Final = "20260131T120000Z-0a1b2c"


class Written(NamedTuple):
    """An argument that each language writes in its own way."""

    lua: str
    js: str


def literal(value: Any, language: str) -> str:
    """Return an argument as a script writes it."""
    if isinstance(value, Written):
        return getattr(value, language)  # type: ignore[no-any-return]
    if value is None:
        return "nil" if language == "lua" else "null"
    if isinstance(value, dict):
        sign = " = " if language == "lua" else ": "
        return f"{{{', '.join(f'{k}{sign}{literal(v, language)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        items = ", ".join(literal(item, language) for item in value)
        return f"{{{items}}}" if language == "lua" else f"[{items}]"
    return json.dumps(value)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


#: The ways to call a function: of Lua the only one, of JavaScript four.
FORMS: dict[str, tuple[str, Callable[[str], str]]] = {
    "lua": ("lua", lambda name: f"State.{name}"),
    "js": ("js", lambda name: f"await State.{name}"),
    "js camel": ("js", lambda name: f"await State.{camel(name)}"),
    "js sync": ("js", lambda name: f"State.sync.{name}"),
    "js sync camel": ("js", lambda name: f"State.sync.{camel(name)}"),
}


def call(runtime: Runtime, form: str, name: str, *arguments: Any) -> Any:
    """Have a script call a function of State, and return what it returns."""
    language, written = FORMS[form]
    given = ", ".join(literal(argument, language) for argument in arguments)
    return runtime.execute(f"return {written(name)}({given})", engine=language).value
