"""What every kind of rule is, and the scopes and keys one holds for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.patterns import check_scope_pattern
from llmspell.security.wildcard import wildcard

__all__ = ["Rule", "Where"]


class Where:
    """The scopes and keys that two patterns stand for.

    Raises ``ValueError`` for a pattern that is empty or cannot match anything.
    """

    __slots__ = ("has_key", "has_scope", "key", "scope")

    def __init__(self, scope: str = "*", key: str = "*") -> None:
        for name, pattern in (("scope", scope), ("key", key)):
            if not isinstance(pattern, str) or not pattern:
                raise ValueError(f"{name} must be a pattern such as 'user:*', not empty")
        check_scope_pattern(scope)
        self.scope, self.key = scope, key
        self.has_scope: Callable[[str], bool] = wildcard(scope).matches
        self.has_key: Callable[[str], bool] = wildcard(key).matches

    def __repr__(self) -> str:
        return f"Where({self.scope!r}, {self.key!r})"


class Rule(Protocol):
    """One rule. Rules of a later ``stage`` are asked only when those before found nothing.

    ``needs_former``: it looks at the value there is now. ``every_class``: it holds for values of
    class trusted and ephemeral too. ``guards_deletion``: it may refuse that an entry is deleted.
    ``judges_changes``: it is about the step from one value to the next, not about values.
    """

    where: Where
    stage: int
    needs_former: bool
    every_class: bool
    guards_deletion: bool
    judges_changes: bool

    def problems(self, candidate: Candidate) -> Iterable[Problem]:
        """Return what is wrong with a value that is about to be kept."""

    def deletion_problems(self, candidate: Candidate) -> Iterable[Problem]:
        """Return why the entry must not be deleted; its present value is ``former``."""
