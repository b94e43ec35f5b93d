"""Hints for the mistakes script authors make most with the globals they are given."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

from llmspell_bridges.absent import instead_of
from llmspell_bridges.api import Function, Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import ScriptError

__all__ = ["advise"]

_CALLED_NOTHING: Final = re.compile(r"attempt to call a nil value|not a function")
_USED_A_PROMISE: Final = re.compile(
    r"not a function|not iterable|cannot read property|is not a function"
)


def advise(error: ScriptError, offered: Iterable[BoundGlobal]) -> None:
    """Give a script error the hint its source line suggests, unless it has one of its own.

    Knows calls of functions that do not exist (or whose gate is closed), Lua's colon for a dot,
    JavaScript's forgotten ``await``, and what other runtimes have and this one has not.
    """
    for bound in offered:
        declared = bound.declaration
        line = error.source_line or ""
        if not declared.name or declared.name not in line:
            continue
        hint = _about_colon(error, declared.name, line) or (
            None
            if error.hint
            else _about_missing(error, bound, line) or _about_await(error, declared, line)
        )
        if hint:
            error.hint = hint
    error.hint = error.hint or instead_of(error.language, error.message)


def _about_colon(error: ScriptError, name: str, line: str) -> str | None:
    match = re.search(rf"\b{name}:(\w+)\s*\(", line)
    if error.language != "lua" or not match:
        return None
    return f"write {name}.{match[1]}(...), with a dot"


def _about_missing(error: ScriptError, bound: BoundGlobal, line: str) -> str | None:
    if not _CALLED_NOTHING.search(error.message):
        return None
    declared = bound.declaration
    there = _names(declared.available(error.language, bound.features), error.language)
    for member in re.findall(rf"\b{declared.name}(?:\.sync)?\.(\w+)\s*\(", line):
        if member in there:
            continue
        gate = _gate(declared, member)
        if gate:
            return f"{declared.name}.{member} needs {gate} = true in the configuration"
        close = difflib.get_close_matches(member, there, n=1)
        if close:
            return f"did you mean {declared.name}.{close[0]}?"
        return f"{declared.name} has no function {member}"
    return None


def _about_await(error: ScriptError, declared: Global, line: str) -> str | None:
    # Only what the host answers is promised; what a prelude alone builds is not.
    promised = any(function.handler and not function.internal for function in declared.functions)
    if error.language != "js" or not promised or not _USED_A_PROMISE.search(error.message):
        return None
    name = declared.name
    match = re.search(rf"(?<!await )\b{name}\.(?!sync\b)(\w+)\(", line)
    if not match:
        return None
    return f"{name}.{match[1]} returns a promise: write (await {name}.{match[1]}(...))"


def _gate(declared: Global, member: str) -> str | None:
    return next(
        (
            function.gate
            for function in declared.functions
            if function.gate and member in _names([function], "js")
        ),
        None,
    )


def _names(functions: Iterable[Function], language: str) -> list[str]:
    names = [function.name for function in functions if not function.internal]
    if language == "js":
        names += [re.sub(r"_([a-z])", lambda match: match[1].upper(), name) for name in names]
    return names
