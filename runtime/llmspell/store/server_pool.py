"""The connections of a store: lent out one by one, closed together, never shared with a child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore
from typing import Final, TypeVar

from llmspell.store.checks import closed_error
from llmspell.store.server_session import Session

__all__ = ["SessionPool"]

_S = TypeVar("_S", bound=Session)

#: Threads beyond that number wait for one another; a read takes less than a millisecond.
MOST_AT_ONCE: Final = 8


class SessionPool:
    """Lends sessions for reading, and knows every session there is, whoever uses it."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._idle: list[Session] = []
        self._all: set[Session] = set()
        self._held: list[Session] = []
        self._places = Semaphore(MOST_AT_ONCE)
        self.closed = False

    def register(self, connect: Callable[[], _S]) -> _S:
        """Open a session that the pool closes in the end, for somebody who keeps it."""
        if self.closed:
            raise closed_error()
        session = connect()
        with self._lock:
            if not self.closed:
                self._all.add(session)
                return session
        session.close()
        raise closed_error()

    def discard(self, session: Session) -> None:
        """Close a session and forget it."""
        with self._lock:
            self._all.discard(session)
        session.close()

    @contextmanager
    def lend(self) -> Iterator[Session]:
        """Lend a session, locked, for one call. One that failed in any way is not used again."""
        with self._places:
            with self._lock:
                if self.closed:
                    raise closed_error()
                session = self._idle.pop() if self._idle else None
            if session is None:
                session = self.register(self._connect)
            try:
                with session.lock:
                    if session.closed:
                        raise closed_error()
                    yield session
            except BaseException:
                self.discard(session)
                raise
            with self._lock:
                if not self.closed:
                    self._idle.append(session)

    def drop_idle(self) -> None:
        """Close what nobody uses: after one connection was lost, the others are as well."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for session in idle:
            session.close()

    def close(self) -> None:
        """Close every session, each as soon as its call has ended."""
        with self._lock:
            self.closed = True
            sessions, self._all, self._idle = list(self._all), set(), []
        for session in sessions:
            with session.lock:
                session.close()

    def before_fork(self) -> None:
        """Wait for the calls under way and keep others out."""
        self._lock.acquire()
        self._held = list(self._all)
        for session in self._held:
            session.lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Let others in again; in the child there are none, and no connections yet."""
        for session in self._held:
            if in_child:
                session.abandon()
            session.lock.release()
        self._held = []
        if in_child:
            self._all, self._idle = set(), []
            self._places = Semaphore(MOST_AT_ONCE)
        self._lock.release()
