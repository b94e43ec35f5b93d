"""Features a configuration can name before this version has them.

A later version that brings one removes its rows; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

from pydantic import BaseModel

from llmspell.errors import FeatureUnavailable

__all__ = ["UNAVAILABLE", "Unavailable", "check_available", "missing_features"]


class Unavailable(NamedTuple):
    """A key, the test of its value, the feature in words, and what to write instead."""

    key: str
    asks_for_it: Callable[[Any], bool]
    feature: str
    instead: str | None  # None: leave the key out


def _is(value: Any) -> Callable[[Any], bool]:
    return lambda actual: actual == value


UNAVAILABLE = (Unavailable("state.backup.enabled", _is(True), "backups", "false"),)


def missing_features(config: BaseModel) -> list[Unavailable]:
    """Return a row for every switched-on feature that this version does not have."""
    return [
        row for row in UNAVAILABLE if row.asks_for_it(reduce(getattr, row.key.split("."), config))
    ]


def check_available(config: BaseModel) -> None:
    """Raise ``FeatureUnavailable`` naming all missing features; ``details["keys"]`` lists them."""
    missing = missing_features(config)
    if not missing:
        return
    named = ", ".join(f"{row.feature} ({row.key})" for row in missing)
    instead = ", ".join(
        f"{row.key} = {row.instead}" if row.instead else f"no {row.key}" for row in missing
    )
    raise FeatureUnavailable(
        f"this version does not have: {named}",
        hint=f"use {instead}",
        key=missing[0].key,
        keys=[row.key for row in missing],
    )
