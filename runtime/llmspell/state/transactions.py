"""Beginning transactions, and repeating those that met others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from llmspell.errors import VersionConflict
from llmspell.state.checkpoints import Checkpoints
from llmspell.state.contention import backoff
from llmspell.state.entries import UPDATE_ATTEMPTS
from llmspell.state.transaction import Transaction

__all__ = ["Transactions"]

T = TypeVar("T")


class Transactions(Checkpoints):
    """Several reads and writes as one."""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction that commits at the end of the block, and aborts if it raises.

        Raises ``VersionConflict`` at the end, or at a read, when somebody else changed what it
        read. A block cannot be repeated: ``run_transaction`` does that by itself.
        """
        self._takes_part()
        tx = Transaction(self)
        try:
            yield tx
            tx.commit()
        finally:
            tx.abort()

    def run_transaction(self, fn: Callable[[Transaction], T]) -> T:
        """Run ``fn(tx)`` in a transaction and return its result; run it again after a conflict.

        ``fn`` must have no other effects than through ``tx``. Between attempts there is a short
        random wait. Raises ``VersionConflict`` when it lost against others too many times. One
        that ``fn`` raises of its own, from an ``if_version`` say, ends it like any error.
        """
        self._takes_part()
        attempt = 0
        while True:
            tx = Transaction(self)
            try:
                result = fn(tx)
                tx.commit()
                return result
            except Exception:
                # Whatever became of a conflict on its way through `fn`, it is one.
                if tx.conflict is None:
                    raise
            finally:
                tx.abort()
            self.wait_for_next_attempt(attempt, tx.conflict)
            attempt += 1

    def begin_transaction(self) -> Transaction:
        """Return an open transaction; the caller commits or aborts it."""
        self._takes_part()
        return Transaction(self)

    def wait_for_next_attempt(self, attempt: int, conflict: VersionConflict) -> None:
        """Wait a little before a transaction is tried again; ``attempt`` counts from 0.

        Raises the conflict, saying so, when the attempts are used up.
        """
        if attempt + 1 >= UPDATE_ATTEMPTS:
            raise VersionConflict(
                f"gave up the transaction after {UPDATE_ATTEMPTS} attempts: {conflict.message}",
                hint="touch fewer keys in it, from fewer places at once, and only through tx",
                **conflict.details,
            ) from conflict
        backoff(attempt)
