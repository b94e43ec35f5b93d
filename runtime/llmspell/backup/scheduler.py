"""A loop that runs what is due, in a thread of its own or in the foreground."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from llmspell.errors import RuntimeClosed
from llmspell.security.sensitive.logs import get_log

__all__ = ["Scheduler"]

_log: Final = get_log("llmspell.backup.scheduler")


class Scheduler:
    """Calls ``run_due`` at once, and again whenever the time that ``next_at`` returns has come.

    That is in microseconds since the epoch. What ``run_due`` raises is logged and ends nothing:
    it is tried again after ``retry_s``, or at the next time if that is sooner. The clock is looked
    at every ``look_every_s``, so that it may be set, or the machine sleep; between two runs are at
    least ``pause_s``.

    ``start`` runs it in a daemon thread until ``close``; it is a context manager, too.
    """

    def __init__(
        self,
        run_due: Callable[[], object],
        next_at: Callable[[], int],
        *,
        look_every_s: float = 30.0,
        retry_s: float = 300.0,
        pause_s: float = 1.0,
    ) -> None:
        self._run_due, self._next_at = run_due, next_at
        self._look_every_s, self._pause_s = look_every_s, pause_s
        self._retry_us = round(retry_s * 1_000_000)
        self._one = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in a thread; nothing happens if it runs already. Raises ``RuntimeClosed``."""
        with self._one:
            if self._closing.is_set():
                raise RuntimeClosed("the scheduler of backups is closed: make another one")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self.run_foreground,
                    args=(self._closing,),
                    name="llmspell-backups",
                    daemon=True,
                )
                self._thread.start()

    def close(self) -> None:
        """End it, and wait until what is being done is done. May be called again."""
        with self._one:
            self._closing.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> Scheduler:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run_foreground(self, stop: threading.Event) -> None:
        """Run what is due, time after time, until ``stop`` is set; what is being done is ended."""
        while not stop.is_set():
            latest = None
            try:
                self._run_due()
            except Exception:  # whatever it is, the next backup must be made
                _log.exception("a backup that was due failed; it is tried again")
                latest = _now_us() + self._retry_us
            stop.wait(self._pause_s)
            self._wait(stop, latest)

    def _wait(self, stop: threading.Event, latest: int | None) -> None:
        """Return when it is time. A clock that is set back brings the next time nearer."""
        at = self._asked() if latest is None else min(latest, self._asked())
        while not stop.is_set() and (left_s := (at - _now_us()) / 1_000_000) > 0:
            stop.wait(min(left_s, self._look_every_s))
            at = min(at, self._asked())

    def _asked(self) -> int:
        try:
            return self._next_at()
        except Exception:  # a place that is away for a while must not end it
            _log.exception("when the next backup is due could not be found out")
            return _now_us() + round(self._look_every_s * 1_000_000)


def _now_us() -> int:
    return time.time_ns() // 1000
