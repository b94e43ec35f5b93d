"""Reading, writing and listing, below what is permitted."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import Any, Final

from llmspell.errors import (
    FileError,
    FileNotFound,
    InvalidArgument,
    InvalidValue,
    LimitExceeded,
)
from llmspell.permissions import Permissions
from llmspell.permissions.denial import shortened
from llmspell.services.files.places import Place, Places
from llmspell.services.files.problems import file_error
from llmspell_bridges.values import is_unicode

__all__ = ["Files"]

_CLOSED_AT_EXEC: Final = getattr(os, "O_CLOEXEC", 0)
#: Neither waits for the other end of a pipe nor follows a link that has just been put there.
_SAFELY: Final = _CLOSED_AT_EXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_ENCODINGS: Final = ("utf-8", "utf8", "bytes")
_MOST_LISTED: Final = 100_000
_CHUNK_BYTES: Final = 1024 * 1024


class Files:
    """The files that ``permissions`` include, except ``own_files``.

    ``max_bytes`` bounds what is read or written at once.
    """

    def __init__(
        self, permissions: Permissions, *, own_files: Sequence[str], max_bytes: int
    ) -> None:
        if os.open not in os.supports_dir_fd:
            raise FileError("this system cannot open files safely enough", reason="unsupported")
        self._permissions = permissions
        self._own_files = own_files
        self._max_bytes = max_bytes

    @cached_property
    def _readable(self) -> Places:
        return Places("read", self._permissions.read, self._own_files)

    @cached_property
    def _writable(self) -> Places:
        return Places("write", self._permissions.write, self._own_files)

    def read(self, path: str | bytes, *, encoding: str = "utf-8") -> str | bytes:
        """Return a file's content: text, or with ``encoding="bytes"`` bytes."""
        if encoding not in _ENCODINGS:
            raise InvalidArgument(
                f"unknown encoding '{shortened(encoding)}'",
                hint='use "utf-8", or "bytes" for all else',
                parameter="options",
            )
        with self._readable.find(path) as place:
            data = self._content(place)
        if encoding == "bytes":
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InvalidValue(
                f"'{shortened(place.shown)}' is not UTF-8 text (line {line})",
                hint='read it with encoding = "bytes"',
                path=place.shown,
                line=line,
            ) from None

    def _content(self, place: Place) -> bytes:
        _check_file(place)
        handle = os.open(place.name, os.O_RDONLY | _SAFELY, dir_fd=place.folder)
        try:
            # What was looked at and what was opened need not be the same.
            _check_regular(os.fstat(handle), place.shown)
            data = bytearray()
            while len(data) <= self._max_bytes and (part := os.read(handle, _CHUNK_BYTES)):
                data += part
        finally:
            os.close(handle)
        self._check_size(len(data), f"'{shortened(place.shown)}' holds")
        return bytes(data)

    def write(
        self,
        path: str | bytes,
        content: str | bytes,
        *,
        append: bool = False,
        create_dirs: bool = False,
    ) -> None:
        """Put ``content`` in the place of a file's, all at once, or add it at the end."""
        data = content.encode() if isinstance(content, str) else content
        self._check_size(len(data), "the content has")
        try:
            with self._writable.find(path, create=create_dirs) as place:
                if place.status is not None:
                    _check_regular(place.status, place.shown)
                    if not os.access(place.name, os.W_OK, dir_fd=place.folder):
                        raise PermissionError(errno.EACCES, "")
                (_append if append else _replace)(place, data)
        except FileNotFound as error:
            error.hint = "its folder is missing: pass create_dirs = true to make it"
            raise

    def exists(self, path: str | bytes) -> bool:
        """Tell whether there is a file or folder of that name."""
        try:
            with self._readable.find(path) as place:
                return place.status is not None
        except FileError as error:
            # A folder on the way is missing, or is a file.
            if isinstance(error, FileNotFound) or error.details["reason"] == "not_a_directory":
                return False
            raise

    def entries(self, path: str | bytes) -> list[dict[str, Any]]:
        """Return what is in a folder, in the order of the names."""
        with self._readable.find(path) as place:
            flags = os.O_RDONLY | os.O_DIRECTORY | _SAFELY
            handle = os.open(place.name, flags, dir_fd=place.folder)
            try:
                with os.scandir(handle) as entries:
                    found = [_entry(each) for each in islice(entries, _MOST_LISTED + 1)]
            finally:
                os.close(handle)
        if len(found) > _MOST_LISTED:
            raise LimitExceeded(
                f"'{shortened(place.shown)}' holds more than {_MOST_LISTED} entries",
                limit="entries",
                maximum=_MOST_LISTED,
            )
        return sorted(found, key=lambda entry: os.fsencode(entry["name"]))

    def _check_size(self, size: int, what: str) -> None:
        if size > self._max_bytes:
            raise LimitExceeded(
                f"{what} more than {self._max_bytes} bytes",
                hint="raise limits.value_bytes in the configuration",
                limit="value_bytes",
                maximum=self._max_bytes,
            )


def _check_file(place: Place) -> None:
    if place.status is None:
        raise FileNotFoundError(errno.ENOENT, "")
    _check_regular(place.status, place.shown)


def _check_regular(status: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if not stat.S_ISREG(status.st_mode):
        raise file_error("not_a_file", shown, "is a pipe, a device or a socket, not a file")


def _entry(found: os.DirEntry[str]) -> dict[str, Any]:
    name: str | bytes = found.name if is_unicode(found.name) else os.fsencode(found.name)
    if found.is_symlink():
        return {"name": name, "kind": "link"}
    if found.is_dir(follow_symlinks=False):
        return {"name": name, "kind": "directory"}
    if not found.is_file(follow_symlinks=False):
        return {"name": name, "kind": "other"}
    try:
        size = found.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # it has just been deleted
        size = 0
    return {"name": name, "kind": "file", "size": size}


def _replace(place: Place, data: bytes) -> None:
    """Write beside the file and rename: others see the old content or the new, never a part."""
    beside = f".llmspell-{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
    handle = os.open(beside, flags, 0o666, dir_fd=place.folder)
    try:
        try:
            if place.status is not None:
                os.fchmod(handle, stat.S_IMODE(place.status.st_mode))
            _write_all(handle, data)
        finally:
            os.close(handle)
        os.replace(beside, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=place.folder)
        raise


def _append(place: Place, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFELY
    handle = os.open(place.name, flags, 0o666, dir_fd=place.folder)
    try:
        status = os.fstat(handle)
        _check_regular(status, place.shown)
        _write_all(handle, data, status.st_size)
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes, start: int = 0) -> None:
    written = 0
    try:
        while written < len(data):
            written += os.write(handle, memoryview(data)[written:])
    except BaseException:
        # A part of a record is worse than none; but what others appended meanwhile stays.
        with suppress(OSError):
            if os.fstat(handle).st_size == start + written:
                os.ftruncate(handle, start)
        raise
