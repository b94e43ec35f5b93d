"""What to write instead of ``import`` and ``export``, which need a module loader."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["dynamic_import_hint", "import_hint"]

_STATEMENT: Final = re.compile(
    r"^[ \t]*(?:import\b(?![ \t]*[(.])|export\b(?=[ \t]*(?:[{*]|\w)))", re.MULTILINE
)
_META: Final = re.compile(r"\bimport\s*\.\s*meta\b")
_FILE: Final = r"""(?P<file>["'][^"'\n]{1,200}["'])"""
_FROM: Final = rf"\s*from\s*{_FILE}"
_NAME: Final = r"[\w$]+"

Wording = Callable[[re.Match[str]], str]


def _require_members(match: re.Match[str]) -> str:
    members = re.sub(r"\s+as\s+", ": ", " ".join(match[1].split()).strip(" ,"))
    return f"const {{ {members} }} = require({match['file']})"


#: A statement, and what does the same here. The first that fits is taken.
_INSTEAD: Final[list[tuple[re.Pattern[str], Wording]]] = [
    (re.compile(pattern), wording)
    for pattern, wording in (
        (
            rf"import\s+(?:\*\s*as\s+)?({_NAME}){_FROM}",
            lambda match: f"const {match[1]} = require({match['file']})",
        ),
        (rf"import\s*\{{([^}}]{{0,500}})\}}{_FROM}", _require_members),
        (rf"import\s*{_FILE}", lambda match: f"require({match['file']})"),
        (r"export\s+default\b", lambda _: "module.exports = ..."),
        (
            rf"export\s+(?:const|let|var)\s+({_NAME})",
            lambda match: f"exports.{match[1]} = ...",
        ),
        (
            rf"export\s+(?:async\s+)?(?:function\s*\*?|class)\s*({_NAME})",
            lambda match: f"exports.{match[1]} = {match[1]}, after it",
        ),
        (r"import\b", lambda _: 'const ... = require("./file")'),
        (r"export\b", lambda _: "module.exports = { ... }"),
    )
]


def import_hint(source: str, line: int | None) -> str | None:
    """Return a hint for source that does not parse if it has ``import`` or ``export`` statements.

    ``line`` is where the parser stopped: a statement elsewhere is the next problem, not this one.
    """
    text = _line(source, line)
    if _META.search(text):
        return "`import.meta` is not available: use __filename and __dirname"
    statement = _STATEMENT.search(source, _start(source, line))
    here = statement is not None and source.count("\n", 0, statement.start()) + 1 == line
    if not here:
        statement = _STATEMENT.search(source)
    if statement is None:
        return None
    number = source.count("\n", 0, statement.start()) + 1
    rest = source[statement.start() :].lstrip()
    instead = next(
        wording(match) for pattern, wording in _INSTEAD if (match := pattern.match(rest))
    )
    place = "" if here else f"in line {number}, too: "
    return f"{place}a script is not a module with `import` and `export`: write {instead}"


def dynamic_import_hint(message: str) -> str | None:
    """Return the hint for what the engine says of ``import("...")``."""
    if not message.startswith("could not load module '"):
        return None
    return "`import()` is not available: write require(...), which needs no await"


def _start(source: str, line: int | None) -> int:
    at = 0
    for _ in range((line or 1) - 1):
        at = source.find("\n", at) + 1
        if at == 0:
            return len(source)
    return at


def _line(source: str, line: int | None) -> str:
    return source[_start(source, line) :].partition("\n")[0] if line else ""
