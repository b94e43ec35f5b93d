"""The refusals every backend shares, worded once."""

from __future__ import annotations

from llmspell.errors import ConfigError, InvalidArgument, RuntimeClosed, VersionConflict

__all__ = [
    "DURABILITIES",
    "check_durability",
    "check_journal",
    "closed_error",
    "conflict_error",
]

#: From the cheapest promise to the strongest.
DURABILITIES = ("commit", "fsync")


def check_durability(name: str | None) -> None:
    """Raise InvalidArgument unless ``name`` is None or a known durability."""
    if name is not None and name not in DURABILITIES:
        raise InvalidArgument(
            f"unknown durability {name!r}",
            hint=f"use one of: {', '.join(DURABILITIES)}",
            parameter="durability",
        )


def check_journal(*, kept: bool, wanted: bool) -> None:
    """Raise ConfigError unless a store is opened as it was made: with a journal or without.

    A journal with a gap would roll entries back to what they never were.
    """
    if kept != wanted:
        has = "keeps a journal" if kept else "was made without a journal"
        raise ConfigError(
            f"this store {has}, but state.journal.enabled is {str(wanted).lower()}",
            hint=f"set state.journal.enabled = {str(kept).lower()}; to change it, `llmspell state"
            " export` and `import` into a new store",
            key="state.journal.enabled",
        )


def closed_error() -> RuntimeClosed:
    """Make the error of a store, or of a snapshot, that is used after its end."""
    return RuntimeClosed("the store is closed", hint="open it again, or close it later")


def conflict_error(scope: str, key: str, *, expected: int, actual: int) -> VersionConflict:
    """Make the error of an ``if_version`` that did not hold; version 0 means no entry."""
    found = f"it is at version {actual}" if actual else "it does not exist"
    wanted = f"version {expected}" if expected else "no entry"
    return VersionConflict(
        f"expected {wanted} of key {key!r} in scope {scope!r}, but {found}",
        hint="load it again and retry with the version found",
        scope=scope,
        key=key,
        expected=expected,
        actual=actual,
    )
