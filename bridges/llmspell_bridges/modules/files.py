"""Files below a folder, and nothing else: no way out by links, no waiting, no devices.

A file is opened step by step from the folder's own descriptor, never following a link. Where a
link is met, the place it leads to is looked up, must be below the folder, and is then opened in
that same way. So nothing that changes in between can lead out.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Final

__all__ = ["NotReadable", "list_below", "open_by_path", "read_below"]

Parts = tuple[str, ...]

# A folder need not be readable to lead to a file.
_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_CLOEXEC", 0)
_FOLDER: Final = getattr(os, "O_DIRECTORY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_FILE: Final = (
    os.O_RDONLY
    | _NO_LINK
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL})
_MOST_LISTED: Final = 500
_CHUNK: Final = 64 * 1024


class NotReadable(Exception):
    """There is no file to read; ``reason`` says why when it is not just absent.

    What lies outside the folder is told as a link that leads out, whether it exists or not.
    """

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason


class _LinkMet(Exception):
    pass


def read_below(root: str, parts: Sequence[str], *, most_bytes: int) -> tuple[bytes, Parts]:
    """Read a file below ``root``, a path without links; return it and where it really is.

    At most ``most_bytes`` and one more are read, so that the caller can tell. Raises
    ``NotReadable``.
    """
    descriptor, real = _open(root, tuple(parts))
    try:
        return _read(descriptor, most_bytes + 1), real
    except OSError as error:
        raise _why(error) from None
    finally:
        os.close(descriptor)


def _read(descriptor: int, count: int) -> bytes:
    """Read up to ``count`` bytes, or to the file's end."""
    first = os.read(descriptor, min(count, _CHUNK))
    if len(first) < min(count, _CHUNK):
        return first  # of a regular file: all of it
    parts, left = [first], count - len(first)
    while left > 0 and (more := os.read(descriptor, left)):
        parts.append(more)
        left -= len(more)
    return b"".join(parts)


def list_below(root: str, parts: Sequence[str]) -> list[str]:
    """Return the names in a folder below ``root``, or nothing if it cannot be listed."""
    try:
        real = _real_parts(root, tuple(parts))
        if not _BY_DESCRIPTOR:
            return os.listdir(os.path.join(root, *real))[:_MOST_LISTED]
        folder = _open_folder(root, real)
        try:
            return _names_in(folder)[:_MOST_LISTED]
        finally:
            os.close(folder)
    except (OSError, NotReadable, _LinkMet):
        return []


def _names_in(folder: int) -> list[str]:
    # The descriptor itself may be good for steps only.
    listed = os.open(".", os.O_RDONLY | _FOLDER, dir_fd=folder)
    try:
        return os.listdir(listed)
    finally:
        os.close(listed)


def _open(root: str, parts: Parts) -> tuple[int, Parts]:
    way = _open_by_steps if _BY_DESCRIPTOR else open_by_path
    try:
        try:
            return way(root, parts), parts
        except _LinkMet:
            real = _real_parts(root, parts)
            return way(root, real), real
    except _LinkMet:
        raise NotReadable("it changed while it was looked for") from None
    except OSError as error:
        raise _why(error) from None


def _why(error: OSError) -> NotReadable:
    if error.errno in _ABSENT:
        return NotReadable()
    return NotReadable(error.strerror.lower() if error.strerror else "it cannot be read")


def _real_parts(root: str, parts: Parts) -> Parts:
    real = os.path.realpath(os.path.join(root, *parts))
    if not _is_below(real, root):
        raise NotReadable("a link that leads out of the folder")
    return tuple(part for part in os.path.relpath(real, root).split(os.sep) if part != ".")


def _is_below(path: str, root: str) -> bool:
    try:
        return os.path.commonpath([root, path]) == root
    except ValueError:  # on another drive
        return False


def _open_by_steps(root: str, parts: Parts) -> int:
    if not parts:
        return _not_a_file()
    folder = _open_folder(root, parts[:-1])
    try:
        return _open_file(parts[-1], folder)
    finally:
        os.close(folder)


def _open_folder(root: str, parts: Parts) -> int:
    at = os.open(root, _STEP | _FOLDER)
    for part in parts:
        try:
            below = _step(part, at)
        finally:
            os.close(at)
        at = below
    return at


def _step(part: str, at: int) -> int:
    _check_spelling(part, at)
    try:
        return os.open(part, _STEP | _FOLDER | _NO_LINK, dir_fd=at)
    except OSError:
        if stat.S_ISLNK(os.stat(part, dir_fd=at, follow_symlinks=False).st_mode):
            raise _LinkMet from None
        raise


def _open_file(name: str, at: int) -> int:
    status = os.stat(name, dir_fd=at, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise _LinkMet
    if not stat.S_ISREG(status.st_mode):
        # Not even opened: that alone moves some devices.
        _not_a_file()
    _check_spelling(name, at)
    return _checked(os.open(name, _FILE, dir_fd=at))


def _checked(descriptor: int) -> int:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return _not_a_file()


def _not_a_file() -> int:
    raise NotReadable("not a regular file")


def _check_spelling(name: str, at: int) -> None:
    """Refuse a name that only a disk which ignores case takes for this file.

    The same script must find the same modules on every disk, and each under one name.
    """
    other = name.swapcase()
    if other == name:
        return
    try:
        same = os.path.samestat(
            os.stat(other, dir_fd=at, follow_symlinks=False),
            os.stat(name, dir_fd=at, follow_symlinks=False),
        )
    except OSError:
        return
    if not same:
        return
    from unicodedata import normalize

    names = {normalize("NFC", each) for each in _names_in(at)}
    if normalize("NFC", name) not in names:
        raise NotReadable("it is spelled with other capitals")


def open_by_path(root: str, parts: Parts) -> int:
    """Open a file below ``root`` where the system cannot open from a folder's descriptor.

    The path is resolved before and after, so a link put in between is noticed.
    """
    path = os.path.join(root, *parts)
    if os.path.realpath(path) != path:
        raise _LinkMet
    if not stat.S_ISREG(os.lstat(path).st_mode):
        _not_a_file()
    descriptor = _checked(os.open(path, _FILE))
    same = os.path.samestat(os.fstat(descriptor), os.lstat(path))
    if same and os.path.realpath(path) == path:
        return descriptor
    os.close(descriptor)
    raise _LinkMet
