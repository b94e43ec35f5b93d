"""What a migration tells: while it runs, and when it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from llmspell.state.difference import Difference

__all__ = ["MAX_LISTED", "MigrationEvent", "MigrationResult", "OnEvent", "Status"]

#: A result lists no more than this many warnings and errors; it counts them all.
MAX_LISTED: Final = 100

Status: TypeAlias = Literal["completed", "nothing_to_do", "partial", "rolled_back", "dry_run"]


class MigrationEvent(NamedTuple):
    """Something a migration did.

    ``kind`` is ``started``; ``entry`` (of a dry run: what would change in one entry, as
    ``differences``); ``step`` (a step was done with the entries of a batch); ``batch`` (it is
    written); ``failed`` (an entry could not be migrated, see ``message``); ``rolled_back``; or
    ``finished``. ``done`` of ``total`` entries have been looked at.
    """

    kind: str
    migration_id: str
    done: int = 0
    total: int = 0
    schema: str | None = None
    scope: str | None = None
    key: str | None = None
    step: str | None = None
    message: str | None = None
    differences: Sequence[Difference] = ()


OnEvent: TypeAlias = Callable[[MigrationEvent], object]


@dataclass(slots=True)
class MigrationResult:
    """What a migration came to. Counts are of entries; ``duration_ms`` is wall clock time.

    ``status`` is ``completed``; ``nothing_to_do`` (every entry was of that version already);
    ``partial`` (some could not be migrated and are as they were); ``rolled_back`` (all are);
    ``dry_run`` (nothing was written; the counts are what would be). ``from_version`` is None
    where entries were of several versions, ``to_version`` where families reach different ones.
    """

    id: str
    status: Status = "completed"
    schemas: list[str] = field(default_factory=list)
    from_version: int | None = None
    to_version: int | None = None
    items_checked: int = 0
    items_migrated: int = 0
    items_failed: int = 0
    items_skipped: int = 0
    duration_ms: float = 0.0
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def success(self) -> bool:
        """Whether nothing failed: what was to be migrated is, or would be."""
        return not self.items_failed

    def to_dict(self) -> dict[str, Any]:
        """Return the result as scripts see it; versions that are not one are left out."""
        told: dict[str, Any] = {"success": self.success}
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None:
                told[name] = value
        return told
