"""What a module may be called in each language, and which files a name stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from llmspell_bridges.errors import ModuleNotFound

__all__ = ["JS_BUILT_IN", "KINDS", "Parts", "Request", "candidates", "quoted", "read_name", "steps"]

Parts = tuple[str, ...]

KINDS: Final = {
    "lua": {".lua": "lua", ".json": "json"},
    "js": {".js": "js", ".cjs": "js", ".json": "json"},
}
"""By language: the endings that are searched for, in that order, and what such a file holds."""

_FOLDER_FILES: Final = {
    "lua": ("init.lua",),
    "js": ("index.js", "index.cjs", "index.json"),
}
_LONGEST_NAME: Final = 512
_SHOWN_NAME: Final = 80
_JS_HERE: Final = frozenset({".", ".."})
JS_BUILT_IN: Final = re.compile(
    r"(?:assert|async_hooks|buffer|child_process|cluster|console|crypto|dgram|dns|events|fs|https?"
    r"|http2|inspector|module|net|os|path|perf_hooks|process|querystring|readline|stream"
    r"|string_decoder|timers|tls|tty|url|util|v8|vm|worker_threads|zlib)(?:/.*)?"
)


class Request(NamedTuple):
    """A module's name, taken apart. ``parts`` are folders and the file, below a root.

    When it is ``relative`` they start at the folder of the file that requires it, and may hold
    ``..``. ``folder`` means that only a folder's own module will do.
    """

    name: str
    parts: Parts
    relative: bool = False
    folder: bool = False


def quoted(name: str) -> str:
    """Return a name as messages show it: quoted, and cut if it is very long."""
    return f"'{name if len(name) <= _SHOWN_NAME else name[: _SHOWN_NAME - 1] + '…'}'"


def read_name(language: str, name: str) -> Request:
    """Take a module's name apart. Raises ``ModuleNotFound`` for what no module can be called."""
    if not name:
        raise _refused(name, "is empty", "name a file, without its ending")
    if len(name) > _LONGEST_NAME:
        raise _refused(name, f"is longer than {_LONGEST_NAME} characters")
    if not name.isprintable():
        raise _refused(name.encode("unicode_escape").decode(), "holds control characters")
    request = _lua_name(name) if language == "lua" else _js_name(name)
    for part in request.parts:
        _check_part(request, part)
    return request


def _lua_name(name: str) -> Request:
    if "/" in name or "\\" in name:
        plain = name.replace("\\", "/").removeprefix("./").removesuffix(".lua").split("/")
        clean = all(part and "." not in part for part in plain)
        hint = f'require "{".".join(plain)}"' if clean else 'require "lib.util"'
        raise _refused(
            name, "holds a slash", f"dots stand for folders, from a module folder: {hint}"
        )
    return Request(name, tuple(name.split(".")))


def _js_name(name: str) -> Request:
    if "\\" in name:
        raise _refused(name, "holds a backslash", f'write require("{name.replace(chr(92), "/")}")')
    if name.startswith("/"):
        raise _refused(
            name,
            "is an absolute path",
            "modules are named from the file that requires them (./lib/util) or from a module "
            "folder (lib/util)",
        )
    if ":" in name:
        builtin = name.startswith("node:")
        raise _refused(name, "is no file", _NO_NODE if builtin else "modules are files")
    first = name.split("/", 1)[0]
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    folder = name.endswith("/") or name.rsplit("/", 1)[-1] in _JS_HERE
    return Request(name, parts, relative=first in _JS_HERE, folder=folder)


_NO_NODE: Final = "the modules of Node itself are not available here"


def _check_part(request: Request, part: str) -> None:
    if part == "..":
        return  # of JavaScript; where it leads is seen when it is walked
    if not part:
        raise _refused(request.name, "has an empty part", "dots stand between folders and file")
    if part.startswith("."):
        raise _refused(request.name, f"names the hidden file or folder {quoted(part)}")
    if part.endswith((".", " ")) or ":" in part:
        raise _refused(request.name, f"has a part that no portable file has: {quoted(part)}")


def steps(folder: Parts, parts: Parts) -> Parts | None:
    """Walk ``parts`` from a folder below a root; return where that leads, None if out of it."""
    at = list(folder)
    for part in parts:
        if part != "..":
            at.append(part)
        elif at:
            at.pop()
        else:
            return None
    return tuple(at)


def candidates(language: str, parts: Parts, *, folder: bool) -> Iterator[Parts]:
    """Yield the files a module may be in, the one that wins first."""
    kinds = KINDS[language]
    inside = [(*parts, name) for name in _FOLDER_FILES[language]]
    if folder or not parts:
        yield from inside
        return
    *above, last = parts
    endings = ["." + last.rpartition(".")[2]] if language == "js" and "." in last else []
    if endings and endings[0] in kinds:
        yield parts
    files = [(*above, last + ending) for ending in kinds]
    if language == "lua":
        # As Lua's own path has it: file, folder; data comes last.
        yield from (files[0], *inside, *files[1:])
    else:
        yield from (*files, *inside)


def _refused(name: str, problem: str, hint: str | None = None) -> ModuleNotFound:
    return ModuleNotFound(
        f"no module can be called {quoted(name)}: the name {problem}", hint=hint, module=name[:512]
    )
