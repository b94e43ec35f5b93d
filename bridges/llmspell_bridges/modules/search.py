"""What a search for a module came to: where it looked, and the error that tells it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from llmspell_bridges.errors import ModuleNotFound
from llmspell_bridges.modules.files import list_below
from llmspell_bridges.modules.names import JS_BUILT_IN, KINDS, Parts, Request, quoted
from llmspell_bridges.modules.roots import Root

__all__ = ["Search"]

_MOST_SHOWN: Final = 12
_FOREIGN: Final = {
    "lua": {".js": "JavaScript", ".cjs": "JavaScript", ".mjs": "JavaScript"},
    "js": {".lua": "Lua", ".mjs": "an ES module", ".ts": "TypeScript", ".mts": "TypeScript"},
}


class Search:
    """The search for one module on behalf of one file."""

    def __init__(self, language: str, request: Request, file: str, roots: Sequence[Root]) -> None:
        self._language = language
        self._request = request
        self._file = file
        self._roots = roots
        self._looked: list[str] = []
        self._folders: list[tuple[Root, Parts]] = []

    def start(self, root: Root, parts: Parts) -> None:
        """Note where a search starts: what lies beside it may be what was meant."""
        self._folders.append((root, parts[:-1]))

    def missed(self, root: Root, parts: Parts, reason: str | None) -> None:
        """Note a file that is not there, or cannot be a module."""
        shown = root.show(parts)
        self._looked.append(f"{shown} ({reason})" if reason else shown)

    def failure(self) -> ModuleNotFound:
        """Return the error that names both files, where was looked, and what may be meant."""
        looked = self._looked
        lines = [f"  {place}" for place in looked[:_MOST_SHOWN]]
        if len(looked) > _MOST_SHOWN:
            lines.append(f"  and {len(looked) - _MOST_SHOWN} more")
        lines += [
            f"  (there is no folder {root.shown})"
            for root in self._roots
            if not os.path.isdir(root.real)
        ]
        told = "\nlooked for\n" + "\n".join(lines) if looked else ""
        return self._error(told, self._hint())

    def leads_out(self) -> ModuleNotFound:
        """Return the error of a way out of the folders; nobody has looked at what is there."""
        return self._error(
            ": that leads out of the folders modules may come from",
            "name its folder in [modules] paths, and require it from there",
        )

    def without_folder(self) -> ModuleNotFound:
        """Return the error of a script that has no folder to look in."""
        return self._error(
            ": the script has no folder, because it was given as text",
            "name module folders in [modules] paths, or run the script as a file",
        )

    def _error(self, told: str, hint: str | None) -> ModuleNotFound:
        request = self._request
        return ModuleNotFound(
            f"module {quoted(request.name)} not found, required by {self._file}{told}",
            hint=hint,
            module=request.name,
            required_by=self._file,
            looked_for=self._looked or None,
        )

    def _hint(self) -> str | None:
        name = self._request.name
        if self._language == "js" and JS_BUILT_IN.fullmatch(name):
            return "the modules of Node itself are not available here"
        for ending, kind in _FOREIGN[self._language].items():
            if name.endswith(ending):
                return f"{kind} cannot be required from this script"
        if self._language == "lua" and name.endswith(".lua"):
            return f'leave the ending out: require "{name.removesuffix(".lua")}"'
        names = [known for known in self._neighbours() if known != name]
        close = difflib.get_close_matches(name, names, n=1)
        return f"did you mean {quoted(close[0])}?" if close else None

    def _neighbours(self) -> Iterator[str]:
        """Yield the names of the modules beside the one that is not there."""
        separator = "." if self._language == "lua" else "/"
        above = self._request.name.rpartition(separator)[0]
        prefix = above + separator if above else ""
        for root, folder in self._folders:
            for module in self._modules(list_below(root.real, folder)):
                yield prefix + module

    def _modules(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            stem, dot, ending = name.rpartition(".")
            if name.startswith("."):
                continue
            if not dot:
                yield name
            elif dot + ending in KINDS[self._language]:
                keep = self._language == "js" and ending == "json"
                yield name if keep else stem
