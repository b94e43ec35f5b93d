"""One write transaction on a server: tried again while that is safe, its outcome always sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, TypeAlias

from llmspell.errors import StorageError
from llmspell.store.base import Ref
from llmspell.store.changes import Change
from llmspell.store.checks import closed_error
from llmspell.store.plan import Known, Record
from llmspell.store.server import statements as ask
from llmspell.store.server.pool import SessionPool
from llmspell.store.server.retry import Patience
from llmspell.store.server.session import Changeset, Driver, Head, Session

__all__ = ["Transactor", "Work"]

_MOST_LOOKED_AT: Final = 100

#: Works out what to write from what the server knows; None means that there is nothing. May
#: ask the session for more. Called again for each attempt.
Work: TypeAlias = Callable[[Session, Head, dict[Ref, Known]], Changeset | None]


class Transactor:
    """Runs write transactions one at a time on a connection it keeps.

    The caller sees to it that it is not used by two threads at once.
    """

    def __init__(self, driver: Driver, pool: SessionPool) -> None:
        self._driver = driver
        self._pool = pool
        self._session: Session | None = None

    def run(
        self, refs: Sequence[Ref], scopes: Sequence[str], work: Work, *, once: bool = False
    ) -> None:
        """Do the work in a transaction and commit it.

        Work that is to be done ``once`` is not tried again when it has begun.
        Raises StorageError when it was not committed; with the reason ``unknown_outcome`` when
        the connection was lost in the middle of the commit and the server never told.
        """
        patience = Patience(self._driver)
        begun = False
        while True:
            sent: Changeset | None = None
            try:
                session = self._open()
                with session.lock:
                    if session.closed:
                        raise closed_error()
                    with session.writing(refs, scopes) as (head, known):
                        begun = True
                        changeset = work(session, head, known)
                        if changeset is not None:
                            sent = changeset
                            session.commit(changeset)
                return
            except self._driver.error as error:
                self._drop()
                uncertain = self._driver.failure(error).uncertain
                if sent is not None and uncertain and self._was_committed(sent, error, patience):
                    return
                if once and begun:
                    raise self._driver.failure(error).error from error
                patience.endure(error)
            except BaseException:
                self._drop()
                raise

    def forget(self) -> None:
        """Know of no connection any more: in the child of a fork, the pool has let it go."""
        self._session = None

    def _open(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = self._pool.register(self._driver.connect_writer)
        return self._session

    def _drop(self) -> None:
        if self._session is not None:
            self._pool.discard(self._session)
            self._session = None

    def _was_committed(self, sent: Changeset, cause: Exception, patience: Patience) -> bool:
        while True:
            try:
                session = self._open()
                # Whoever has the right to write knows that the transaction has ended.
                with session.lock, session.writing((), ()) as (head, _):
                    found = _outcome(session, sent, head)
                if found is None:
                    raise _unknown(self._driver) from cause
                return found
            except self._driver.error as error:
                self._drop()
                if not self._driver.failure(error).passing or not patience.wait():
                    raise _unknown(self._driver) from cause


def _outcome(session: Session, sent: Changeset, head: Head) -> bool | None:
    """Tell whether what was sent is there; None if later writes have covered the traces.

    The server's own word for what became of a transaction would not do: PostgreSQL gives the
    number of one that a crash undid to another.
    """
    if head.commits < sent.head.commits or sent.head.commits == sent.base.commits:
        return False  # what does not count as a commit, such as compaction, can be done twice
    if sent.changes:
        first = sent.changes[0]
        rows = session.recall([first.seq], values=True)
        if not rows:
            return None if head.floor >= first.seq else False
        return Change(*rows[0]) == first
    for record in islice(sent.records, _MOST_LOOKED_AT):
        rows = session.fetch(ask.record, {"scope": record.scope, "key": record.key})
        if not rows or rows[0][2] <= record.version:
            return bool(rows) and Record(*rows[0]) == record
    return None


def _unknown(driver: Driver) -> StorageError:
    return StorageError(
        f"the connection to the database {driver.location} was lost during a commit, and"
        " whether that succeeded could not be found out",
        hint="load what was written to see; nothing was half-written",
        reason="unknown_outcome",
        location=driver.location,
    )
