"""Finding the module a script requires, in the folders of its run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from llmspell_bridges.errors import ModuleError
from llmspell_bridges.modules.contents import MOST_BYTES, source_text, value_of_json
from llmspell_bridges.modules.files import NotReadable, read_below
from llmspell_bridges.modules.names import (
    KINDS,
    Parts,
    Request,
    candidates,
    quoted,
    read_name,
    steps,
)
from llmspell_bridges.modules.roots import Folder, Found, Root
from llmspell_bridges.modules.search import Search
from llmspell_bridges.values import is_unicode

__all__ = ["Finder"]


class _Place(NamedTuple):
    """The folder a script or module is in: below which root, if any, and where there."""

    root: Root | None
    folder: Parts


class Finder:
    """Finds the modules of one run. Remembers each it has found: names are relative to it."""

    def __init__(
        self,
        language: str,
        name: str,
        folder: Folder | None,
        paths: Sequence[Folder],
        max_depth: int,
    ) -> None:
        self._language = language
        self._script = name
        self._max_depth = max_depth
        own = None if folder is None else _own_root(name, folder)
        self._own = _Place(own, ())
        further = [Root(os.path.realpath(path), _shown(path)) for path in paths]
        self._roots = [own, *further] if own else further
        self._script_file = os.path.realpath(name) if own else None
        self._places: dict[str, _Place] = {}
        self._shown: dict[str, str] = {}
        self.own_folder = (own.shown if own else "") or "."
        """How the folder of the script is shown."""

    def find(self, name: str, file: str) -> Found:
        """Do what ``Modules.find`` says."""
        request = read_name(self._language, name)
        # A script may make up the name of the file that requires; it is the script's own then.
        place = self._places.get(file)
        search = Search(self._language, request, file if place else self._script, self._roots)
        for root, parts in self._starts(request, place or self._own, search):
            search.start(root, parts)
            for candidate in candidates(self._language, parts, folder=request.folder):
                try:
                    data, real = read_below(root.real, candidate, most_bytes=MOST_BYTES)
                except NotReadable as problem:
                    search.missed(root, candidate, problem.reason)
                else:
                    return self._found(root, real, data, _kind(self._language, candidate))
        raise search.failure()

    def _starts(self, request: Request, place: _Place, search: Search) -> list[tuple[Root, Parts]]:
        """Return where the module could be, the place that wins first."""
        roots, folder = (self._roots, ()) if not request.relative else ([place.root], place.folder)
        if not roots or None in roots:
            raise search.without_folder()
        parts = steps(folder, request.parts)
        if parts is None:
            raise search.leads_out()
        return [(root, parts) for root in roots if root is not None]

    def _found(self, root: Root, parts: Parts, data: bytes, kind: str) -> Found:
        path = os.path.join(root.real, *parts)
        if path == self._script_file:
            return self._the_script()
        # The first name stays, should another root lead to the same file.
        shown = self._shown.setdefault(path, root.show(parts))
        self._places.setdefault(shown, _Place(root, parts[:-1]))
        if not is_unicode(shown):
            raise ModuleError(
                f"the file of module {quoted(parts[-1].encode(errors='replace').decode())} has a "
                "name that is not UTF-8"
            )
        text = source_text(data, shown, kind)
        content: Any = text
        if kind == "json":
            value = value_of_json(text, shown, max_depth=self._max_depth)
            content = value if self._language == "lua" else text
        return Found(shown, kind, content, text.count("\n") + text.count("\r") + 1)

    def _the_script(self) -> Found:
        if self._language == "js":
            return Found(self._script, "main", None, 0)
        raise ModuleError(
            f"{self._script} is the script that runs, which no module can require",
            hint="move what both need to a module of its own",
        )


def _own_root(script: str, folder: Folder) -> Root:
    real = os.path.realpath(folder)
    shown = os.path.dirname(script)
    if os.path.realpath(shown or os.curdir) != real:
        # The script is a link to one elsewhere, or came from another process.
        shown = os.fspath(folder)
    return Root(real, _shown(shown))


def _shown(folder: Folder) -> str:
    # A folder's name may be any bytes; what is shown is text.
    shown = PurePath(folder).as_posix().encode(errors="replace").decode()
    return "" if shown == "." else shown


def _kind(language: str, candidate: Parts) -> str:
    return KINDS[language]["." + candidate[-1].rpartition(".")[2]]
