"""What ``State`` offers to those who work side by side: transactions, locks, watching.

These call back into the script, so the preludes build them on the internal functions below.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from llmspell_bridges.api import Param, Record
from llmspell_bridges.values import Value
from llmspell_stdlib.state import SAVE_OPTIONS, STATE, given, save_options
from llmspell_stdlib.state_history import JOURNAL

__all__ = ["STATE", "TogetherService"]


class TogetherService(Protocol):
    """What these functions need of the host; numbers name what a script has open."""

    def tx_begin(self) -> int: ...
    def tx_load(self, tx: int, scope: str, key: str) -> Any: ...
    def tx_save(self, tx: int, scope: str, key: str, value: Value, **options: Any) -> None: ...
    def tx_delete(self, tx: int, scope: str, key: str) -> bool: ...
    def tx_exists(self, tx: int, scope: str, key: str) -> bool: ...
    def tx_commit(self, tx: int, attempt: int) -> bool: ...
    def tx_abort(self, tx: int, attempt: int) -> bool: ...
    def lock_acquire(
        self, scope: str, key: str, *, waited_s: float | None = None, **options: Any
    ) -> tuple[int, ...]: ...
    def lock_extend(self, lock: int, ttl: float | None) -> None: ...
    def lock_release(self, lock: int, quietly: bool) -> None: ...
    def watch_begin(self, scope: str, prefix: str) -> int: ...
    def watch_end(self, watch: int) -> bool: ...
    def watch_take(self, timeout_s: float) -> list[tuple[int, Any]]: ...


STATE.records += [
    Record(
        "LockOptions",
        "Options of `State.lock`.",
        (
            Param("ttl", "number", "Seconds after which the lock runs out by itself; 30."),
            Param("wait", "number", "Seconds to wait for another holder; 10. 0: do not wait."),
        ),
    ),
]
_SCOPE: Final = Param("scope", "scope", "Where the key lives.")
_KEY: Final = Param("key", "text", "The key.")
_VALUE: Final = Param("value", "value", "What to store.")
_TX: Final = Param("tx", "integer")


@STATE.prelude_function(
    Param(
        "fn",
        "function",
        "Gets `tx`, with `tx.load(scope, key [, default])`, "
        "`tx.save(scope, key, value [, options])`, `tx.delete(scope, key)` and "
        "`tx.key_exists(scope, key)`.",
    ),
    result="value",
    result_doc="What the function returned.",
    access=("any",),
)
def transaction() -> None:
    """Do several reads and writes as one: all of them happen, or none.

    The writes are made when the function returns, and dropped when it raises. If somebody else
    changed what it read it runs again, so it should touch nothing but `tx`. Transactions are
    serializable: no update is lost, nothing is seen half.
    """


@STATE.prelude_function(
    Param("scope", "scope", "What to lock: any scope and key, whether there is an entry or not."),
    _KEY,
    Param("options", "LockOptions", "ttl, wait; may be left out", optional=True),
    Param("fn", "function", "Gets `lock`, with `lock.token` and `lock.extend([ttl])`."),
    result="value",
    result_doc="What the function returned.",
    access=("write",),
)
def lock() -> None:
    """Run a function while nobody else holds the lock of that name, in any process.

    The lock is a lease: it runs out after `ttl` seconds even if its holder hangs or dies.
    `lock.token` grows with each holder, so that a service which remembers the highest can turn a
    late one away. Fails with `lock_unavailable` after `wait` seconds, and with `lock_lost` when
    the lock ran out before the function was done.
    """


@STATE.prelude_function(
    Param("scope", "scope", "The scope to watch."),
    Param("prefix", "text", 'Only keys that start with this text; "" for all.'),
    Param(
        "fn",
        "function",
        "Gets a map with scope, key, op (put, delete, expire), version, at "
        "and, where there is one, value, actor, run_id, correlation_id.",
    ),
    result="integer",
    result_doc="An id for `unwatch`.",
    gate=JOURNAL,
    access=("read",),
)
def watch() -> None:
    """Have a function called for each change of a scope's keys, in their order, each once.

    The script's own changes are told right after the call that made them. Those of others are
    told when the script next calls State: `State.poll` waits for them.
    """


@STATE.prelude_function(
    Param("id", "integer", "What `watch` returned."),
    result="boolean",
    result_doc="Whether there was such a watch.",
    gate=JOURNAL,
    access=("any",),
)
def unwatch() -> None:
    """End a watch."""


@STATE.prelude_function(
    Param("timeout", "number", "Seconds to wait for a change; 0 if left out.", optional=True),
    result="integer",
    result_doc="How many changes were told.",
    gate=JOURNAL,
    access=("any",),
)
def poll() -> None:
    """Tell the watchers what has changed; if nothing has, wait for it up to a time."""


# What the preludes build these on -------------------------------------------------------------


@STATE.function(
    result="integer",
    serves="State.transaction",
    internal=True,
    access=("any",),
)
def tx_begin(state: TogetherService) -> int:
    """Begin a transaction."""
    return state.tx_begin()


@STATE.function(
    _TX,
    _SCOPE,
    _KEY,
    result="list",
    serves="tx.load",
    internal=True,
    access=("read",),
)
def tx_load(state: TogetherService, tx: int, scope: str, key: str) -> Any:
    """Return the value in a list, and an empty one when there is no entry."""
    found = state.tx_load(tx, scope, key)
    return [] if found is None else [found.thaw()]


@STATE.function(
    _TX,
    _SCOPE,
    _KEY,
    _VALUE,
    Param("options", SAVE_OPTIONS.name, optional=True),
    serves="tx.save",
    internal=True,
    access=("write",),
)
def tx_save(
    state: TogetherService,
    tx: int,
    scope: str,
    key: str,
    value: Value,
    options: dict[str, Any] | None = None,
) -> None:
    """Write when the transaction commits."""
    state.tx_save(tx, scope, key, value, **save_options(options))


@STATE.function(
    _TX,
    _SCOPE,
    _KEY,
    result="boolean",
    serves="tx.delete",
    internal=True,
    access=("delete",),
)
def tx_delete(state: TogetherService, tx: int, scope: str, key: str) -> bool:
    """Remove when the transaction commits."""
    return state.tx_delete(tx, scope, key)


@STATE.function(
    _TX,
    _SCOPE,
    _KEY,
    result="boolean",
    serves="tx.key_exists",
    internal=True,
    access=("read",),
)
def tx_exists(state: TogetherService, tx: int, scope: str, key: str) -> bool:
    """Return whether there is an entry, as the transaction sees it."""
    return state.tx_exists(tx, scope, key)


@STATE.function(
    _TX,
    Param("attempt", "integer"),
    result="boolean",
    serves="State.transaction",
    internal=True,
    access=("any",),
)
def tx_commit(state: TogetherService, tx: int, attempt: int) -> bool:
    """Commit; false when the function must run again."""
    return state.tx_commit(tx, attempt)


@STATE.function(
    _TX,
    Param("attempt", "integer"),
    result="boolean",
    serves="State.transaction",
    internal=True,
    access=("any",),
)
def tx_abort(state: TogetherService, tx: int, attempt: int) -> bool:
    """Drop the writes after an error; true when a conflict was the cause, so that it runs again."""
    return state.tx_abort(tx, attempt)


@STATE.function(
    _SCOPE,
    _KEY,
    Param("options", "LockOptions", optional=True),
    Param("waited", "number", optional=True),
    result="list",
    serves="State.lock",
    internal=True,
    access=("write",),
)
def lock_acquire(
    state: TogetherService,
    scope: str,
    key: str,
    options: dict[str, Any] | None = None,
    waited: float | None = None,
) -> list[int]:
    """Take a lock; return its number and its token.

    Who says how long he has ``waited`` has other things to do in between: an empty list tells
    him to ask again.
    """
    return list(state.lock_acquire(scope, key, waited_s=waited, **given(options)))


@STATE.function(
    Param("lock", "integer"),
    Param("ttl", "number", optional=True),
    serves="lock.extend",
    internal=True,
    access=("write",),
)
def lock_extend(state: TogetherService, lock: int, ttl: float | None = None) -> None:
    """Hold a lock for longer."""
    state.lock_extend(lock, ttl)


@STATE.function(
    Param("lock", "integer"),
    Param("quietly", "boolean"),
    serves="State.lock",
    internal=True,
    access=("any",),
)
def lock_release(state: TogetherService, lock: int, quietly: bool) -> None:
    """Give a lock back."""
    state.lock_release(lock, quietly)


@STATE.function(
    _SCOPE,
    Param("prefix", "text"),
    result="integer",
    serves="State.watch",
    gate=JOURNAL,
    internal=True,
    access=("read",),
)
def watch_begin(state: TogetherService, scope: str, prefix: str) -> int:
    """Begin to collect changes."""
    return state.watch_begin(scope, prefix)


@STATE.function(
    Param("id", "integer"),
    result="boolean",
    serves="State.unwatch",
    gate=JOURNAL,
    internal=True,
    access=("any",),
)
def watch_end(state: TogetherService, id: int) -> bool:  # noqa: A002
    """Collect no more of them."""
    return state.watch_end(id)


@STATE.function(
    Param("timeout", "number"),
    result="list",
    serves="State.poll",
    gate=JOURNAL,
    internal=True,
    access=("any",),
)
def watch_take(state: TogetherService, timeout: float) -> list[Any]:
    """Return the changes collected, each with the id of its watch."""
    return [[number, event.to_dict()] for number, event in state.watch_take(timeout)]
