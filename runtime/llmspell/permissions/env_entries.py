"""Entries of ``env``: names of environment variables, or ``PREFIX_*``."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["allows", "covers", "exact"]

#: Variables that may hold the host's own passwords and keys.
_OWN: Final = "LLMSPELL_"


def exact(entry: str) -> str:
    """Return the entry. Raises ``ValueError`` in words for users."""
    name = entry.removesuffix("*")
    if not name:
        what = "a bare * is not a name; true permits all" if entry else "an empty text is no name"
        raise ValueError(what)
    if "=" in name or "\0" in name or "*" in name:
        raise ValueError("a name holds no = and no NUL, and a * only at its end")
    return entry


def covers(entry: str, name: str) -> bool:
    """Tell whether an entry includes a name, or all names another entry includes."""
    return name == entry or (entry.endswith("*") and name.startswith(entry[:-1]))


def allows(grant: tuple[str, ...] | Literal[True], name: str) -> bool:
    """Tell whether a variable of this name may be read."""
    if grant is not True and name in grant:
        return True
    if name.startswith(_OWN):
        return False
    return grant is True or any(covers(entry, name) for entry in grant)
