"""Render an error the way a good compiler does: what, where, the source line, what to do."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from llmspell.errors import LlmSpellError

__all__ = ["print_error", "print_note", "printable", "render", "use_colour"]

_STYLES = {"error": "1;31", "warning": "1;33", "note": "1;36", "gutter": "1;34", "bold": "1"}
_SOURCE_WIDTH = 120
_FRAMES_SHOWN = 12


def use_colour(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that wants colour (NO_COLOR and TERM=dumb say no)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def print_error(error: LlmSpellError, stream: TextIO | None = None) -> None:
    """Write ``error`` to ``stream``, by default the standard error."""
    target = stream or sys.stderr
    _write(target, render(error, colour=use_colour(target)))


def print_note(kind: str, text: str) -> None:
    """Write one line such as ``warning: ...`` to the standard error."""
    from llmspell.security.sensitive.redactor import redactor

    label = _paint(kind, kind, use_colour(sys.stderr))
    _write(sys.stderr, f"{label}: {printable(redactor().redact(text))}")


def render(error: LlmSpellError, *, colour: bool = False) -> str:
    """Return the report of ``error`` without a newline at its end."""
    return "\n".join(_lines(error, colour))


def _lines(error: LlmSpellError, colour: bool) -> Iterator[str]:
    first, *rest = printable(error.message).split("\n")
    yield f"{_paint('error', f'error[{error.code}]', colour)}: {_paint('bold', first, colour)}"
    yield from (f"  {line}" for line in rest)
    margin = ""
    file = getattr(error, "file", None)
    if file:
        line = getattr(error, "line", None)
        column = getattr(error, "column", None)
        margin = " " * len(str(line or ""))
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        yield f"{margin} {_paint('gutter', '-->', colour)} {printable(place)}"
        source = getattr(error, "source_line", None)
        if line and source and source.strip():
            yield from _excerpt(source, line, column, colour)
    if error.hint:
        first, *rest = printable(error.hint).split("\n")
        yield f"{margin} {_paint('gutter', '=', colour)} {_paint('bold', 'help', colour)}: {first}"
        yield from (f"{margin}         {line}" for line in rest)
    yield from _traceback(error)


def _excerpt(source: str, line: int, column: int | None, colour: bool) -> Iterator[str]:
    number = str(line)
    bar = _paint("gutter", "|", colour)
    text, offset = _window(source.rstrip("\r\n"), column)
    empty = " " * len(number)
    yield f"{empty} {bar}"
    yield f"{_paint('gutter', number, colour)} {bar} {text}"
    if offset is not None:
        yield f"{empty} {bar} {' ' * offset}{_paint('error', '^', colour)}"


def _window(source: str, column: int | None) -> tuple[str, int | None]:
    """Return what to show of a line, and the cells before the caret (None without a column)."""
    at = None if column is None else max(0, min(column - 1, len(source)))
    start = 0
    if len(source) > _SOURCE_WIDTH:
        start = max(0, min((at or 0) - _SOURCE_WIDTH // 2, len(source) - _SOURCE_WIDTH))
    end = start + _SOURCE_WIDTH
    lead, tail = "…" if start else "", "…" if end < len(source) else ""
    shown = lead + printable(source[start:end].expandtabs(1)) + tail
    if at is None:
        return shown, None
    before = lead + printable(source[start:at].expandtabs(1))
    return shown, sum(_cells(character) for character in before)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _traceback(error: LlmSpellError) -> Iterator[str]:
    frames = getattr(error, "frames", ())
    if len(frames) < 2:
        return
    yield "traceback (innermost first):"
    yield from (f"  {printable(str(frame))}" for frame in frames[:_FRAMES_SHOWN])
    if len(frames) > _FRAMES_SHOWN:
        yield f"  ... {len(frames) - _FRAMES_SHOWN} more"


def _paint(style: str, text: str, colour: bool) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour else text


def printable(text: str) -> str:
    """Spell control characters out: a message may quote what a script chose, escapes included."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in "\n\t " else f"\\x{ord(character):02x}"
        for character in text
    )


def _write(stream: TextIO, text: str) -> None:
    # A terminal or file with a narrow encoding shows "?" rather than failing over the report.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
