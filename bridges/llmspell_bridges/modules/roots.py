"""Where modules come from, and what was found there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Folder", "Found", "Root"]

Folder: TypeAlias = "str | os.PathLike[str]"


class Found(NamedTuple):
    """A module: its shown name; what it holds ("lua", "js", "json" or "main"); that; its lines.

    The content is text; for Lua that of JSON is its value. The script itself ("main") has none.
    """

    name: str
    kind: str
    content: Any
    lines: int


class Root(NamedTuple):
    """A folder modules may come from: its path, links resolved, and how messages show it."""

    real: str
    shown: str

    def show(self, parts: Sequence[str]) -> str:
        """Return the name under which a file below the folder is shown."""
        return "/".join((self.shown.rstrip("/"), *parts) if self.shown else parts)
