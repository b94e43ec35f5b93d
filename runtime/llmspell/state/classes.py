"""State classes: named policies for how an entry is kept. One row each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from llmspell.errors import InvalidArgument

__all__ = ["CLASSES", "ClassPolicy", "class_policy"]


@dataclass(frozen=True, slots=True)
class ClassPolicy:
    """What one class asks for. ``name`` is recorded with the entry and shown in its metadata.

    ``stored``: the entry goes to the store; else it lives in this process only. ``durability``:
    what save waits for, None for what the configuration says. ``best_compression``: smaller and
    slower. ``value_bytes`` and ``depth`` bound a value more tightly than the limits do.
    ``strict``: the structure of values is checked, too. ``encrypted``: stored encrypted, whatever
    else is, or not at all.
    """

    name: str
    doc: str
    stored: bool = True
    durability: str | None = None
    best_compression: bool = False
    value_bytes: int | None = None
    depth: int | None = None
    strict: bool = False
    encrypted: bool = False


_EXTERNAL_BYTES: Final = 1024 * 1024
_EXTERNAL_DEPTH: Final = 32

CLASSES: Final = {
    policy.name: policy
    for policy in (
        ClassPolicy("standard", "The default: every check, the configured durability."),
        ClassPolicy(
            "trusted",
            "Data the application made itself: checks of content are left out.",
        ),
        ClassPolicy(
            "ephemeral",
            "Never written: gone with the process, and seen by it alone.",
            stored=False,
        ),
        ClassPolicy(
            "external",
            "Data from outside: at most 1 MiB and 32 levels deep.",
            value_bytes=_EXTERNAL_BYTES,
            depth=_EXTERNAL_DEPTH,
            strict=True,
        ),
        ClassPolicy(
            "sensitive",
            "Secrets: refuses to be stored unless it can be encrypted.",
            encrypted=True,
        ),
        ClassPolicy(
            "critical", "Survives a power loss from the moment save returns.", durability="fsync"
        ),
        ClassPolicy(
            "bulk",
            "Written behind the caller's back: the last flush_ms may be lost.",
            durability="relaxed",
        ),
        ClassPolicy("archive", "Compressed as far as it goes.", best_compression=True),
    )
}


def class_policy(name: str) -> ClassPolicy:
    """Return the policy of a class. Raises ``InvalidArgument`` for a name that is none."""
    policy = CLASSES.get(name) if isinstance(name, str) else None
    if policy is None:
        close = difflib.get_close_matches(str(name), CLASSES, n=1)
        raise InvalidArgument(
            f"unknown state class {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else f"classes: {', '.join(CLASSES)}",
            parameter="class",
        )
    return policy
