"""State machines: which values a field may have one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.rule import Where
from llmspell_bridges.values import Value, member_path

__all__ = ["Transitions"]

_LISTED: Final = 10


class Transitions:
    """The states a field goes through: where it begins, where it may go, where it ends.

    ``field`` is a member of the value, or one within it: ``"order.status"``. A new entry begins
    in one of ``initial``, and so does one whose present value has no state that is known.
    ``allowed`` lists for each state those that may follow it; a state may stay as it is unless
    ``strict``. ``terminal`` states are never left; with ``keep`` an entry in one of them is not
    deleted either. Holds for values of every class. Raises ``ValueError`` for a machine that
    contradicts itself.
    """

    stage = 1
    needs_former = True
    judges_changes = True
    every_class = True

    def __init__(
        self,
        *,
        field: str,
        initial: Sequence[str],
        allowed: Mapping[str, Sequence[str]],
        terminal: Sequence[str] = (),
        scope: str = "*",
        key: str = "*",
        strict: bool = False,
        keep: bool = False,
    ) -> None:
        self.where = Where(scope, key)
        self._steps = field.split(".")
        if not all(self._steps):
            raise ValueError("field must be the name of a member, such as status or order.status")
        self._initial = frozenset(initial)
        self._terminal = frozenset(terminal)
        self._allowed = {state: frozenset(following) for state, following in allowed.items()}
        self._listed = {state: list(dict.fromkeys(after)) for state, after in allowed.items()}
        self._first = list(dict.fromkeys(initial))
        self._strict = strict
        self.guards_deletion = keep
        self._states = self._initial | self._terminal | self._allowed.keys()
        self._states = self._states.union(*self._allowed.values())
        self._path = "$"
        for step in self._steps:
            self._path = member_path(self._path, step)
        self._check_machine()

    def _check_machine(self) -> None:
        if not self._initial:
            raise ValueError("initial must name at least one state")
        if "" in self._states:
            raise ValueError("a state must not be empty text")
        left = sorted(state for state in self._terminal if self._allowed.get(state))
        if left:
            raise ValueError(f"{left[0]!r} is terminal, so nothing can follow it in allowed")
        ends = self._states - self._terminal
        stuck = sorted(state for state in ends if not self._allowed.get(state))
        if stuck:
            raise ValueError(
                f"nothing may follow {stuck[0]!r}: name it in terminal, or in allowed what follows"
            )

    def problems(self, candidate: Candidate) -> Iterator[Problem]:
        """Yield why the field may not become what it is in the new value."""
        state = self._state(candidate.value)
        if state is None:
            yield self._problem("must be there, and be text", "missing")
        elif state not in self._states:
            yield self._problem("must be one of the states of its rule", "unknown")
        elif (before := self._known(candidate.former)) is None:
            if state not in self._initial:
                yield self._problem(f"must begin as {_either(self._first)}", "initial")
        elif not self._may_follow(before, state):
            if before in self._terminal:
                yield self._problem(f"must stay {before!r}, where it ends", "terminal")
            else:
                following = _either(self._listed[before])
                yield self._problem(f"may go from {before!r} only to {following}", "forbidden")

    def deletion_problems(self, candidate: Candidate) -> Iterator[Problem]:
        """Yield why an entry may not be deleted: it has come to its end, and is kept."""
        state = self._known(candidate.former)
        if self.guards_deletion and state in self._terminal:
            yield self._problem(f"an entry that has ended as {state!r} is kept", "keep")

    def _may_follow(self, before: str, state: str) -> bool:
        if before == state and not self._strict:
            return True
        return state in self._allowed.get(before, ())

    def _known(self, value: Value) -> str | None:
        state = self._state(value)
        return state if state in self._states else None

    def _state(self, value: Value) -> str | None:
        found: Any = value
        for step in self._steps:
            if type(found) is not dict:
                return None
            found = found.get(step)
        return found if type(found) is str else None

    def _problem(self, message: str, rule: str) -> Problem:
        return Problem(self._path, message, f"transition.{rule}")


def _either(states: list[str]) -> str:
    shown = [repr(state) for state in states[:_LISTED]]
    more = f" or {len(states) - _LISTED} more" if len(states) > _LISTED else ""
    return " or ".join(shown) + more
