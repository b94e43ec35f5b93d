"""What the access control says, and why: grant by grant."""

from __future__ import annotations

from typing import NamedTuple

from llmspell.security.access.grant import Grant

__all__ = ["Considered", "Decision"]


class Considered(NamedTuple):
    """A grant of the actor, and what it did to the question: ``reason`` is empty if it helps."""

    grant: Grant
    reason: str


class Decision(NamedTuple):
    """Whether something is allowed, what allows it, and each grant that was looked at.

    ``missing`` is the permission that nothing gives; ``owns`` tells that the actor is named as
    the scope. ``roles`` are those the actor has.
    """

    allowed: bool
    actor: str
    permission: str
    scope: str
    missing: str
    owns: bool
    roles: tuple[str, ...]
    considered: tuple[Considered, ...]

    @property
    def by(self) -> tuple[str, ...]:
        """The ids of the grants that help."""
        return tuple(each.grant.id for each in self.considered if not each.reason)
