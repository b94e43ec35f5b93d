"""What hands out entries in the current version of their schema, where that is configured."""

from __future__ import annotations

from typing import Protocol

from llmspell.state.cache import Entry
from llmspell.store.base import Row

__all__ = ["Lifts"]


class Lifts(Protocol):
    """Lifts what was read; both raise what migrating it raises."""

    def entry(self, ref: tuple[str, str], entry: Entry) -> Entry:
        """Return an entry as it is to be handed out; what is made of it may be written back."""

    def row(self, row: Row) -> Row:
        """Return a row with the value of the current version; the very row if it has that."""
