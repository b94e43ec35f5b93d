"""The modules of one run, as the host offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from llmspell_bridges.values import MAX_DEPTH

if TYPE_CHECKING:
    from llmspell_bridges.modules.finder import Finder
    from llmspell_bridges.modules.roots import Folder, Found

__all__ = ["Modules"]


@dataclass(frozen=True, kw_only=True)
class Modules:
    """Where the scripts of one run find their modules.

    ``name`` is the script as messages show it, ``folder`` the one its own modules are in: a script
    without a folder finds only what is in ``paths``, which are searched after it. Costs next to
    nothing until a script requires something.
    """

    language: str
    name: str
    folder: Folder | None = None
    paths: Sequence[Folder] = ()
    max_depth: int = MAX_DEPTH

    def find(self, name: str, file: str) -> Found:
        """Return the module that ``file``, the script or a module found before, calls ``name``.

        Raises ``ModuleNotFound``, ``ModuleError`` and ``LimitExceeded``.
        """
        return self._finder.find(name, file)

    def main(self) -> tuple[str, str]:
        """Return how the script and its folder are shown."""
        return self.name, self._finder.own_folder

    @cached_property
    def _finder(self) -> Finder:
        from llmspell_bridges.modules.finder import Finder

        return Finder(self.language, self.name, self.folder, self.paths, self.max_depth)
