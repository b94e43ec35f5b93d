"""Whom the writes of this context belong to: actor, run and correlation id.

The ids ride in a ``contextvars`` context, so that they reach the journal from wherever a write
is made, through any number of calls, and stay apart between threads and tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from llmspell.errors import InvalidArgument
from llmspell.store.changes import NOBODY, Origin
from llmspell_bridges.values import is_unicode

__all__ = ["CURRENT", "MAX_ID_CHARACTERS", "originating"]

MAX_ID_CHARACTERS: Final = 200

CURRENT: Final[ContextVar[Origin]] = ContextVar("llmspell_origin", default=NOBODY)


@contextmanager
def originating(
    *,
    actor: str | None = None,
    run_id: str | None = None,
    correlation_id: str | None = None,
) -> Iterator[Origin]:
    """Record these ids with every write inside the block; what is None stays as it was around it.

    Raises ``InvalidArgument`` for what is no printable text of 1 to 200 characters.
    """
    outer = CURRENT.get()
    given = {"actor": actor, "run_id": run_id, "correlation_id": correlation_id}
    for name, value in given.items():
        if value is not None:
            _check(name, value)
    inner = Origin(*(new or old for new, old in zip(given.values(), outer, strict=True)))
    token = CURRENT.set(inner)
    try:
        yield inner
    finally:
        CURRENT.reset(token)


def _check(name: str, value: object) -> None:
    if type(value) is not str or not value.isprintable() or not is_unicode(value):
        raise InvalidArgument(f"{name} must be printable text", parameter=name)
    if not 0 < len(value) <= MAX_ID_CHARACTERS:
        raise InvalidArgument(
            f"{name} must have 1 to {MAX_ID_CHARACTERS} characters, not {len(value)}",
            parameter=name,
        )
