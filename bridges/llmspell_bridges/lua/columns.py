"""Where in a line a Lua error is: Lua itself tells the line alone.

Its messages quote what the error is about. Where that stands in the line once, that is the place;
where it stands several times nothing is said rather than something wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["column_of"]

#: "unexpected symbol near 'x'", "unfinished string near '"abc'".
_NEAR: Final = re.compile(r" near (?:'(?P<text>.+)'|(?P<end><eof>))$", re.DOTALL)
#: "attempt to call a nil value (global 'x')".
_ATTEMPT: Final = re.compile(
    r"attempt to (?P<deed>\w+).*? "
    r"\((?:global|local|upvalue|field|method|constant) '(?P<name>[^']*)'\)"
)
#: "bad argument #1 to 'insert' (...)", "State.save: ...".
_CALLED: Final = re.compile(r"bad argument #\d+ to '(?P<name>[^']+)'|(?P<call>[A-Za-z][\w.]*): ")
#: What follows a name in what a message says was attempted with it.
_FOLLOWED: Final = {"call": r"\s*[(\"'{\[]", "index": r"\s*[.:\[]"}


def column_of(message: str, line: str | None) -> int | None:
    """Return the column of what a message is about, counted from 1, or ``None``."""
    if not line:
        return None
    for pattern, find in _FINDERS:
        match = pattern.search(message) if pattern is not _CALLED else pattern.match(message)
        if match:
            return find(match, line)
    return None


def _near(match: re.Match[str], line: str) -> int | None:
    if match["end"]:
        return len(line.rstrip()) + 1
    text = match["text"]
    # A text that is not finished is quoted up to the end of what was read.
    at = line.rfind(text.split("\n")[0])
    return at + 1 if at >= 0 and (line.count(text) == 1 or line.rstrip().endswith(text)) else None


def _attempt(match: re.Match[str], line: str) -> int | None:
    name = rf"(?<!\w){re.escape(match['name'])}(?!\w)"
    followed = _FOLLOWED.get(match["deed"])
    return (_only(name + followed, line) if followed else None) or _only(name, line)


def _called(match: re.Match[str], line: str) -> int | None:
    return _only(rf"(?<!\w){re.escape(match['name'] or match['call'])}(?!\w)", line)


def _only(pattern: str, line: str) -> int | None:
    places = [found.start() + 1 for found in re.finditer(pattern, line)]
    return places[0] if len(places) == 1 else None


_FINDERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], int | None]], ...]] = (
    (_NEAR, _near),
    (_ATTEMPT, _attempt),
    (_CALLED, _called),
)
