"""Telling the audit log what the manager does: who did what, where, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import LlmSpellError
from llmspell.state.origin import CURRENT
from llmspell.store.base import Clear, Delete, Operation, Put, Row, Written
from llmspell.store.changes import Origin
from llmspell.store.codec import decode, is_plain

if TYPE_CHECKING:
    from llmspell.security.audit.auditor import Auditor
    from llmspell.state.cache import Entry

__all__ = ["Recording"]

_ACTIONS: Final[dict[type, str]] = {Put: "save", Delete: "delete", Clear: "clear"}
_SENSITIVE: Final = "sensitive"


class Recording:
    """What ``auditor`` is told. Never of values.

    Of the class sensitive the record is written before the call returns; reading fails with
    AuditError when it cannot be, and so does a write, which has then been made.
    """

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor
        #: Tells whose doing it is; the manager has its own answer where nobody is named.
        self.origin: Callable[[], Origin] = CURRENT.get

    def did(
        self,
        action: str,
        scope: str | None = None,
        key: str | None = None,
        *,
        outcome: str = "ok",
        details: dict[str, Any] | None = None,
    ) -> None:
        """Record what is no write or read of an entry: a lock, a watch, an export."""
        self.auditor.note(
            action, scope=scope, key=key, outcome=outcome, origin=self.origin(), details=details
        )

    def saved(
        self, ref: tuple[str, str], version: int | None, outcome: str, origin: Origin
    ) -> None:
        """Record a save of class standard or trusted."""
        self.auditor.note(
            "save", scope=ref[0], key=ref[1], version=version, outcome=outcome, origin=origin
        )

    def wrote(
        self,
        batch: Sequence[Operation],
        written: Sequence[Written] | None,
        outcome: str,
        origin: Origin,
    ) -> None:
        """Record a batch: what each operation did, or that all of it failed."""
        for at, operation in enumerate(batch):
            action = _ACTIONS.get(type(operation))
            if action is None:
                continue
            done = None if written is None else written[at]
            self.auditor.note(
                action,
                scope=operation.scope,
                key=None if isinstance(operation, Clear) else operation.key,
                version=done.version if done is not None and done.version else None,
                outcome=outcome,
                state_class=operation.state_class if type(operation) is Put else None,
                origin=origin,
            )

    def read(self, ref: tuple[str, str], entry: Entry | None) -> None:
        """Record that an entry was read, if reads are recorded or it is of class sensitive."""
        if entry is None:
            if self.auditor.reads:
                self.did("load", *ref)
            return
        _, _, _, _, _, _, state_class, *_ = metadata = entry.metadata
        if not self.auditor.reads and state_class != _SENSITIVE and is_plain(entry.blob):
            return
        self.auditor.note(
            "load",
            scope=ref[0],
            key=ref[1],
            version=metadata.version,
            outcome=_outcome(entry.blob),
            state_class=state_class,
            origin=self.origin(),
        )

    def read_rows(self, rows: Iterable[Row | None]) -> None:
        """Record that rows were read, past the cache."""
        for row in rows:
            if row is None:
                continue
            if self.auditor.reads or row.state_class == _SENSITIVE or not is_plain(row.blob):
                self.auditor.note(
                    "load",
                    scope=row.scope,
                    key=row.key,
                    version=row.version,
                    outcome=_outcome(row.blob),
                    state_class=row.state_class,
                    origin=self.origin(),
                )


def _outcome(blob: bytes) -> str:
    """Return the code of what decoding says to one who has no use for the value."""
    if not blob or is_plain(blob):
        return "ok"
    try:
        decode(blob)
    except LlmSpellError as error:
        return error.code
    return "ok"
