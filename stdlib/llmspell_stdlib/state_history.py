"""What ``State`` tells of the past: versions of a key, checkpoints, and the way back to either."""

from __future__ import annotations

from typing import Any, Final, Protocol

from llmspell_bridges.api import Param, Record
from llmspell_bridges.values import Value
from llmspell_stdlib.state import given
from llmspell_stdlib.state_shortcuts import STATE

__all__ = ["JOURNAL", "HistoryService"]

#: The key of the configuration that switches these functions on.
JOURNAL: Final = "state.journal.enabled"


class HistoryService(Protocol):
    """What these functions need of the host."""

    def history(self, scope: str, key: str, **options: Any) -> list[Any]: ...
    def load_version(self, scope: str, key: str, version: int) -> Any: ...
    def diff(self, scope: str, key: str, old: int, new: int) -> list[Any]: ...
    def revert(self, scope: str, key: str, version: int) -> tuple[Any, ...]: ...
    def checkpoint(self, label: str | None = None) -> str: ...
    def list_checkpoints(self) -> list[Any]: ...
    def delete_checkpoint(self, checkpoint: str) -> bool: ...
    def rollback(self, checkpoint: str, scope: str | None = None) -> Any: ...


STATE.records.append(
    Record(
        "HistoryOptions",
        "Options of `State.history`.",
        (
            Param("limit", "integer", "At most this many versions."),
            Param("before", "integer", "Only versions before this one: the last page's oldest."),
            Param("values", "boolean", "Whether each version comes with its value."),
        ),
    )
)
_SCOPE: Final = Param("scope", "scope", "Where the key lives.")
_KEY: Final = Param("key", "text", "The key.")
_CHECKPOINT: Final = Param("checkpoint", "text", "Its id, or its label: the latest of that label.")


@STATE.function(
    _SCOPE,
    _KEY,
    Param("options", "HistoryOptions", "limit, before, values", optional=True),
    result="list",
    result_doc="Maps with version, op (put, delete, expire), at, size_bytes, class, "
    "schema_version and, where known, actor, run_id, correlation_id, expires_at, value.",
    gate=JOURNAL,
    reads=True,
    access=("read",),
)
def history(
    state: HistoryService, scope: str, key: str, options: dict[str, Any] | None = None
) -> list[Any]:
    """Return the versions of a key, the latest first, as far back as the journal reaches."""
    options = given(options)
    values = bool(options.get("values"))
    return [version.to_dict(value=values) for version in state.history(scope, key, **options)]


@STATE.function(
    _SCOPE,
    _KEY,
    Param("version", "integer", "Which version, as history and metadata tell it."),
    result="value",
    gate=JOURNAL,
    reads=True,
    access=("read",),
)
def load_version(state: HistoryService, scope: str, key: str, version: int) -> Value:
    """Return the value a key had at a version."""
    value: Value = state.load_version(scope, key, version)
    return value


@STATE.function(
    _SCOPE,
    _KEY,
    Param("version", "integer", "The version to return to."),
    result="Metadata",
    gate=JOURNAL,
    access=("read", "write"),
)
def revert(state: HistoryService, scope: str, key: str, version: int) -> Any:
    """Save the value of an earlier version again, as a new version."""
    return state.revert(scope, key, version)


@STATE.function(
    _SCOPE,
    _KEY,
    Param("old", "integer", "The version to compare from."),
    Param("new", "integer", "The version to compare with."),
    result="list",
    result_doc='Maps with path ("$.user.tags[3]"), kind (added, removed, changed), old, new.',
    gate=JOURNAL,
    reads=True,
    access=("read",),
)
def diff(state: HistoryService, scope: str, key: str, old: int, new: int) -> list[Any]:
    """Return the places in which two versions of a key differ."""
    return [difference.to_dict() for difference in state.diff(scope, key, old, new)]


@STATE.function(
    Param("label", "text", "A name for people, and for rollback.", optional=True),
    result="text",
    result_doc="The checkpoint's id.",
    gate=JOURNAL,
    access=("any",),
)
def checkpoint(state: HistoryService, label: str | None = None) -> str:
    """Mark this moment, so that everything can be rolled back to it."""
    return state.checkpoint(label)


@STATE.function(
    result="list",
    result_doc="Maps with id, at, usable and, if it has one, label.",
    gate=JOURNAL,
    reads=True,
    access=("any",),
)
def list_checkpoints(state: HistoryService) -> list[Any]:
    """Return all checkpoints, the latest first."""
    return [each.to_dict() for each in state.list_checkpoints()]


@STATE.function(
    _CHECKPOINT,
    result="boolean",
    result_doc="Whether there was one.",
    gate=JOURNAL,
    access=("admin",),
)
def delete_checkpoint(state: HistoryService, checkpoint: str) -> bool:
    """Forget a checkpoint; nothing else changes."""
    return state.delete_checkpoint(checkpoint)


@STATE.function(
    _CHECKPOINT,
    Param("scope", "scope", "Roll back this scope only.", optional=True),
    result="map",
    result_doc="restored and removed (counts of entries), and before: a checkpoint that undoes it.",
    gate=JOURNAL,
    access=("read", "write", "delete"),
)
def rollback(state: HistoryService, checkpoint: str, scope: str | None = None) -> dict[str, Any]:
    """Bring every entry back to what it was at a checkpoint, in one transaction.

    What happened in between stays in history, so a rollback can be rolled back.
    """
    return dict(state.rollback(checkpoint, scope)._asdict())
