"""State classes: named policies for how an entry is kept. One row each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from llmspell.errors import InvalidArgument

__all__ = ["CLASSES", "ClassPolicy", "class_policy"]


@dataclass(frozen=True, slots=True)
class ClassPolicy:
    """What one class asks for. ``name`` is recorded with the entry and shown in its metadata."""

    name: str
    doc: str


CLASSES: Final = {
    policy.name: policy
    for policy in (
        ClassPolicy("standard", "The default: every check applies."),
        ClassPolicy("trusted", "Data the application made itself: checks of content are left out."),
    )
}


def class_policy(name: str) -> ClassPolicy:
    """Return the policy of a class. Raises ``InvalidArgument`` for a name that is none."""
    policy = CLASSES.get(name)
    if policy is None:
        close = difflib.get_close_matches(str(name), CLASSES, n=1)
        raise InvalidArgument(
            f"unknown state class {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else f"classes: {', '.join(CLASSES)}",
            parameter="class",
        )
    return policy
