"""Making errors of what Lua says went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from llmspell_bridges.errors import Frame, ScriptError, ScriptSyntaxError, error_code
from llmspell_bridges.lua.columns import column_of

__all__ = ["Report", "Reports", "limit_behind"]

# How Lua starts a message: chunk name, line. Long names are shortened to "...tail" by Lua.
_PLACE: Final = re.compile(r"(?P<file>[^\n]{0,400}?):(?P<line>\d{1,9}): ")
#: It puts one before a message at each coroutine that an error passes through, and there are no
#: more than 200 one within the other. A script may put down as many as it likes.
_MOST_PLACES: Final = 200
_LINE_BREAK: Final = re.compile(r"\r\n|\n\r|[\n\r]")
_NAME_LIMIT: Final = 59
_PRELUDE_NAME: Final = "llmspell"
#: The engine's own words, where no error object of ours can stand for them.
_LIMITS: Final = (
    (re.compile(r"not enough memory"), "memory_bytes"),
    (re.compile(r"(?:C )?stack overflow\b|error in error handling"), "stack_bytes"),
)


class Report(NamedTuple):
    """A failure as the prelude tells it. ``raw_frames`` is a line for each frame."""

    message: str | bytes
    code: str | bytes | None = None
    hint: str | bytes | None = None
    raw_frames: str | bytes = ""
    details: Any = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The script's frames, innermost first."""
        return tuple(_frame(row) for row in _readable(self.raw_frames).split("\n") if row)


class Reports:
    """Makes errors of reports; ``sources`` are the texts of all that was run, by file name."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def syntax_error(self, message: str, name: str) -> ScriptSyntaxError:
        """Return the error of text that does not parse."""
        match = _PLACE.match(message)
        line = int(match["line"]) if match else None
        told = message[match.end() :] if match else message
        source_line = self._source_line(name, line)
        return ScriptSyntaxError(
            told,
            language="lua",
            file=name,
            line=line,
            column=column_of(told, source_line),
            source_line=source_line,
        )

    def script_error(self, report: Report, name: str | None) -> ScriptError:
        """Return the error of a script that failed; ``name`` is its file."""
        message, frames = _readable(report.message), report.frames
        place = frames[0] if frames else None
        begin = 0
        for match in _places(message):
            if self._is_named(match["file"]):
                # The position in the message is where `error` was told to point: trust it.
                place = Frame(self._full_name(match["file"]), int(match["line"]))
            elif match["file"] != _PRELUDE_NAME:
                break
            begin = match.end()
        message = message[begin:]
        details = report.details
        return ScriptError(
            message,
            language="lua",
            code=error_code(_readable(report.code)) if report.code else None,
            hint=_readable(report.hint) if report.hint else None,
            details=details if isinstance(details, dict) else None,
            frames=frames,
            **self._shown_place(place, name, message),
        )

    def place(self, report: Report | None, name: str | None) -> dict[str, Any]:
        """Return where a run was ended, as ``ScriptError`` takes it."""
        frames = report.frames if report else ()
        return {"frames": frames, **self._shown_place(frames[0] if frames else None, name)}

    def _shown_place(
        self, place: Frame | None, name: str | None, message: str = ""
    ) -> dict[str, Any]:
        if place is None:
            return {"file": name}
        line = self._source_line(place.file, place.line)
        column = column_of(message, line)
        return {"file": place.file, "line": place.line, "column": column, "source_line": line}

    def _is_named(self, shown: str) -> bool:
        return any(_shown(name) == shown for name in self._sources)

    def _full_name(self, shown: str) -> str:
        return next(name for name in self._sources if _shown(name) == shown)

    def _source_line(self, name: str, line: int | None) -> str | None:
        lines = _LINE_BREAK.split(self._sources.get(name, ""))
        return lines[line - 1] if line and 0 < line <= len(lines) else None


def limit_behind(message: str | bytes) -> str | None:
    """Return the limit of the engine that a message without a code stands for, if any."""
    words, begin = _readable(message), 0
    for match in _places(words):
        begin = match.end()
    return next((limit for pattern, limit in _LIMITS if pattern.match(words, begin)), None)


def _places(message: str) -> Iterator[re.Match[str]]:
    """Yield the places at the beginning of a message, one after the other."""
    begin = 0
    for _ in range(_MOST_PLACES):
        match = _PLACE.match(message, begin)
        if match is None:
            return
        yield match
        begin = match.end()


def _shown(name: str) -> str:
    """Return a chunk's name the way Lua's messages shorten it."""
    raw = name.encode()
    if len(raw) <= _NAME_LIMIT:
        return name
    return "..." + raw[-(_NAME_LIMIT - 3) :].decode(errors="replace")


def _readable(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(errors="replace")


def _frame(row: str) -> Frame:
    file, line, function = row.split("\0", 2)
    return Frame(file, int(line), function=function)
