"""A thread that hears of what others commit."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Final

from llmspell.errors import LlmSpellError
from llmspell.store.server import statements as ask
from llmspell.store.server.pool import SessionPool
from llmspell.store.server.position import Position
from llmspell.store.server.session import Driver, Listening

__all__ = ["Listener"]

_POLL_S: Final = 0.05
# A message that got lost, as some poolers of connections lose them, delays no waiter longer.
_HEARTBEAT_S: Final = 1.0
_IDLE_S: Final = 30.0
_RECONNECT_S: Final = 0.1


class Listener:
    """Keeps a Position up to date over a connection of its own, from the first ``start`` on.

    Being told makes it quick; what makes it right is that it asks as well, at least twice in
    the time by which the position may be behind.
    """

    def __init__(self, driver: Driver, pool: SessionPool, position: Position) -> None:
        self._driver = driver
        self._pool = pool
        self._position = position
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._waiters = 0
        self._ends: tuple[socket.socket, socket.socket] | None = None  # to poke, to be poked

    def start(self) -> None:
        """Begin to listen, once; the first answer comes later."""
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._stopped:
                    self._ends = socket.socketpair()
                    for end in self._ends:
                        end.setblocking(False)
                    self._thread = threading.Thread(
                        target=self._run, name="llmspell-listener", daemon=True
                    )
                    self._thread.start()

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for a position above ``after``."""
        with self._starting:
            self._waiters += 1
        try:
            self.start()
            self._poke()
            return self._position.wait_beyond(after, timeout_s)
        finally:
            with self._starting:
                self._waiters -= 1

    def stop(self) -> None:
        """End the thread without waiting for it."""
        self._stopped = True
        self._poke()

    def let_go(self) -> None:
        """Close what the thread is woken by: at its end, and in the child of a fork."""
        for end in self._ends or ():
            end.close()

    def _poke(self) -> None:
        # Full, it wakes the thread anyway; closed, the thread has ended.
        if self._ends is not None:
            with suppress(OSError):
                self._ends[0].send(b".")

    def _run(self) -> None:
        failures: tuple[type[Exception], ...] = (
            *self._driver.error,
            LlmSpellError,
            OSError,
            ValueError,
        )
        while not self._stopped:
            try:
                session = self._pool.register(self._driver.connect_listener)
            except failures:
                self._position.lost()
                self._pause(None, _RECONNECT_S)
                continue
            try:
                self._follow(session)
            except failures:
                self._position.lost()
                self._pause(None, _RECONNECT_S)
            finally:
                self._pool.discard(session)
        self.let_go()

    def _follow(self, session: Listening) -> None:
        while not self._stopped:
            asked = time.monotonic()
            with session.lock:
                if session.closed:
                    return
                ((seq, commits, _),) = session.fetch(ask.head, {})
            self._position.heard(seq, commits, as_of=asked)
            deadline = asked + self._interval(session)
            while (left := deadline - time.monotonic()) > 0 and not self._stopped:
                with session.lock:
                    if session.closed:
                        return
                    for seq, commits in session.heard():
                        self._position.heard(seq, commits)
                if self._pause(session, left):
                    break

    def _interval(self, session: Listening) -> float:
        told = session.fileno() is not None
        waiting = _HEARTBEAT_S if told else _POLL_S
        interval = waiting if self._waiters else _IDLE_S
        stale = self._position.max_stale_s
        return min(interval, stale / 2) if stale else interval

    def _pause(self, session: Listening | None, timeout_s: float) -> bool:
        """Wait for news from the server or for a poke, which makes this True."""
        with selectors.DefaultSelector() as selector:
            assert self._ends is not None
            poked = self._ends[1]
            selector.register(poked, selectors.EVENT_READ)
            number = session.fileno() if session is not None else None
            if number is not None:
                selector.register(number, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(timeout_s)]
        if poked not in ready:
            return False
        poked.recv(4096)
        return True
