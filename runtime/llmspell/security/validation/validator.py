"""The validator: finds the rules that hold for a write, and asks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby, islice
from typing import ClassVar, Final

from llmspell.errors import ValidationFailed
from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.external import ExternalBounds
from llmspell.security.validation.rule import Rule

__all__ = ["UNCHECKED_CLASSES", "Validator"]

#: What the application made itself: its content is checked only by rules for every class.
UNCHECKED_CLASSES: Final = frozenset({"trusted", "ephemeral"})
_KNOWN_ADDRESSES: Final = 4096
_KEPT_PROBLEMS: Final = 20
_SHOWN_PROBLEMS: Final = 3
_Rules = tuple[Rule, ...]


class Validator:
    """Checks values before they are kept. Made once; used from any number of threads.

    ``external`` bounds the structure of values of class external. Without rules that is all it
    does: ``Validator.none``.
    """

    none: ClassVar[Validator]

    def __init__(
        self, rules: Iterable[Rule] = (), *, external: ExternalBounds | None = None
    ) -> None:
        self._rules: _Rules = tuple(sorted(rules, key=lambda rule: rule.stage))
        self._external = external or ExternalBounds()
        self._in_scope = lru_cache(_KNOWN_ADDRESSES)(self._rules_in_scope)
        self._at_key = lru_cache(_KNOWN_ADDRESSES)(self._rules_at)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in the order they are asked."""
        return self._rules

    def rules_for(self, scope: str, key: str) -> tuple[Rule, ...]:
        """Return the rules that hold for a scope's canonical text and a key, in their order."""
        return self._at_key(scope, key) if self._rules and self._in_scope(scope) else ()

    def concerns(self, scope: str, key: str, state_class: str = "standard") -> bool:
        """Tell whether ``check`` would look at anything of such a value."""
        if state_class == "external":
            return True
        rules = self.rules_for(scope, key)
        if state_class in UNCHECKED_CLASSES:
            return any(rule.every_class for rule in rules)
        return bool(rules)

    def needs_former(self, scope: str, key: str, state_class: str = "standard") -> bool:
        """Tell whether ``check`` has to know the present value, to be read with its version."""
        unchecked = state_class in UNCHECKED_CLASSES
        return any(
            rule.needs_former and (rule.every_class or not unchecked)
            for rule in self.rules_for(scope, key)
        )

    def guards_deletion(self, scope: str, key: str | None = None) -> bool:
        """Tell whether deleting an entry has to be checked; without a key, clearing a scope."""
        rules = self._in_scope(scope) if key is None else self.rules_for(scope, key)
        return any(rule.guards_deletion for rule in rules)

    def check(self, candidate: Candidate) -> None:
        """Raise ``ValidationFailed`` if the value must not be kept; its message never holds it."""
        self._check(candidate, self.rules_for(candidate.scope, candidate.key))

    def check_migrated(self, candidate: Candidate) -> None:
        """Do what ``check`` does for what a migration makes of a value.

        Rules about changes are not asked: the value is another, the entry's state is the same.
        """
        rules = self.rules_for(candidate.scope, candidate.key)
        self._check(candidate, tuple(rule for rule in rules if not rule.judges_changes))

    def _check(self, candidate: Candidate, rules: _Rules) -> None:
        is_checked = candidate.state_class not in UNCHECKED_CLASSES
        if candidate.state_class == "external":
            _refuse(candidate, self._external.problems(candidate.value))
        for _, stage in groupby(rules, key=lambda rule: rule.stage):
            found: Iterator[Problem] = (
                problem
                for rule in stage
                if is_checked or rule.every_class
                for problem in rule.problems(candidate)
            )
            _refuse(candidate, found)

    def check_deletion(self, candidate: Candidate) -> None:
        """Raise ``ValidationFailed`` if an entry, whose value is ``former``, must stay."""
        rules = self.rules_for(candidate.scope, candidate.key)
        found = (problem for rule in rules for problem in rule.deletion_problems(candidate))
        _refuse(candidate, found, what="this entry cannot be deleted")

    def _rules_in_scope(self, scope: str) -> _Rules:
        return tuple(rule for rule in self._rules if rule.where.has_scope(scope))

    def _rules_at(self, scope: str, key: str) -> _Rules:
        return tuple(rule for rule in self._in_scope(scope) if rule.where.has_key(key))


Validator.none = Validator()


def _refuse(
    candidate: Candidate, found: Iterable[Problem], what: str = "the value breaks its rules"
) -> None:
    """Raise if there is a problem; those beyond the first twenty are not looked for."""
    problems = list(islice(found, _KEPT_PROBLEMS))
    if not problems:
        return
    shown = "; ".join(f"{path}: {message}" for path, message, _ in problems[:_SHOWN_PROBLEMS])
    if len(problems) > _SHOWN_PROBLEMS:
        shown += f"; and {len(problems) - _SHOWN_PROBLEMS} more"
    raise ValidationFailed(
        f"{what}, key {candidate.key!r} in scope '{candidate.scope}': {shown}",
        hint="details.problems lists each with its rule; nothing was changed",
        scope=candidate.scope,
        key=candidate.key,
        problems=[problem._asdict() for problem in problems],
    )
