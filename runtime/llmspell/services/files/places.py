"""From the path a script gives to a folder that is open: the only way in to files.

A path is never handed to the system as a whole. The walk starts at a folder that is permitted and
opens one folder after the other, without following links; where it meets one it starts again at
what the link says, under the same rules. So whatever changes on the disk meanwhile, and whatever
links there are, nothing outside of what is permitted is opened, looked at or told of.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from llmspell.errors import InvalidArgument, LlmSpellError, PermissionDenied
from llmspell.permissions import Grant
from llmspell.permissions.denial import denied, shortened
from llmspell.permissions.path_entries import absolute, covers
from llmspell.services.files.problems import failure

__all__ = ["Place", "Places"]

_LONGEST_PATH: Final = 4096
_MOST_LINKS: Final = 40
#: Opens a folder, never what a link leads to. Linux need not be allowed to list it for that.
_FOLDER: Final = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
#: Where the system shows processes and devices as files: the memory of this program is one of
#: them. A permission reaches in there only when it names a place in there.
_SYSTEM: Final = ("/proc", "/sys", "/dev")
_DEEDS: Final = {"read": "reading", "write": "writing"}


class Place:
    """A name in a folder that is open, until the end of a ``with`` block.

    ``status`` is ``None`` when nothing has that name; what has it is no link. ``shown`` is the
    path as the script gave it. What the system refuses within the block is a ``FileError``.
    """

    __slots__ = ("folder", "name", "shown", "status")

    def __init__(self, folder: int, name: str, status: os.stat_result | None, shown: str) -> None:
        self.folder = folder
        self.name = name
        self.status = status
        self.shown = shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        os.close(self.folder)
        # Our own errors are OSErrors too.
        if isinstance(error, OSError) and not isinstance(error, LlmSpellError):
            raise failure(error, self.shown) from None


@dataclass(frozen=True, slots=True)
class _Root:
    """A permitted folder or file: as it was named, and without links."""

    named: str
    real: str

    def below(self, path: str) -> str | None:
        """Return what of an absolute path lies below, or ``None`` when it is elsewhere."""
        for own in (self.named, self.real):
            if covers(own, path):
                return path[len(own) :].strip("/")
        return None


#: An open folder, a name in it, and what is there.
_Walked: TypeAlias = tuple[int, str, os.stat_result | None]


class _Link(Exception):
    """The walk met a link; carries the path it leads to."""

    def __init__(self, path: str) -> None:
        self.path = path


class Places:
    """Finds what a script may read, or may write."""

    def __init__(self, permission: str, grant: Grant, own_files: Sequence[str]) -> None:
        self._permission = permission
        entries = ("/",) if grant is True else grant
        self._roots = [_Root(entry, os.path.realpath(entry)) for entry in entries]
        self._own_files = tuple(os.path.realpath(path) for path in own_files)

    def find(self, path: str | bytes, *, create: bool = False) -> Place:
        """Open the folder a path lies in; ``create`` makes the folders that are missing.

        Raises ``PermissionDenied`` and ``FileError``.
        """
        shown, text = _checked(path)
        try:
            return Place(*self._search(shown, absolute(text), create), shown)
        except LlmSpellError:
            raise
        except OSError as error:
            raise failure(error, shown) from None

    def _search(self, shown: str, path: str, create: bool) -> _Walked:
        for _ in range(_MOST_LINKS):
            root, rest = self._permitted(shown, path)
            try:
                return _walk(root, rest, create)
            except _Link as link:
                path = link.path
        raise OSError(errno.ELOOP, "")

    def _permitted(self, shown: str, path: str) -> tuple[_Root, str]:
        for root in self._roots:
            rest = root.below(path)
            if rest is None:
                continue
            real = f"{root.real.rstrip('/')}/{rest}" if rest else root.real
            if real.startswith(self._own_files) and self._is_own(real):
                raise _never(self._permission, shown)
            if not (real.startswith(_SYSTEM) and _in_system(real, root.real)):
                return root, rest
        deed = f"{_DEEDS[self._permission]} '{shortened(shown)}'"
        # A ~ at the start would be read as the home folder.
        entry = f"./{shown}" if shown.startswith("~") else shown
        raise denied(self._permission, shown, f"{deed} is not permitted", entry)

    def _is_own(self, path: str) -> bool:
        # The database, the files SQLite keeps beside it, or what is in its folder.
        return any(covers(own, path) or path.startswith(f"{own}-") for own in self._own_files)


def _never(permission: str, shown: str) -> PermissionDenied:
    return PermissionDenied(
        f"{_DEEDS[permission]} '{shortened(shown)}' is never permitted: it is where State is kept",
        hint="scripts reach what it holds with State",
        permission=permission,
        target=shown,
    )


def _checked(path: str | bytes) -> tuple[str, str]:
    """Return a path as messages show it, and as the system takes it."""
    text = os.fsdecode(path) if isinstance(path, bytes) else path
    if not text or "\0" in text or len(text) > _LONGEST_PATH:
        raise InvalidArgument(
            f"argument 'path' is no path: it is empty, holds NUL, or has over {_LONGEST_PATH} "
            "characters",
            parameter="path",
        )
    return os.fsencode(text).decode(errors="backslashreplace"), text


def _in_system(path: str, root: str) -> bool:
    return any(covers(place, path) and not covers(place, root) for place in _SYSTEM)


def _walk(root: _Root, rest: str, create: bool) -> _Walked:
    """Go from a root to the folder that holds what is named last. Raises ``_Link``."""
    start, names = root.real, rest.split("/") if rest else []
    if not names and not os.path.isdir(start):
        start, name = os.path.split(start)
        names = [name]
    if create:
        os.makedirs(start, exist_ok=True)
    folder, path = os.open(start, _FOLDER), start.rstrip("/")
    try:
        while len(names) > 1:
            below = _opened(folder, path, names, create)
            os.close(folder)
            folder, path, names = below, f"{path}/{names[0]}", names[1:]
        name = names[0] if names else "."
        return folder, name, _status(folder, path, name)
    except BaseException:
        os.close(folder)
        raise


def _opened(folder: int, path: str, names: list[str], create: bool) -> int:
    """Open the first of some names in an open folder, whose own path is ``path``."""
    try:
        return os.open(names[0], _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
        with suppress(FileExistsError):
            os.mkdir(names[0], dir_fd=folder)
        return os.open(names[0], _FOLDER, dir_fd=folder)
    except OSError:
        try:
            target = os.readlink(names[0], dir_fd=folder)
        except OSError:
            target = None
        if target is None:
            raise
    raise _Link(absolute("/".join([target, *names[1:]]), folder=path or "/"))


def _status(folder: int, path: str, name: str) -> os.stat_result | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise _Link(absolute(os.readlink(name, dir_fd=folder), folder=path or "/"))
    return status
