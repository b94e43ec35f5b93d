"""Old records go only when it can be proved who removed them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell.errors import AuditError
from llmspell.security.audit import AuditLog, compact

from .conftest import KEY, OTHER_KEY, filled, kinds, rows, sql

SECOND_US = 1_000_000


@pytest.fixture
def aged(path: Path) -> Path:
    """Ten records, one a second from second 1 on."""
    seconds: Iterator[int] = iter(range(1, 100))
    filled(path, 10, clock=lambda: next(seconds) * SECOND_US)
    return path


def test_older_records_go_and_the_chain_goes_on_from_the_checkpoint(aged: Path) -> None:
    done = compact(aged, key=KEY, before_us=5 * SECOND_US)
    assert done.removed == 4
    assert done.checkpoint is not None
    assert done.checkpoint.seq == 4
    assert [record.seq for record in rows(aged)] == [5, 6, 7, 8, 9, 10, 11]
    assert (rows(aged)[-1].action, rows(aged)[-1].details) == ("compact", '{"up_to":4}')
    filled(aged, 2)
    assert kinds(aged) == set()


def test_a_log_may_be_compacted_again_and_again_also_wholly(aged: Path) -> None:
    for before in (3, 3, 5, 10**9):
        compact(aged, key=KEY, before_us=before * SECOND_US)
        assert kinds(aged) == set()
    assert [record.action for record in rows(aged)][-1] == "compact"
    assert kinds(aged, OTHER_KEY) >= {"checkpoint_changed", "unknown_key"}


def test_nothing_old_enough_removes_nothing(aged: Path) -> None:
    before = rows(aged)
    assert compact(aged, key=KEY, before_us=0) == (0, None)
    assert rows(aged) == before


def test_a_clock_that_went_back_keeps_what_stands_after_a_younger_record(path: Path) -> None:
    times = iter([1, 50, 2, 3])
    filled(path, 4, clock=lambda: next(times, 3) * SECOND_US)
    assert compact(path, key=KEY, before_us=10 * SECOND_US).removed == 1


def test_without_a_key_nothing_is_removed(path: Path) -> None:
    filled(path, 3, key=None)
    with pytest.raises(AuditError, match="without a key cannot be compacted") as caught:
        compact(path, key=None, before_us=2**60)
    assert caught.value.details["reason"] == "no_key"
    assert len(rows(path)) == 3


def test_a_log_that_does_not_verify_is_not_compacted(aged: Path) -> None:
    sql(aged, "UPDATE records SET actor = 'eve' WHERE seq = 2")
    with pytest.raises(AuditError, match="does not verify"):
        compact(aged, key=KEY, before_us=5 * SECOND_US)
    assert len(rows(aged)) == 10


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoints SET seq = 5",
        "UPDATE checkpoints SET at_us = 5",
        "UPDATE checkpoints SET hash = x'00'",
        "UPDATE checkpoints SET number = 2",
        "UPDATE checkpoints SET public_key = 'none'",
        "UPDATE checkpoints SET signature = 7",
        "DELETE FROM checkpoints",
        "DELETE FROM records WHERE seq = 5",
    ],
)
def test_a_forged_checkpoint_is_found(aged: Path, statement: str) -> None:
    compact(aged, key=KEY, before_us=5 * SECOND_US)
    sql(aged, statement)
    assert kinds(aged)


def test_a_checkpoint_signed_with_another_key_is_found(aged: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    filled(other, 5, key=OTHER_KEY)
    compact(other, key=OTHER_KEY, before_us=2**60)
    sql(aged, "DELETE FROM records WHERE seq <= 5")
    assert kinds(aged) == {"missing", "head_changed"}
    attach = f"ATTACH '{other}' AS other"
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(aged, isolation_level=None)) as raw:
        raw.execute(attach)
        raw.execute("INSERT INTO checkpoints SELECT * FROM other.checkpoints")
    assert "checkpoint_changed" in kinds(aged)


def test_who_has_the_log_open_goes_on_after_a_compaction(aged: Path) -> None:
    with AuditLog(aged, key=KEY) as log:
        log.record_now("save")
        compact(aged, key=KEY, before_us=2**60)
        log.record_now("save")
    assert [record.action for record in rows(aged)] == ["compact", "save"]
    assert kinds(aged) == set()


def test_a_compacted_log_goes_on_with_another_key(aged: Path) -> None:
    compact(aged, key=KEY, before_us=5 * SECOND_US)
    with AuditLog(aged, key=OTHER_KEY, older_keys=[KEY]) as log:
        log.record_now("save")
    assert kinds(aged, OTHER_KEY, older_keys=[KEY]) == set()
