"""What a transform says that cannot be done, before it is known in which step that was."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, TypeAlias

from llmspell.errors import MigrationFailed
from llmspell.migration.paths import Path
from llmspell.migration.step import MigrationStep

__all__ = ["Place", "Refused", "blamed", "kind_of"]

Place: TypeAlias = tuple[str | int, ...]
"""Where a part is, as steps from a list whose only element is the whole value."""

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "text",
    bytes: "bytes",
    list: "a list",
    dict: "a map",
    dt.datetime: "a timestamp",
}


class Refused(Exception):
    """Why a transform cannot be done, in words that go behind the path and hold no value."""

    def __init__(self, why: str, place: Place | None = None, *, hint: str | None = None) -> None:
        super().__init__(why)
        self.why, self.place, self.hint = why, place, hint


def kind_of(value: Any) -> str:
    """Return in words what kind of value it is."""
    return _KINDS.get(type(value), type(value).__name__)


def blamed(refused: Refused, step: MigrationStep, transform: str) -> MigrationFailed:
    """Return the error that names step and transform; scope and key are for the caller to add."""
    path = None if refused.place is None else str(Path(*refused.place[1:]))
    named = f"step '{step.name}' ({step.from_version} -> {step.to_version}), {transform}"
    return MigrationFailed(
        f"{named}: {refused.why}" if path is None else f"{named}: {path} {refused.why}",
        hint=refused.hint,
        step=step.name,
        transform=transform,
        path=path,
        from_version=step.from_version,
        to_version=step.to_version,
    )
