"""Making errors of what JavaScript says went wrong."""

from __future__ import annotations

import re
from typing import Any, Final

from orjson import JSONDecodeError, dumps, loads

from llmspell_bridges.errors import Frame, ScriptError, error_code
from llmspell_bridges.js.chunks import Chunks
from llmspell_bridges.js.imports import dynamic_import_hint, import_hint
from llmspell_bridges.wire import decode

__all__ = ["NEVER_SETTLES", "OUT_OF_MEMORY", "Reports", "lenient_loads", "report_of"]

#: How a run ended that waits for what cannot happen any more.
NEVER_SETTLES: Final = (
    "!"
    + dumps(
        {
            "name": None,
            "message": "the script waits for a promise that nothing will ever settle",
            "stack": None,
            "code": None,
            "thrown": "object",
            "hint": "check that every `new Promise` calls resolve or reject",
            "details": None,
        }
    ).decode()
)
#: What the engine throws then; nothing at all if not even that can be made.
OUT_OF_MEMORY: Final = ("InternalError: out of memory", "null", "")
_LONE_SURROGATE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..",
)
_THROWS_NULL: Final = re.compile(r"throw\s+null|reject\(\s*null")
_THROWN_BY_ENGINE: Final = "the script threw [uninitialized], which is not an Error"
_STACK_OVERFLOW: Final = "Maximum call stack size exceeded"
#: Errors whose class says no more than their message.
_NAMELESS: Final = (None, "", "Error", "StateError")


class Reports:
    """Makes errors of reports: what the prelude tells of something that was thrown."""

    def __init__(self, chunks: Chunks, max_depth: int) -> None:
        self._chunks = chunks
        self._max_depth = max_depth

    def script_error(self, report: dict[str, Any]) -> ScriptError:
        """Return the error of a script that failed."""
        name, message = report["name"], report["message"]
        if name not in _NAMELESS:
            message = f"{name}: {message}"
        place = self.place(report["stack"] or "")
        details = None
        if report["details"]:
            details = decode(report["details"], max_depth=self._max_depth)
        first = place["frames"][0] if place["frames"] else None
        return ScriptError(
            message,
            language="js",
            code=error_code(report["code"]),
            hint=report["hint"] or self._import_hint(report, first),
            details=details if isinstance(details, dict) else None,
            **place,
        )

    def place(self, stack: str) -> dict[str, Any]:
        """Return where an engine's stack trace says a script was, as ``ScriptError`` takes it."""
        frames = self._chunks.frames(stack)
        place = frames[0] if frames else None
        return {
            "file": place.file if place else self._chunks.latest,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "source_line": self._chunks.source_line_of(stack),
            "frames": frames,
        }

    def limit_behind(self, report: dict[str, Any], memory_bytes: int | None) -> str | None:
        """Return the limit that an error of the engine stands for, if any."""
        name, message = report["name"], report["message"]
        if name == "RangeError" and message == _STACK_OVERFLOW:
            return "stack_bytes"
        if memory_bytes is None:
            return None
        if name == "InternalError" and message == "out of memory":
            return "memory_bytes"
        # The engine throws null when it has no memory left to make an error; so may a script, but
        # then it says so.
        if report["thrown"] == "null" and not self._chunks.mentions(_THROWS_NULL):
            return "memory_bytes"
        # Some functions throw what the engine never lets a script see.
        return "memory_bytes" if message == _THROWN_BY_ENGINE else None

    def _import_hint(self, report: dict[str, Any], place: Frame | None) -> str | None:
        """Return what to write for an `import` that a module holds, or that ran."""
        if report["code"] == "syntax_error" and place is not None:
            return import_hint(self._chunks.source(place.file), place.line)
        if report["name"] == "ReferenceError":
            return dynamic_import_hint(report["message"])
        return None


def report_of(outcome: str) -> dict[str, Any]:
    """Return the report of an outcome that is one."""
    report: dict[str, Any] = lenient_loads(outcome[1:])
    return report


def lenient_loads(text: str) -> Any:
    """Decode JSON text that may hold lone surrogates: what is only shown need not have them."""
    try:
        return loads(text)
    except JSONDecodeError:
        return loads(_LONE_SURROGATE.sub(r"\\ufffd", text))
