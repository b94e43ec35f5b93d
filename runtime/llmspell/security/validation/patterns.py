"""Patterns of scopes that no scope can match."""

from __future__ import annotations

from typing import Final

__all__ = ["check_scope_pattern"]

_KINDS: Final = ("agent:", "workflow:", "step:", "session:", "custom:")


def check_scope_pattern(pattern: str) -> None:
    """Refuse a pattern that no scope's canonical text can match. Raises ``ValueError``."""
    if pattern.startswith("step:"):
        raise ValueError(
            f"no scope is called {pattern!r}: write a step as workflow:<id>:step:<name>"
        )
    name = pattern.removeprefix("custom:")
    if name != pattern and name != "global" and not name.startswith(_KINDS):
        raise ValueError(f"no scope is called {pattern!r}: write it as {name!r}")
