"""A lock where the system has none: a file that says who has it and until when.

Whoever has it says so again and again. Somebody else takes it over once it has run out, or when
its process ran on the same machine and has ended. Systems differ in how surely only one of two
that begin at once gets it, so it is looked at again after a moment, and before a backup counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import sleep, time_ns
from typing import Final, NamedTuple

import orjson

from llmspell.backup.repository.holder import Holder
from llmspell.backup.repository.names import LOCK
from llmspell.backup.repository.problems import running
from llmspell.backup.repository.processes import has_ended, own_mark
from llmspell.backup.repository.remote_files import RemoteFiles

__all__ = ["Lease"]

#: Clocks of two machines should not be further apart than a part of that.
_LASTS_S: Final = 120.0
_RENEWED_AFTER_S: Final = 30.0
_SETTLES_AFTER_S: Final = 0.1
_READS: Final = 3
_GIVES_UP_AFTER_S: Final = 10.0


class _Held(NamedTuple):
    """What the file says; without a token it cannot be read."""

    token: str
    mark: str
    until_us: int
    holder: Holder

    @property
    def is_over(self) -> bool:
        return self.until_us < _now_us() or has_ended(self.mark)


class Lease:
    """Holds the lock of a place from ``held`` on."""

    def __init__(self, files: RemoteFiles, purpose: str, *, location: str) -> None:
        self._files = files
        self._location = location
        self._token = secrets.token_hex(8)
        self._holder = Holder.here(purpose)
        self._left = Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it, renewing it in a thread. Raises BackupRunning when somebody else does."""
        renewing = Thread(target=self._renew_until_left, name="llmspell-backup-lock", daemon=True)
        try:
            self._take()
            renewing.start()
            yield
        finally:
            self._left.set()
            if renewing.ident is not None:
                renewing.join(_GIVES_UP_AFTER_S)
            # What cannot be removed runs out.
            with suppress(Exception):
                self._release()

    def check(self) -> None:
        """Renew it. Raises BackupRunning when somebody else has taken it over."""
        found = self._found()
        if found is None or found.token != self._token:
            raise self._running(found)
        self._files.replace(LOCK, self._content())

    def _take(self) -> None:
        found = self._found()
        if found is not None:
            if not found.is_over:
                raise self._running(found)
            self._files.remove(LOCK)
        if not self._files.create(LOCK, self._content()):
            raise self._running(self._found())
        sleep(_SETTLES_AFTER_S)
        found = self._found()
        if found is None or found.token != self._token:
            raise self._running(found)

    def _release(self) -> None:
        found = self._found()
        if found is not None and found.token == self._token:
            self._files.remove(LOCK)

    def _renew_until_left(self) -> None:
        while not self._left.wait(_RENEWED_AFTER_S):
            # It may work the next time; ``check`` tells if it did not in time.
            with suppress(Exception):
                self.check()

    def _found(self) -> _Held | None:
        """Return what is there. What cannot be read may just be being written: look again."""
        for _ in range(_READS):
            try:
                held = _parse(self._files.read(LOCK))
            except FileNotFoundError:
                return None
            if held.token:
                break
            sleep(_SETTLES_AFTER_S)
        return held

    def _content(self) -> bytes:
        until_us = _now_us() + round(_LASTS_S * 1e6)
        lock = {"token": self._token, "mark": own_mark(), "until_us": until_us}
        return orjson.dumps(lock | self._holder._asdict())

    def _running(self, found: _Held | None) -> Exception:
        return running(self._location, (found.holder if found else Holder.parse(b"")).told())


def _parse(data: bytes) -> _Held:
    holder = Holder.parse(data)
    try:
        found = orjson.loads(data)
        token, mark, until_us = str(found["token"]), str(found["mark"]), int(found["until_us"])
    except (ValueError, TypeError, KeyError):
        return _Held("", "", 0, holder)
    return _Held(token, mark, until_us, holder)


def _now_us() -> int:
    return time_ns() // 1000
