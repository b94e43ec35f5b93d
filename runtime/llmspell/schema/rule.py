"""The schemas as a rule for what is saved: each value fits the version it says it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from llmspell.schema.registry import SchemaRegistry
from llmspell.security.validation import Candidate, Problem, Where

__all__ = ["SchemaVersionRule", "Warn"]

Warn: TypeAlias = Callable[[str, str, str], None]
"""Told of a value that does not fit: its scope, its key, and what is wrong in words."""


class SchemaVersionRule:
    """Values of one family, at one place it applies to, fit the version they are saved with.

    With ``warn`` nothing is refused: the problems are told to it instead. Values of class
    trusted and ephemeral are not looked at.
    """

    stage = 1
    needs_former = False
    every_class = False
    guards_deletion = False
    judges_changes = False

    def __init__(
        self,
        registry: SchemaRegistry,
        name: str,
        scope: str = "*",
        key: str = "*",
        *,
        warn: Warn | None = None,
    ) -> None:
        self.where = Where(scope, key)
        self._registry = registry
        self._name = name
        self._warn = warn

    def __repr__(self) -> str:
        return f"SchemaVersionRule({self._name!r}, {self.where.scope!r}, {self.where.key!r})"

    def problems(self, candidate: Candidate) -> Iterator[Problem]:
        """Yield why a value does not fit the schema of its version."""
        # Elsewhere in its place another family may have claimed more.
        if self._registry.family_of(candidate.scope, candidate.key) != self._name:
            return
        for problem in self._found(candidate):
            if self._warn is None:
                yield problem
            else:
                said = f"{problem.path}: {problem.message}"
                self._warn(candidate.scope, candidate.key, said)

    def deletion_problems(self, candidate: Candidate) -> Iterable[Problem]:
        """Return nothing: a schema says what values are like."""
        return ()

    def _found(self, candidate: Candidate) -> Iterable[Problem]:
        name, version = self._name, candidate.schema_version
        known = self._registry.versions(name)
        if version not in known:
            there = ", ".join(map(str, known))
            said = f"has version {version} of schema {name!r}, which has only {there}"
            return [Problem("$", said, "schema.version")]
        if self._registry.fits(name, version, candidate.value):
            return ()
        return self._registry.problems(name, version, candidate.value)
