"""The state as one script sees it: the manager, and what the script has open.

Transactions, locks and watches live on the host; the script knows them by number. What it left
open when it ended is aborted, given back and ended by ``close``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from llmspell.errors import (
    BackupError,
    InvalidArgument,
    LimitExceeded,
    LlmSpellError,
    StateError,
    VersionConflict,
)

# A script that never calls State does not pay for its import.
from llmspell_bridges.limits import current_deadline, remaining_s

if TYPE_CHECKING:
    from llmspell.backup.model import BackupEvent, Manifest
    from llmspell.backup.restore_result import RestoreResult
    from llmspell.backup.verifying import Verification
    from llmspell.state.leases import Lease
    from llmspell.state.manager import StateManager
    from llmspell.state.transaction import Transaction
    from llmspell.state.watches import Event, Subscription
    from llmspell_bridges.frozen import FrozenValue
    from llmspell_bridges.values import Value

__all__ = ["ScriptState"]

T = TypeVar("T")


class ScriptState:
    """Everything the ``State`` global needs. ``open_state`` is called at first use.

    A method of the manager found once is kept on the object, so later calls cost nothing extra.
    """

    def __init__(self, open_state: Callable[[], StateManager]) -> None:
        self._open_state = open_state
        self._numbers = count(1)
        self._transactions: dict[int, Transaction] = {}
        self._locks: dict[int, Lease] = {}
        self._subscription: Subscription | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._open_state(), name)
        setattr(self, name, method)
        return method

    def close(self) -> None:
        """End what the script left open. The state itself stays open."""
        for tx in self._transactions.values():
            tx.abort()
        if self._subscription is not None:
            self._subscription.close()
        locks = self._locks
        self._transactions, self._locks, self._subscription = {}, {}, None
        for lease in locks.values():
            # What cannot be given back runs out by itself, and must not hide how the script ended.
            with suppress(LlmSpellError):
                self._open_state().release_quietly(lease)

    # Transactions --------------------------------------------------------------------------

    def tx_begin(self) -> int:
        number = next(self._numbers)
        self._transactions[number] = self._open_state().begin_transaction()
        return number

    def tx_load(self, tx: int, scope: str, key: str) -> FrozenValue | None:
        return self._tx(tx).load_frozen(scope, key)

    def tx_save(self, tx: int, scope: str, key: str, value: Value, **options: Any) -> None:
        self._tx(tx).save(scope, key, value, **options)

    def tx_delete(self, tx: int, scope: str, key: str) -> bool:
        return self._tx(tx).delete(scope, key)

    def tx_exists(self, tx: int, scope: str, key: str) -> bool:
        return self._tx(tx).key_exists(scope, key)

    def tx_commit(self, tx: int, attempt: int) -> bool:
        """Commit; False when it met a conflict and the function is to run again, after a wait."""
        transaction = self._tx(tx)
        try:
            if transaction.conflict is None:
                transaction.commit()
        except VersionConflict:
            pass
        finally:
            del self._transactions[tx]
        return not self._is_to_run_again(transaction, attempt)

    def tx_abort(self, tx: int, attempt: int) -> bool:
        """Drop the writes; True when a conflict made the function fail, so it is to run again."""
        transaction = self._transactions.pop(tx, None)
        if transaction is None:
            return False
        transaction.abort()
        return self._is_to_run_again(transaction, attempt)

    def _is_to_run_again(self, transaction: Transaction, attempt: int) -> bool:
        if transaction.conflict is None:
            return False
        self._open_state().wait_for_next_attempt(attempt, transaction.conflict)
        return True

    def _tx(self, number: int) -> Transaction:
        return _open(self._transactions, number, "transaction", "use tx inside its function only")

    # Locks ---------------------------------------------------------------------------------

    def lock_acquire(
        self, scope: str, key: str, *, waited_s: float | None = None, **options: Any
    ) -> tuple[int, ...]:
        """Take a lock; nothing is returned to one who has ``waited_s`` and is to ask again."""
        lease: Lease | None
        if waited_s is None:
            lease = self._open_state().acquire_lock(scope, key, **options)
        else:
            own = self._locks.values()
            lease = self._open_state()._ask_for_lock(scope, key, own, waited_s, **options)
        if lease is None:
            return ()
        number = next(self._numbers)
        self._locks[number] = lease
        return number, lease.token

    def lock_extend(self, lock: int, ttl: float | None) -> None:
        lease = _open(self._locks, lock, "lock", "use lock inside its function only")
        if ttl is None:
            lease.extend()
        else:
            lease.extend(ttl)

    def lock_release(self, lock: int, quietly: bool) -> None:
        lease = self._locks.pop(lock)
        if quietly:
            self._open_state().release_quietly(lease)
        else:
            lease.release()

    # Watches -------------------------------------------------------------------------------

    def watch_begin(self, scope: str, prefix: str) -> int:
        if self._subscription is None:
            self._subscription = self._open_state().subscribe()
        return self._subscription.watch(scope, prefix)

    def watch_end(self, watch: int) -> bool:
        self._open_state()._takes_part()
        return self._subscription is not None and self._subscription.unwatch(watch)

    def watch_take(self, timeout_s: float) -> list[tuple[int, Event]]:
        if not 0 <= timeout_s < float("inf"):
            raise InvalidArgument(
                "argument 'timeout' must be a number of seconds, 0 or more", parameter="timeout"
            )
        self._open_state()._takes_part()
        if self._subscription is None:
            # A loop of polls must not spin.
            time.sleep(remaining_s(min(timeout_s, threading.TIMEOUT_MAX)))
            return []
        return self._subscription.take(remaining_s(timeout_s))

    # Backups -------------------------------------------------------------------------------

    def create_backup(self, type: str, **options: Any) -> Manifest:  # noqa: A002
        """Make a backup; none that is kept for ever: a script could fill the disk with those."""
        from llmspell.backup.model import is_pinned

        state = self._open_state()
        state._administers()
        if is_pinned(options.get("label")):
            raise InvalidArgument(
                'a label "keep" keeps a backup for ever, and is for whoever looks after the host',
                hint="choose another label, or make the backup with `llmspell backup create`",
                parameter="label",
            )
        return state.create_backup(type, on_event=_end_in_time, **options)

    def validate_backup(self, backup: str) -> Verification:
        return self._open_state().validate_backup(backup, on_event=_end_in_time)

    def restore_backup(self, backup: str | None, **options: Any) -> RestoreResult:
        """Restore, but not while a transaction is open: a conflict would have it done again.

        Nor without anything named: a misspelt variable is nil, and all would be what the latest
        backup has.
        """
        state = self._open_state()
        state._administers()
        if backup is None and not {"at", "checkpoint"} & options.keys():
            raise InvalidArgument(
                "restore_backup needs the id of a backup, or at or checkpoint to go back to",
                hint="list_backups() tells the ids, the latest first",
                parameter="id",
            )
        if self._transactions and not options.get("dry_run"):
            raise BackupError(
                "nothing is restored inside a transaction",
                hint="call it before State.transaction, or after; a dry run is fine",
                reason="transaction",
            )
        return state.restore_backup(backup, on_event=_end_in_time, **options)


def _end_in_time(event: BackupEvent) -> None:
    """End what is under way when the time of the run is over: nobody waits for it any more."""
    deadline = current_deadline.get()
    # What is finished stays, and is to be recorded.
    if event.kind != "finished" and deadline is not None and deadline.passed():
        raise LimitExceeded("the time of the run is over", limit="timeout_s")


def _open(table: dict[int, T], number: int, what: str, hint: str) -> T:
    found = table.get(number)
    if found is None:
        raise StateError(f"the {what} is over", hint=hint)
    return found
