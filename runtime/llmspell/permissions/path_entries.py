"""Entries of ``read`` and ``write``: absolute paths, compared by name."""

from __future__ import annotations

import os

__all__ = ["absolute", "covers", "exact"]


def exact(entry: str) -> str:
    """Return the absolute path of an entry. Raises ``ValueError`` in words for users."""
    if not entry.strip():
        raise ValueError("an empty text names no file or folder")
    if "\0" in entry:
        raise ValueError("a path holds no NUL character")
    if os.path.basename(entry) in ("*", "**"):
        raise ValueError("there are no patterns: a folder includes all below it")
    return absolute(os.path.expanduser(entry))


def absolute(path: str, *, folder: str | None = None) -> str:
    """Return a path from the root without ``.``, ``..`` and doubled slashes.

    ``..`` is taken as it is written: it never leads through a link.
    """
    if not path.startswith("/"):
        path = f"{folder or os.getcwd()}/{path}"
    # POSIX lets two slashes at the start mean something else; here they do not.
    return "/" + os.path.normpath(path).lstrip("/")


def covers(entry: str, path: str) -> bool:
    """Tell whether an absolute path is the entry, or lies below it."""
    return path == entry or path.startswith(entry if entry == "/" else entry + "/")
