"""Patterns in which ``*`` stands for any text, and nothing else is special."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ANY", "Pattern", "wildcard"]

ANY: Final = "*"


class Pattern(NamedTuple):
    """The texts around each ``*``, which stands for any text, even none.

    ``literal`` stands before the first ``*``, or is the whole text if there is none; then
    ``rest`` is None.
    """

    literal: str
    rest: tuple[str, ...] | None = None

    def matches(self, text: str) -> bool:
        """Return whether the pattern covers a text.

        Takes time in proportion to the lengths, whatever the pattern.
        """
        if self.rest is None:
            return text == self.literal
        *inner, end = self.rest
        at = len(self.literal)
        if not text.startswith(self.literal) or not text.endswith(end):
            return False
        for part in inner:
            found = text.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return at <= len(text) - len(end)


def wildcard(text: str) -> Pattern:
    """Read a pattern."""
    literal, *rest = text.split(ANY)
    return Pattern(literal, tuple(rest) or None)
