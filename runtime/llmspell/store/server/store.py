"""The store on a database server that many machines share."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from llmspell.errors import StorageError
from llmspell.store.backend import RingSeen, Seal
from llmspell.store.base import (
    KEY_RING,
    Operation,
    Put,
    Reader,
    RestoreWork,
    Rewritten,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.checks import check_durability, check_journal, closed_error
from llmspell.store.clock import Clock, system_clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.restoring import Batches
from llmspell.store.rewriting import RewritesByWriting
from llmspell.store.server import statements as ask
from llmspell.store.server.journal import ServerJournal
from llmspell.store.server.listener import Listener
from llmspell.store.server.pool import SessionPool
from llmspell.store.server.position import Position
from llmspell.store.server.reader import ServerSnapshot
from llmspell.store.server.restoring import Restoration
from llmspell.store.server.retry import Patience
from llmspell.store.server.session import Driver, Session
from llmspell.store.server.tables import SERVER_SCHEMA_VERSION
from llmspell.store.server.transaction import Transactor
from llmspell.store.server.writer import GroupWriter

__all__ = ["ServerStore"]

_T = TypeVar("_T")
_CREATION_ATTEMPTS: Final = 6


class ServerStore(ServerJournal, RewritesByWriting):
    """A store on the server that ``driver`` connects to. Owns every connection it makes.

    Writers of all machines take turns: whoever holds the one row of ``llmspell_meta`` writes,
    so that the journal's numbers have no gaps and appear in their order. Lost connections are
    made anew; what could be tried again was, for the driver's ``patience_s``, before an error
    is raised.

    ``epoch`` is -1, so that nothing is cached, unless ``max_stale_ms`` allows what others
    write to show that much later. Commits survive power loss, whatever durability is asked
    for, as far as the server's own settings promise that.

    A child process made by ``os.fork`` may go on using the store; it then has connections of
    its own. A fork waits for calls under way, and snapshots do not survive it.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        durability: str = "commit",
        journal: bool = True,
        clock: Clock = system_clock,
        max_stale_ms: int = 0,
    ) -> None:
        super().__init__(clock, journal=journal)
        check_durability(durability)
        self._driver = driver
        self._durability = durability
        self._pool = SessionPool(driver.connect)
        position = Position(max_stale_ms / 1000)
        self._group = GroupWriter(Transactor(driver, self._pool), position, journal=journal)
        self._listener = Listener(driver, self._pool, position)
        try:
            _prepare(driver, self._pool, journal=journal)
        except BaseException:
            self.close()
            raise
        self._finalizer = weakref.finalize(self, _abandon, self._pool, self._listener)
        hold_over_fork(self)

    @property
    def _writer(self) -> GroupWriter:
        return self._group

    @property
    def seal(self) -> Seal | None:
        return self._group.seal

    @seal.setter
    def seal(self, seal: Seal | None) -> None:
        self._group.seal = seal

    @property
    def ring_seen(self) -> RingSeen | None:
        return self._group.ring_seen

    @ring_seen.setter
    def ring_seen(self, ring_seen: RingSeen | None) -> None:
        self._group.ring_seen = ring_seen

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        check_durability(durability)
        return self._group.write(batch, origin)

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
        result = self._group.write((operation,), origin)
        (done,) = result.written
        return done.version, done.created_at, result.epoch_before, result.epoch_after

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_durability(durability)
        batches = Batches(work, self)
        restoration = Restoration(self._group, batches, origin, journal=self._has_journal)
        try:
            self._group.alone(restoration, [KEY_RING], once=True)
        except Exception:
            batches.raise_own()
            raise
        return restoration.result()

    def _ask(self, question: Callable[[Session], _T]) -> _T:
        patience = Patience(self._driver)
        while True:
            try:
                with self._pool.lend() as session:
                    return question(session)
            except self._driver.error as error:
                self._pool.drop_idle()
                patience.endure(error)

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        session = self._begin_snapshot()
        reader = ServerSnapshot(self._driver, session, self._clock)
        try:
            yield reader
        finally:
            if reader.end():
                self._pool.give_back(session)
            else:
                self._pool.discard(session)

    def _begin_snapshot(self) -> Session:
        patience = Patience(self._driver)
        while True:
            session = None
            try:
                session = self._pool.take()
                with session.lock:
                    if session.closed:
                        raise closed_error()
                    session.begin_snapshot()
                return session
            except BaseException as error:
                if session is not None:
                    self._pool.discard(session)
                if not isinstance(error, self._driver.error):
                    raise
                self._pool.drop_idle()
                patience.endure(error)

    def epoch(self) -> int:
        position = self._group.position
        if position.max_stale_s:
            self._listener.start()
        return position.epoch()

    def wait(self, after: int, timeout_s: float) -> bool:
        return self._listener.wait(after, timeout_s)

    def stats(self) -> dict[str, Any]:
        now = self._clock()

        def count(session: Session) -> tuple[int, int, int]:
            ((entries, scopes),) = session.fetch(ask.totals, {"now": now})
            return entries, scopes, session.total_bytes()

        entries, scopes, total_bytes = self._ask(count)
        return {
            "backend": self._driver.name,
            "entries": entries,
            "scopes": scopes,
            "bytes": total_bytes,
            "durability": self._durability,
            "location": self._driver.location,
        }

    def close(self) -> None:
        self._group.position.close()
        self._listener.stop()
        self._pool.close()

    def before_fork(self) -> None:
        self._group.before_fork()
        self._pool.before_fork()

    def after_fork(self, *, in_child: bool) -> None:
        self._pool.after_fork(in_child=in_child)
        if in_child:
            position = self._group.position = self._group.position.successor()
            self._listener.let_go()
            self._listener = Listener(self._driver, self._pool, position)
            self._finalizer.detach()
            self._finalizer = weakref.finalize(self, _abandon, self._pool, self._listener)
        self._group.after_fork(in_child=in_child)


def _abandon(pool: SessionPool, listener: Listener) -> None:
    """Release what a store had that nobody closed; may run at any moment, in any thread."""
    listener.stop()
    pool.abandon()


def _prepare(driver: Driver, pool: SessionPool, *, journal: bool) -> None:
    """Make the tables where there are none; refuse those of a newer version or another kind.

    Does not wait for a server that is not there: whoever opens a store wants to know at once.
    """
    for attempt in range(_CREATION_ATTEMPTS):
        try:
            with pool.lend() as session:
                if session.made_as() is None:
                    session.create_tables(journal=journal)
                version, kept = session.made_as() or (SERVER_SCHEMA_VERSION, journal)
                if version > SERVER_SCHEMA_VERSION:
                    raise _newer(driver, version)
                check_journal(kept=kept, wanted=journal)
                return
        except driver.error as error:
            # Several processes can be making the tables at the same time; one of them succeeds.
            failure = driver.failure(error).error
            answered = failure.details["reason"] in ("io", "locked")
            if not answered or attempt == _CREATION_ATTEMPTS - 1:
                raise failure from error
            time.sleep(0.01 * 2**attempt)


def _newer(driver: Driver, version: int) -> StorageError:
    return StorageError(
        f"the tables in the database {driver.location} were made by a newer llmspell"
        f" (schema {version}, this one knows {SERVER_SCHEMA_VERSION})",
        hint="upgrade llmspell, or use another database or schema",
        reason="newer_version",
        location=driver.location,
    )
