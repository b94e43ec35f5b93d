"""Take sensitive data out of what people and logs read: messages, tracebacks, listings."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from llmspell.errors import LimitExceeded
from llmspell.security.sensitive.actions import REDACTED, redacted
from llmspell.security.sensitive.detectors import DETECTORS
from llmspell.security.sensitive.folding import fold
from llmspell.security.sensitive.patterns import Pattern
from llmspell.security.sensitive.shape import Shape

__all__ = ["Redactor", "include_patterns", "redactor"]

_DETECTORS: Final = tuple(row for row in DETECTORS.values() if row.in_reports)
#: What was taken out may have hidden the beginning of something else.
_PASSES: Final = 4


class Redactor:
    """Replaces what is sensitive in a text by ``[redacted:payment_card]`` and the like.

    Phone numbers and random-looking tokens stay: in messages they are identifiers. ``patterns``
    are looked for as well. A text that a pattern takes too long for is left out as a whole.
    """

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self._patterns = tuple(patterns)

    def redact(self, text: str) -> str:
        """Return the text without what is sensitive: the same object if nothing is."""
        if self._patterns:
            try:
                found = [(*span, one.name) for one in self._patterns for span in one.find(text)]
            except LimitExceeded:
                return REDACTED
            # The detectors see the text as it was, too: a pattern may match a part of a key.
            return _detected(text, sorted(found))
        return _detected(text)


def _detected(text: str, found: Sequence[tuple[int, int, str]] = ()) -> str:
    """Return the text without what was found and what the detectors find."""
    for _ in range(_PASSES):
        folded = fold(text)
        shape = Shape(folded.text.encode("ascii", "replace"))
        spans = [
            (*folded.span(*span), row.name)
            for row in _DETECTORS
            if row.may(shape)
            for span in row.find(folded.text)
        ]
        if not spans and not found:
            break
        text, found = _without(text, sorted([*found, *spans])), ()
    return text


def _without(text: str, found: list[tuple[int, int, str]]) -> str:
    kept: list[str] = []
    at = 0
    for start, end, name in found:
        if start >= at:
            kept += (text[at:start], redacted(name))
        at = max(at, end)
    return "".join((*kept, text[at:]))


_lock = threading.Lock()
_in_force: dict[tuple[str, str], Pattern] = {}
_current = Redactor()


def redactor() -> Redactor:
    """Return the redactor of this process."""
    return _current


def include_patterns(patterns: Mapping[str, str]) -> None:
    """Take what patterns of one's own match out of all reports of this process from now on."""
    global _current
    with _lock:
        _in_force.update(((name, text), Pattern(name, text)) for name, text in patterns.items())
        _current = Redactor(tuple(_in_force.values()))
