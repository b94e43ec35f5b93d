"""Patterns of one's own: regular expressions that may take only so long."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from llmspell.errors import LimitExceeded

__all__ = ["PATTERN_SECONDS", "Pattern", "check_name"]

#: How long one pattern may search a text, for each MiB begun. A slower one refuses what is saved.
PATTERN_SECONDS: Final = 0.25
_MIB: Final = 1024 * 1024
_NAME: Final = re.compile("[a-z][a-z0-9_]{0,39}")
#: Texts on which a pattern that can match nothing at all is likely to do so.
_PROBES: Final = ("", "a", "a b", "0", "-")


class Pattern:
    """A named regular expression, as a detector.

    Raises ``ValueError`` for a name that is none, an expression that is wrong, and one that
    matches an empty text: it would match everywhere.
    """

    def __init__(self, name: str, expression: str) -> None:
        check_name(name)
        self.name = name
        self._expression = _compiled(expression)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the pattern matches. Raises ``LimitExceeded`` when that takes too long."""
        seconds = PATTERN_SECONDS * (1 + len(text) // _MIB)
        try:
            for match in self._expression.finditer(text, timeout=seconds):
                if match.end() > match.start():
                    yield match.span()
        except TimeoutError:
            raise LimitExceeded(
                f"the pattern {self.name!r} took more than {seconds} s on one text",
                hint=f"make state.sensitive.patterns.{self.name} simpler:"
                " avoid repetitions within repetitions",
                limit="pattern_s",
                maximum=seconds,
                pattern=self.name,
            ) from None


def check_name(name: str) -> None:
    """Raise ``ValueError`` for what cannot be the name of a pattern."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"has a pattern with the name {name!r}: use at most 40 small letters, digits and _"
        )


@cache
def _compiled(expression: str) -> Any:
    # The standard library's matcher cannot be stopped, and an unlucky expression takes years.
    regex: Any = importlib.import_module("regex")

    try:
        compiled = regex.compile(expression)
    except regex.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if any(
        match.end() == match.start()
        for probe in _PROBES
        for match in compiled.finditer(probe, timeout=1)
    ):
        raise ValueError("matches an empty text, which is everywhere")
    return compiled
