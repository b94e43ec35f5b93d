"""Patterns of scopes: exact text, or with ``*`` for any text; ``{actor}`` is the actor's name."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmspell.errors import InvalidArgument
from llmspell.security.wildcard import ANY, Pattern

__all__ = [
    "ANY",
    "WHOLE_STORE",
    "Pattern",
    "check_pattern",
    "compiled",
    "covered",
    "own_patterns",
]

ACTOR: Final = "{actor}"
#: Stands for the store as a whole. No scope has this text, so only ``*`` covers it.
WHOLE_STORE: Final = "\0"
_ANY_TEXT: Final = "\0"
#: Whoever is named as a scope of one of these kinds owns it.
_OWNERS: Final = frozenset({"agent", "tool", "workflow", "session"})
_KINDS: Final = ("agent:", "workflow:", "step:", "session:", "custom:")
_STEP: Final = ":step:"
_MAX_BYTES: Final = 1024


@lru_cache(maxsize=16384)
def compiled(pattern: str, actor: str) -> Pattern:
    """Make out a pattern for an actor. A ``*`` in the actor's name is no wildcard."""
    literal, *rest = (part.replace(ACTOR, actor) for part in pattern.split(ANY))
    return Pattern(literal, tuple(rest) or None)


def covered(pattern: str, actor: str | None) -> str:
    """Return a text that is matched by those patterns which cover all of ``pattern``.

    ``actor`` is whom it is for, None where that may be anybody. What may be any text becomes a
    character that no pattern and no name can hold, so nothing but a ``*`` matches it.
    """
    if not pattern.strip(ANY):
        return WHOLE_STORE
    return _ANY_TEXT.join(part.replace(ACTOR, actor or _ANY_TEXT) for part in pattern.split(ANY))


@lru_cache(maxsize=4096)
def own_patterns(actor: str) -> tuple[Pattern, ...]:
    """Return what an actor owns by its name: its own scope; a workflow also its steps."""
    kind, _, name = actor.partition(":")
    if kind not in _OWNERS or not name:
        return ()
    if kind != "workflow":
        return (Pattern(actor),)
    # What is named as a step is no workflow.
    return () if _STEP in name else (Pattern(actor), Pattern(actor + _STEP, ("",)))


def check_pattern(pattern: object) -> str:
    """Return the pattern if some scope's canonical text can match. Raises ``InvalidArgument``."""
    if type(pattern) is not str or not pattern:
        raise _invalid("a pattern of scopes is text that is not empty")
    if not pattern.isprintable():
        raise _invalid("a pattern of scopes is printable text")
    if len(pattern.encode(errors="replace")) > _MAX_BYTES:
        raise _invalid(f"a pattern of scopes has at most {_MAX_BYTES} bytes")
    if pattern in _KINDS:
        raise _invalid(f"{pattern!r} matches no scope: an id follows the colon", f"{pattern}*")
    if pattern.startswith("step:"):
        raise _invalid(f"{pattern!r} matches no scope", "workflow:<id>:step:<name>")
    name = pattern.removeprefix("custom:")
    if name not in (pattern, "global") and not name.startswith(_KINDS):
        # Of `custom:*` the rest would be everything, which nobody should be talked into.
        meant = name if name.strip(ANY) else "<beginning of the name>*"
        raise _invalid(f"{pattern!r} matches no scope: scopes show without 'custom:'", meant)
    return pattern


def _invalid(message: str, instead: str | None = None) -> InvalidArgument:
    return InvalidArgument(
        message,
        hint="scopes: global, agent:gpt-4, user:42*, *" if instead is None else f"write {instead}",
        parameter="scope",
    )
