"""Asking the rules of a value's place before it is written, or an entry deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from llmspell.errors import ValidationFailed
from llmspell.state.access import Guarded
from llmspell.state.safeguards import Safeguards
from llmspell.store.base import Ref, Store
from llmspell.store.changes import Origin
from llmspell.store.codec import decode
from llmspell_bridges.values import Value

if TYPE_CHECKING:
    from llmspell.security.validation import Candidate
    from llmspell.state.recording import Recording

__all__ = ["Present", "Validating"]

#: The value and the version of entries, 0 for none.
Present: TypeAlias = dict[tuple[str, str], tuple[Value, int]]


class Validating(Guarded):
    """What the manager asks the validator; rules that look at the present value are told it."""

    _store: Store
    _safeguards: Safeguards
    _audit: Recording | None
    _origin: Callable[[], Origin]

    def _validate(
        self,
        scope: str,
        key: str,
        value: Value,
        former: Value,
        name: str,
        schema_version: int,
        *,
        is_migration: bool = False,
    ) -> None:
        """Raise ``ValidationFailed`` for a value that breaks the rules of its place or class."""
        from llmspell.security.validation import Candidate, Validator

        validator = self._safeguards.validator or Validator.none
        if validator.concerns(scope, key, name):
            actor = self._origin().actor
            candidate = Candidate(scope, key, value, former, name, actor, schema_version)
            check = validator.check_migrated if is_migration else validator.check
            self._ask_rules(check, candidate)

    def _needs_former(self, ref: tuple[str, str], state_class: str) -> bool:
        validator = self._safeguards.validator
        return validator is not None and validator.needs_former(*ref, state_class)

    def _present(self, refs: Sequence[tuple[str, str]], state_class: str) -> Present:
        """Return the present value and version of those entries whose rules look at them.

        What is written on that ground must demand the version, 0 for none.
        """
        wanted = [Ref(*ref) for ref in refs if self._needs_former(ref, state_class)]
        rows = self._store.read(wanted) if wanted else []
        return {
            ref: (None, 0) if row is None else (decode(row.blob), row.version)
            for ref, row in zip(wanted, rows, strict=True)
        }

    def _check_deletions(self, refs: Sequence[Ref]) -> dict[Ref, int]:
        """Raise ``ValidationFailed`` if one of these entries must stay.

        Return the versions of those that were looked at: the deletion must demand them.
        """
        validator = self._safeguards.validator
        if validator is None:
            return {}
        from llmspell.security.validation import Candidate

        wanted = [ref for ref in refs if validator.guards_deletion(*ref)]
        versions: dict[Ref, int] = {}
        for ref, row in zip(wanted, self._store.read(wanted) if wanted else (), strict=True):
            versions[ref] = 0 if row is None else row.version
            if row is not None:
                actor, former = self._origin().actor, decode(row.blob)
                candidate = Candidate(*ref, None, former, row.state_class, actor)
                self._ask_rules(validator.check_deletion, candidate)
        return versions

    def _ask_rules(self, check: Callable[[Candidate], None], candidate: Candidate) -> None:
        """Check a candidate, and record that it was refused, and by which rules."""
        try:
            check(candidate)
        except ValidationFailed as error:
            if self._audit is not None:
                rules = sorted({problem["rule"] for problem in error.details["problems"]})
                self._audit.did(
                    "validate",
                    candidate.scope,
                    candidate.key,
                    outcome=error.code,
                    details={"rules": rules},
                )
            raise
