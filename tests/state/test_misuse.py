"""Wrong calls of transactions and locks: each is a clear error, nothing is written or locked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Desk

TRANSACTIONS_IN_LUA = [
    ("State.transaction()", "invalid_argument"),
    ("State.transaction({})", "invalid_argument"),
    ("State.transaction(function() end, 1)", "invalid_argument"),
    ("State.transaction(function(tx) tx.save('g', '', 1) end)", "invalid_key"),
    ("State.transaction(function(tx) tx.save('agent:', 'k', 1) end)", "invalid_scope"),
    ("State.transaction(function(tx) tx.save('g', 'k', print) end)", "invalid_value"),
    ("State.transaction(function(tx) tx.save('g', 'k', 0/0) end)", "invalid_value"),
    ("State.transaction(function(tx) tx.save('g', 'k', 1, { tll = 5 }) end)", "invalid_argument"),
    ("State.transaction(function(tx) tx.save('g', 'k', 1, { ttl = -1 }) end)", "invalid_value"),
    ("State.transaction(function(tx) tx.load(1, 'k') end)", "invalid_argument"),
    ("State.transaction(function(tx) tx:save('g', 'k', 1) end)", "invalid_argument"),
    ("State.transaction(function(tx) tx.save('g', 'k') tx.load('g') end)", "invalid_argument"),
    ("State.transaction(function(tx) tx.delete('g', nil) end)", "invalid_argument"),
]
TRANSACTIONS_IN_JAVASCRIPT = [
    ("await State.transaction()", "invalid_argument"),
    ("await State.transaction({})", "invalid_argument"),
    ("await State.transaction(() => {}, 1)", "invalid_argument"),
    ("State.sync.transaction(async (tx) => { tx.save('g', 'k', 1) })", "invalid_argument"),
    ("await State.transaction((tx) => tx.save('g', '', 1))", "invalid_key"),
    ("await State.transaction((tx) => tx.save('agent:', 'k', 1))", "invalid_scope"),
    ("await State.transaction((tx) => tx.save('g', 'k', () => 1))", "invalid_value"),
    ("await State.transaction((tx) => tx.save('g', 'k', NaN))", "invalid_value"),
    ("await State.transaction((tx) => tx.save('g', 'k', 1, { tll: 5 }))", "invalid_argument"),
    ("await State.transaction((tx) => tx.save('g', 'k', 1, { ttl: -1 }))", "invalid_value"),
    ("await State.transaction((tx) => tx.load(1, 'k'))", "invalid_argument"),
    ("await State.transaction((tx) => tx.load('g'))", "invalid_argument"),
]
LOCKS_IN_LUA = [
    ("State.lock()", "invalid_argument"),
    ("State.lock('g', 'k')", "invalid_argument"),
    ("State.lock('g', 'k', {}, 'fn')", "invalid_argument"),
    ("State.lock('g', 'k', 5, work)", "invalid_argument"),
    ("State.lock('g', 'k', {}, work, 1)", "invalid_argument"),
    ("State.lock('g', '', work)", "invalid_key"),
    ("State.lock('agent:', 'k', work)", "invalid_scope"),
    ("State.lock('g', 'k', { ttl = 0 }, work)", "invalid_value"),
    ("State.lock('g', 'k', { ttl = 'x' }, work)", "invalid_argument"),
    ("State.lock('g', 'k', { wait = -1 }, work)", "invalid_argument"),
    ("State.lock('g', 'k', { wiat = 1 }, work)", "invalid_argument"),
    ("State.lock('g', 'k', { wait = 1/0 }, work)", "invalid_value"),
    ("State.lock('g', 'k', function(lock) lock.extend('x') end)", "invalid_argument"),
    ("State.lock('g', 'k', function(lock) lock.extend(-1) end)", "invalid_value"),
    ("local l; State.lock('g', 'k', function(lock) l = lock end) l.extend(1)", "state_error"),
]
LOCKS_IN_JAVASCRIPT = [
    ("await State.lock()", "invalid_argument"),
    ("await State.lock('g', 'k')", "invalid_argument"),
    ("await State.lock('g', 'k', {}, 'fn')", "invalid_argument"),
    ("await State.lock('g', 'k', 5, work)", "invalid_argument"),
    ("await State.lock('g', 'k', {}, work, 1)", "invalid_argument"),
    ("await State.lock('g', '', work)", "invalid_key"),
    ("await State.lock('agent:', 'k', work)", "invalid_scope"),
    ("await State.lock('g', 'k', { ttl: 0 }, work)", "invalid_value"),
    ("await State.lock('g', 'k', { ttl: 'x' }, work)", "invalid_argument"),
    ("await State.lock('g', 'k', { wait: -1 }, work)", "invalid_argument"),
    ("await State.lock('g', 'k', { wiat: 1 }, work)", "invalid_argument"),
    ("await State.lock('g', 'k', { wait: NaN }, work)", "invalid_value"),
    ("await State.sync.lock('g', 'k', async () => 1)", "invalid_argument"),
    ("await State.lock('g', 'k', (lock) => lock.extend('x'))", "invalid_argument"),
    ("await State.lock('g', 'k', (lock) => lock.extend(-1))", "invalid_value"),
    ("let l; await State.lock('g', 'k', (lock) => { l = lock }); l.extend(1)", "state_error"),
]


@pytest.mark.parametrize(
    ("language", "script", "code"),
    [
        *(("lua", *each) for each in TRANSACTIONS_IN_LUA),
        *(("js", *each) for each in TRANSACTIONS_IN_JAVASCRIPT),
    ],
)
def test_a_wrong_transaction_is_a_clear_error_and_writes_nothing(
    open_desk: Callable[..., Desk], language: str, script: str, code: str
) -> None:
    desk = open_desk()
    error = desk.fail(language, script, script)
    assert (error.code, desk.state.list_scopes()) == (code, [])
    assert error.message.startswith(("State.transaction: ", "tx."))


@pytest.mark.parametrize(
    ("language", "script", "code"),
    [
        *(("lua", *each) for each in LOCKS_IN_LUA),
        *(("js", *each) for each in LOCKS_IN_JAVASCRIPT),
    ],
)
def test_a_wrong_lock_is_a_clear_error_and_leaves_nothing_locked(
    open_desk: Callable[..., Desk], language: str, script: str, code: str
) -> None:
    desk = open_desk()
    error = desk.fail(
        language,
        "local function work() State.save('g', 'ran', 1) end\n" + script,
        "const work = () => State.save('g', 'ran', 1);\n" + script,
    )
    assert (error.code, desk.state.list_scopes()) == (code, [])
    assert error.message.startswith(("State.lock: ", "lock."))
    desk.state.acquire_lock("g", "k", wait=0).release()
