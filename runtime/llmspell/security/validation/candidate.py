"""What is checked, and what is found: a value on its way to the store, and its problems."""

from __future__ import annotations

from typing import NamedTuple

from llmspell_bridges.values import Value

__all__ = ["Candidate", "Problem"]


class Candidate(NamedTuple):
    """A canonical value that is about to be kept, or an entry that is about to be deleted.

    ``former`` is the value there is now, ``None`` where there is none. ``scope`` is canonical
    text. ``actor`` is who writes, as far as that is known. ``schema_version`` is that of the value.
    """

    scope: str
    key: str
    value: Value
    former: Value = None
    state_class: str = "standard"
    actor: str | None = None
    schema_version: int = 1


class Problem(NamedTuple):
    """One thing that is wrong: where, what, and which rule says so.

    ``path`` starts with ``$``, the whole value. A verifier may leave ``rule`` out. ``message``
    never holds the value: it is shown, logged and recorded.
    """

    path: str
    message: str
    rule: str = ""
