"""The connections of a store: lent out one by one, closed together, never shared with a child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Lock, Semaphore
from typing import Final, TypeVar

from llmspell.store.checks import closed_error
from llmspell.store.server.session import Session

__all__ = ["SessionPool"]

_S = TypeVar("_S", bound=Session)

#: Threads beyond that number wait for one another; a read takes less than a millisecond.
_MOST_AT_ONCE: Final = 8


class SessionPool:
    """Lends sessions for reading, and knows every session there is, whoever uses it."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._changed = Condition(Lock())
        self._idle: list[Session] = []
        self._all: set[Session] = set()
        self._held: list[Session] = []
        self._places = Semaphore(_MOST_AT_ONCE)
        self._connecting = 0
        self._forking = False
        self._closed = False

    def register(self, connect: Callable[[], _S]) -> _S:
        """Open a session that the pool closes in the end, for somebody who keeps it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            if self._closed:
                raise closed_error()
            self._connecting += 1
        session = None
        try:
            session = connect()
        finally:
            with self._changed:
                self._connecting -= 1
                self._changed.notify_all()
                if session is not None and not self._closed:
                    self._all.add(session)
        if session not in self._all:
            session.close()
            raise closed_error()
        return session

    def discard(self, session: Session) -> None:
        """Close a session and forget it."""
        with self._changed:
            self._all.discard(session)
        session.close()

    def take(self) -> Session:
        """Return a session that nobody uses, for a while."""
        with self._changed:
            if self._closed:
                raise closed_error()
            if self._idle:
                return self._idle.pop()
        return self.register(self._connect)

    def give_back(self, session: Session) -> None:
        """Take back a session that is as good as new."""
        with self._changed:
            if session in self._all and len(self._idle) < _MOST_AT_ONCE:
                self._idle.append(session)
                return
        self.discard(session)

    @contextmanager
    def lend(self) -> Iterator[Session]:
        """Lend a session, locked, for one call. One that failed in any way is not used again."""
        with self._places:
            session = self.take()
            try:
                with session.lock:
                    if session.closed:
                        raise closed_error()
                    yield session
            except BaseException:
                self.discard(session)
                raise
            self.give_back(session)

    def drop_idle(self) -> None:
        """Close what nobody uses: after one connection was lost, the others are as well."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for session in idle:
            session.close()

    def close(self) -> None:
        """Close every session, each as soon as its call has ended."""
        with self._changed:
            self._closed = True
            sessions, self._all, self._idle = list(self._all), set(), []
        for session in sessions:
            with session.lock:
                session.close()

    def abandon(self) -> None:
        """Close what nobody uses without waiting for any lock: for a store that was dropped."""
        self._closed = True
        with suppress(RuntimeError):  # the listener's thread may come or go at this moment
            for session in self._all:
                if session.lock.acquire(blocking=False):
                    session.close()
                    session.lock.release()

    def before_fork(self) -> None:
        """Wait for the calls under way and keep others out."""
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: not self._connecting)
        self._held = list(self._all)
        for session in self._held:
            session.lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Let others in again; in the child there are none, and no connections yet."""
        for session in self._held:
            if in_child:
                session.abandon()
            session.lock.release()
        self._held, self._forking = [], False
        self._changed.notify_all()
        self._changed.release()
        if in_child:
            self._changed = Condition(Lock())
            self._all, self._idle = set(), []
            self._places = Semaphore(_MOST_AT_ONCE)
