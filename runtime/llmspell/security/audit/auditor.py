"""Which accesses are recorded, and which of them before the access returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from llmspell.security.audit.log import NOBODY, AuditLog, Origin
from llmspell.security.audit.record import Details, Fact

__all__ = ["ACTIONS", "REFUSALS", "Auditor", "Kind", "Records"]

Records: TypeAlias = Literal["denied", "changes", "all"]


class Kind(IntEnum):
    """What an action is; the higher, the fewer configurations leave it out."""

    READ = 0
    CHANGE = 1
    SECURITY = 2


#: What is in none of them counts as ``SECURITY``: rather a record too many than one too few.
ACTIONS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        Kind.READ: frozenset({"list", "load", "history", "metadata", "stats", "watch"}),
        Kind.CHANGE: frozenset(
            {
                "backup",
                "checkpoint",
                "clear",
                "compact",
                "delete",
                "delete_backup",
                "delete_checkpoint",
                "export",
                "import",
                "lock",
                "migrate",
                "restore",
                "revert",
                "rollback",
                "save",
                "unlock",
            }
        ),
        Kind.SECURITY: frozenset(
            {"grant", "key_rotate", "open", "protect", "reencrypt", "revoke", "validate"}
        ),
    }
)
#: Outcomes that are recorded whatever the action: somebody was refused, or something is wrong.
REFUSALS: Final = frozenset(
    {
        "access_denied",
        "decryption_failed",
        "integrity_failed",
        "key_missing",
        "permission_denied",
        "sensitive_data",
        "validation_failed",
        "wrong_key",
    }
)
_LEAST: Final = MappingProxyType(
    {"denied": Kind.SECURITY, "changes": Kind.CHANGE, "all": Kind.READ}
)
_SENSITIVE: Final = "sensitive"


class Auditor:
    """Hands a log what is to be recorded; whoever has none holds None in its place.

    ``records`` is ``denied``, ``changes`` or ``all``. Refusals, security actions and the class
    sensitive are recorded with each of them. ``reads`` tells whether it is worth offering reads
    of other classes.
    """

    def __init__(self, log: AuditLog, *, records: Records = "changes") -> None:
        self.log = log
        self.reads = records == "all"
        left_out = (names for kind, names in ACTIONS.items() if kind < _LEAST[records])
        self._left_out = frozenset[str]().union(*left_out)

    def note(
        self,
        action: str,
        *,
        scope: str | None = None,
        key: str | None = None,
        version: int | None = None,
        outcome: str = "ok",
        state_class: str | None = None,
        origin: Origin = NOBODY,
        details: Details | None = None,
    ) -> None:
        """Record an access if it is one to be recorded.

        Of the class sensitive the record is written when this returns, or AuditError is raised;
        of others a moment later.
        """
        if state_class == _SENSITIVE:
            record = self.log.record_now
        elif self._leaves_out(action, outcome):
            return
        else:
            record = self.log.record
        record(
            action,
            scope=scope,
            key=key,
            version=version,
            outcome=outcome,
            origin=origin,
            details=details,
        )

    def note_all(
        self, facts: Sequence[Fact], *, origin: Origin, sensitive: Collection[int] = ()
    ) -> None:
        """Record several accesses that are one, those with these indexes of class sensitive."""
        kept = [
            fact
            for at, fact in enumerate(facts)
            if at in sensitive or not self._leaves_out(fact[0], fact[4])
        ]
        if sensitive:
            self.log.record_all_now(kept, origin=origin)
            return
        for action, scope, key, version, outcome, details in kept:
            self.log.record(
                action,
                scope=scope,
                key=key,
                version=version,
                outcome=outcome,
                origin=origin,
                details=details,
            )

    def _leaves_out(self, action: str, outcome: str) -> bool:
        return action in self._left_out and outcome not in REFUSALS

    def close(self) -> None:
        """Write what waits and close the log. Raises AuditError when that fails."""
        self.log.close()
