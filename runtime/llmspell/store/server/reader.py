"""Reading from a database server: the same for a store and for a snapshot of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from llmspell.store.base import FIRST_SCOPE, Ref, Row
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.prefix import upper_bound
from llmspell.store.server import statements as ask
from llmspell.store.server.session import Driver, Session

__all__ = ["ServerReader", "ServerSnapshot"]

_T = TypeVar("_T")
# A third of what calling the class costs; the statements select the fields in its order.
_new_row: Any = partial(tuple.__new__, Row)
_BEFORE_ALL: Final = Ref(FIRST_SCOPE, "")


class ServerReader(ABC):
    """Reads over the session that ``_ask`` lends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    def _ask(self, question: Callable[[Session], _T]) -> _T: ...

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        now = self._clock()
        rows = self._ask(lambda session: session.read_entries(refs, now) if refs else [])
        found = {row[:2]: _new_row(row) for row in rows}
        return [found.get((scope, key)) for scope, key in refs]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        upper = upper_bound(prefix)
        past = after is not None and after >= prefix
        statement = ask.scan(
            values=values, after=past, upper=upper is not None, limit=limit is not None
        )
        bounds = {"scope": scope, "lower": after if past else prefix, "now": self._clock()}
        rows = self._fetch(statement, upper=upper, limit=limit, **bounds)
        return [_new_row(row if values else (*row, b"")) for row in rows]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        upper = upper_bound(prefix)
        statement = ask.scopes(upper=upper is not None)
        rows = self._fetch(statement, lower=prefix, upper=upper, now=self._clock())
        return [(scope, count) for scope, count in rows]

    def versions(self) -> list[tuple[str, int, int]]:
        rows = self._fetch(ask.versions(), now=self._clock())
        return [(scope, version, count) for scope, version, count in rows]

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        # Internal scopes come before all others, and no key is empty.
        scope, key = max(after or _BEFORE_ALL, _BEFORE_ALL)
        rows = self._fetch(ask.walk, scope=scope, key=key, limit=limit, now=self._clock())
        return [_new_row(row) for row in rows]

    def position(self) -> int:
        ((seq, _, _),) = self._fetch(ask.head)
        return int(seq)

    def _fetch(self, statement: Any, **values: Any) -> list[Any]:
        given = {name: value for name, value in values.items() if value is not None}
        return self._ask(lambda session: session.fetch(statement, given))


class ServerSnapshot(ServerReader):
    """Reads inside one read transaction, on a session of its own."""

    def __init__(self, driver: Driver, session: Session, clock: Clock) -> None:
        super().__init__(clock)
        self._driver = driver
        self._session = session
        self._ended = False

    def end(self) -> bool:
        """Let nobody read any more; tell whether the session is fit for other use."""
        session = self._session
        with session.lock:
            self._ended = True
            if session.closed:
                return False
            try:
                session.end_snapshot()
            except self._driver.error:
                return False
            return True

    def _ask(self, question: Callable[[Session], _T]) -> _T:
        session = self._session
        with session.lock:
            if self._ended or session.closed:
                raise closed_error()
            try:
                return question(session)
            except self._driver.error as error:
                raise self._driver.failure(error).error from error
