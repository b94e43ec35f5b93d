"""Patterns of scopes and keys: exact text in which ``*`` stands for any text, even none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["check_scope_pattern", "matcher"]

_KINDS: Final = ("agent:", "workflow:", "step:", "session:", "custom:")


def matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that is truthy for the texts a pattern stands for."""
    if pattern.strip("*") == "" and pattern:
        return lambda text: True
    if "*" not in pattern:
        return pattern.__eq__
    parts = map(re.escape, pattern.split("*"))
    return re.compile(".*".join(parts), re.DOTALL).fullmatch


def check_scope_pattern(pattern: str) -> None:
    """Refuse a pattern that no scope's canonical text can match. Raises ``ValueError``."""
    if pattern.startswith("step:"):
        raise ValueError(
            f"no scope is called {pattern!r}: write a step as workflow:<id>:step:<name>"
        )
    name = pattern.removeprefix("custom:")
    if name != pattern and name != "global" and not name.startswith(_KINDS):
        raise ValueError(f"no scope is called {pattern!r}: write it as {name!r}")
