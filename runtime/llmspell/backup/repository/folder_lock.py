"""Locks of a folder: the system's own, which end with the process that holds them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from llmspell.backup.repository.files import FILE_MODE, SAFELY
from llmspell.backup.repository.holder import Holder
from llmspell.backup.repository.problems import running

__all__ = ["in_turn", "locked"]

_TAKEN: Final = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_MAX_BYTES: Final = 4096
_PATIENCE_S: Final = 1.0
_PAUSE_S: Final = 0.005
_held: set[int] = set()


@contextmanager
def locked(path: Path, purpose: str, *, location: str) -> Iterator[None]:
    """Hold the lock of a file. Raises BackupRunning at once when somebody else does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | SAFELY, FILE_MODE)
    try:
        if not _take(handle):
            raise running(location, Holder.parse(_content(handle)).told())
        _held.add(handle)
        # Who has it is only told: a full disk must not keep anybody from making space.
        with suppress(OSError):
            _write(handle, Holder.here(purpose).pack())
        try:
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(handle, 0)
    finally:
        _held.discard(handle)
        with suppress(OSError):  # the child of a fork has closed it already
            os.close(handle)


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait until nobody else has the lock, but no longer than a second: then go on without it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | SAFELY, FILE_MODE)
    try:
        end = monotonic() + _PATIENCE_S
        while not _take(handle) and monotonic() < end:
            sleep(_PAUSE_S)
        yield
    finally:
        os.close(handle)


def _content(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, _MAX_BYTES)


def _write(handle: int, data: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    os.ftruncate(handle, os.write(handle, data))


if sys.platform == "win32":
    import msvcrt

    #: Other bytes than the holder's name, which others could not read otherwise.
    _FAR: Final = 1 << 30

    def _take(handle: int) -> bool:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

else:
    import fcntl

    def _take(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

    def _let_go() -> None:
        """Close in the child of a fork what would keep its parent's lock beyond its end."""
        for handle in _held:
            with suppress(OSError):
                os.close(handle)
        _held.clear()

    os.register_at_fork(after_in_child=_let_go)
