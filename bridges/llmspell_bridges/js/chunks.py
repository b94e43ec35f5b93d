"""Which script a place in the one ``<input>`` belongs to."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from llmspell_bridges.errors import Frame

__all__ = ["STACK_LINE", "Chunks"]

# The engine calls every chunk "<input>", so each script gets lines of its own; what lies below
# the first script's lines is the prelude.
_FIRST_LINE: Final = 4_001
# Of the function that a script or module may stand in; what has no place of its own is told there.
_HEAD_LINES: Final = 2
STACK_LINE: Final = re.compile(
    # A script may make a stack up: the numbers have a length that is always read quickly.
    r"^ {0,8}at (?:(?P<function>.{0,200}?) \()?"
    r"<input>:(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?\)?$",
    re.MULTILINE,
)
_FUNCTION_NAMES: Final = {"<eval>": "main script", "<anonymous>": "anonymous function"}
_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r]")


class Chunks:
    """Which lines of the one `<input>` belong to which script."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._names: list[str] = []
        self._sources: list[list[str]] = []
        self._modules: dict[str, int] = {}
        self._next = _FIRST_LINE
        self.latest: str | None = None
        """The script added last: where an error that tells no place came from."""

    def add(self, name: str, source: str) -> str:
        """Give a script its lines; return the line breaks that put it there."""
        self.latest = name
        return "\n" * (self._take(name, _LINE_BREAK.split(source)) - 1)

    def add_module(self, name: str, source: str) -> int:
        """Give a module its lines; return the number of the first.

        A module that is loaded again keeps its lines unless it has become longer: a script may load
        one as often as it likes.
        """
        lines = _LINE_BREAK.split(source)
        index = self._modules.get(name)
        if index is not None and len(lines) <= len(self._sources[index]):
            lines += [""] * (len(self._sources[index]) - len(lines))
            self._sources[index] = lines
            return self._starts[index]
        self._modules[name] = len(self._starts)
        return self._take(name, lines)

    def _take(self, name: str, lines: list[str]) -> int:
        first = self._next
        self._starts.append(first)
        self._names.append(name)
        self._sources.append(lines)
        self._next += len(lines) + 10
        return first

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether a line of any script matches."""
        return any(pattern.search(line) for lines in self._sources for line in lines)

    def frames(self, stack: str) -> tuple[Frame, ...]:
        """Return the script's frames of an engine stack trace, innermost first."""
        return tuple(
            Frame(
                self._names[index],
                line,
                int(match["column"]) if match["column"] else None,
                _FUNCTION_NAMES.get(match["function"], match["function"]),
            )
            for index, line, match in self._places(stack)
        )

    def source_line(self, name: str, line: int | None) -> str | None:
        """Return one line of the latest script of that name, counted from 1."""
        lines = self._lines_of(name)
        return lines[line - 1] if line and 0 < line <= len(lines) else None

    def _lines_of(self, name: str) -> list[str]:
        if name not in self._names:
            return []
        return self._sources[len(self._names) - 1 - self._names[::-1].index(name)]

    def source(self, name: str) -> str:
        """Return the text of the latest script or module of that name."""
        return "\n".join(self._lines_of(name))

    def source_line_of(self, stack: str) -> str | None:
        """Return the script's line that the innermost frame of a stack trace is about."""
        for index, line, _ in self._places(stack):
            lines = self._sources[index]
            return lines[line - 1]
        return None

    def _places(self, stack: str) -> Iterator[tuple[int, int, re.Match[str]]]:
        """Yield which script each frame is in, its line there, and the frame's text."""
        for match in STACK_LINE.finditer(stack):
            line = int(match["line"])
            if line >= _FIRST_LINE - _HEAD_LINES:
                index = bisect_right(self._starts, line + _HEAD_LINES) - 1
                last = len(self._sources[index])
                yield index, max(1, min(line - self._starts[index] + 1, last)), match
