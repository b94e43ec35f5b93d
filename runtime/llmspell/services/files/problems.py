"""What can be wrong with a file, in words; the system's own words carry paths of the host."""

from __future__ import annotations

import errno
from typing import Final

from llmspell.errors import FileError, FileNotFound
from llmspell.permissions.denial import shortened

__all__ = ["failure", "file_error"]

#: errno -> (reason, what to say of the path, hint)
_REASONS: Final[dict[int, tuple[str, str, str | None]]] = {
    errno.EISDIR: ("is_directory", "is a folder, not a file", None),
    errno.ENOTDIR: ("not_a_directory", "is no folder, or lies below something that is none", None),
    errno.EACCES: ("access", "may not be used by the user this program runs as", None),
    errno.EPERM: ("access", "may not be used by the user this program runs as", None),
    errno.EROFS: ("read_only", "is on a file system that cannot be written", None),
    errno.ENOSPC: ("disk_full", "cannot be written: the disk is full", "free some space"),
    errno.EDQUOT: ("disk_full", "cannot be written: the quota is used up", "free some space"),
    errno.ENAMETOOLONG: ("name_too_long", "has a name that is too long", None),
    errno.ELOOP: ("too_many_links", "leads through too many links", None),
    errno.EFBIG: ("too_large", "would be larger than the system allows", None),
}


def failure(error: OSError, path: str) -> FileError:
    """Return what the system's error means for the path a script gave."""
    if error.errno == errno.ENOENT:
        return FileNotFound(f"there is no file or folder '{shortened(path)}'", path=path)
    reason, text, hint = _REASONS.get(
        error.errno or 0, ("io", f"failed: {error.strerror or type(error).__name__}", None)
    )
    return file_error(reason, path, text, hint)


def file_error(reason: str, path: str, text: str, hint: str | None = None) -> FileError:
    """Return the error that says ``text`` of a path."""
    return FileError(f"'{shortened(path)}' {text}", hint=hint, reason=reason, path=path)
