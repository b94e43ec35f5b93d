"""What is asked for when a backup is to be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llmspell.backup.model import BEFORE_RESTORE, Manifest, check_id, check_type
from llmspell.errors import InvalidArgument

__all__ = ["Request", "check_request"]

_MAX_LABEL_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be backed up: ``base`` for a type that has one, ``scope`` for that type.

    ``skip_unreadable`` leaves out values that cannot be opened, and counts them. ``max_load`` is
    this one's own, in place of that of the settings.
    """

    type: str
    base: Manifest | None = None
    scope: str | None = None
    label: str | None = None
    skip_unreadable: bool = False
    max_load: float | None = None


def check_request(
    type_: str, base: str | None, scope: str | None, label: str | None, max_load: float | None
) -> None:
    """Raise InvalidArgument for what cannot be meant together."""
    check_type(type_)
    if base is not None:
        check_id(base)
        if type_ not in ("incremental", "differential"):
            raise InvalidArgument(
                f"a {type_} backup has no base; an incremental or differential one has",
                parameter="base",
            )
    if (scope is not None) != (type_ == "scope"):
        needs = "needs a scope" if scope is None else "is of the whole store: leave scope out"
        raise InvalidArgument(
            f"a backup of type {type_} {needs}",
            hint=None if scope is not None else "name it: --scope, or the option scope",
            parameter="scope",
        )
    if label is not None and (
        not isinstance(label, str)
        or not label.isprintable()
        or not 0 < len(label) <= _MAX_LABEL_CHARACTERS
    ):
        raise InvalidArgument(
            f"a label is printable text of 1 to {_MAX_LABEL_CHARACTERS} characters",
            parameter="label",
        )
    if (label or "").startswith(BEFORE_RESTORE):
        raise InvalidArgument(
            f"a label that begins with {BEFORE_RESTORE!r} is given by restores alone",
            parameter="label",
        )
    if max_load is not None and (type(max_load) not in (int, float) or not 0 < max_load <= 1):
        raise InvalidArgument("max_load is a number above 0, at most 1", parameter="max_load")
