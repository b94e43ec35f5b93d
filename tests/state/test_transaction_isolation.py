"""What transactions that meet each other see, and which of them pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.state.transaction import Transaction

from .conftest import Desk


def test_in_python_too_a_caught_conflict_makes_the_function_run_again(desk: Desk) -> None:
    desk.state.save_many("g", {"a": 1, "b": 1})
    runs = 0

    def read_both(tx: Transaction) -> list[Any]:
        nonlocal runs
        runs += 1
        first = tx.load("g", "a")
        if runs == 1:
            desk.state.save_many("g", {"a": 2, "b": 2})
        try:
            return [first, tx.load("g", "b")]
        except VersionConflict:
            return ["swallowed"]

    assert desk.state.run_transaction(read_both) == [2, 2]


def test_what_a_transaction_reads_is_of_one_moment_even_if_it_will_fail(desk: Desk) -> None:
    desk.state.save_many("bank", {"a": 50, "b": 50})
    tx = desk.state.begin_transaction()
    assert tx.load("bank", "a") == 50
    desk.state.save_many("bank", {"a": 0, "b": 100})
    with pytest.raises(VersionConflict) as caught:
        tx.load("bank", "b")
    assert (caught.value.details["scope"], caught.value.details["key"]) == ("bank", "a")
    with pytest.raises(VersionConflict):
        tx.commit()
    tx.abort()


def test_two_that_each_read_what_the_other_writes_cannot_both_pass(desk: Desk) -> None:
    """Two doctors are on call; each may leave while the other one stays."""
    desk.state.save_many("duty", {"ada": True, "bob": True})
    leaving = {name: desk.state.begin_transaction() for name in ("ada", "bob")}
    for name, tx in leaving.items():
        assert [tx.load("duty", each) for each in leaving] == [True, True]
        tx.save("duty", name, False)
    leaving["ada"].commit()
    with pytest.raises(VersionConflict):
        leaving["bob"].commit()
    assert desk.state.load_many("duty", ["ada", "bob"]) == {"ada": False, "bob": True}


@pytest.mark.parametrize("change", ["save", "delete", "create"])
def test_whatever_happens_to_an_entry_that_was_read_is_a_conflict(desk: Desk, change: str) -> None:
    if change != "create":
        desk.state.save("g", "k", 1)
    tx = desk.state.begin_transaction()
    tx.key_exists("g", "k")
    tx.save("g", "other", 1)
    if change == "delete":
        desk.state.delete("g", "k")
    else:
        desk.state.save("g", "k", 1)
    with pytest.raises(VersionConflict):
        tx.commit()
    assert not desk.state.key_exists("g", "other")


def test_one_that_wrote_without_reading_or_read_without_writing_meets_no_conflict(
    desk: Desk,
) -> None:
    reading, writing = desk.state.begin_transaction(), desk.state.begin_transaction()
    reading.load("g", "k")
    writing.save("g", "k", "blind")
    desk.state.save("g", "k", "meanwhile")
    reading.commit()
    writing.commit()
    assert desk.state.load("g", "k") == "blind"


@pytest.mark.parametrize(
    "use",
    [
        lambda tx: tx.save("g", "", 1),
        lambda tx: tx.save("agent:", "k", 1),
        lambda tx: tx.save("g", "k", object()),
        lambda tx: tx.save("g", "k", 1, ttl=0),
        lambda tx: tx.save("g", "k", 1, ttl="5"),
        lambda tx: tx.save("g", "k", 1, if_version=-1),
        lambda tx: tx.save("g", "k", 1, schema_version=0),
        lambda tx: tx.save("g", "k", 1, state_class="sensitiv"),
        lambda tx: tx.load("g", 5),
        lambda tx: tx.delete(None, "k"),
        lambda tx: tx.key_exists("g", "k\n"),
    ],
)
def test_misuse_in_python_is_a_clear_error_and_writes_nothing(
    open_desk: Callable[..., Desk], use: Callable[[Any], Any]
) -> None:
    state = open_desk().state
    with pytest.raises(LlmSpellError) as caught:
        state.run_transaction(lambda tx: (tx.save("g", "good", 1), use(tx)))
    assert caught.value.code.startswith("invalid_")
    assert state.list_scopes() == []
