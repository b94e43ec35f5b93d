"""When the file cannot be written: who asks is told, and what waits is written later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from llmspell.errors import AuditError
from llmspell.security.audit import AuditLog

from .conftest import KEY, filled, kinds, rows, sql

_REFUSE = "CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT raise(ABORT, 'full'); END"


def test_what_cannot_be_written_waits_and_every_asker_is_told(path: Path) -> None:
    filled(path, 1)
    sql(path, _REFUSE)
    log = AuditLog(path, key=KEY)
    for _ in range(3):
        log.record("load")
    with pytest.raises(AuditError) as caught:
        log.record_now("save")
    assert caught.value.details["waiting"] == 3
    for ask in (log.flush, log.close):
        with pytest.raises(AuditError):
            ask()
    sql(path, "DROP TRIGGER full")
    log.close()
    assert [record.action for record in rows(path)] == ["save", "load", "load", "load"]
    assert kinds(path) == set()


def test_a_queue_that_is_full_and_cannot_be_written_refuses_the_record(path: Path) -> None:
    filled(path, 1)
    sql(path, _REFUSE)
    log = AuditLog(path, key=KEY, most_waiting=5)
    for _ in range(5):
        log.record("load")
    with pytest.raises(AuditError):
        log.record("load")
    assert log.waiting() == 5
    sql(path, "DROP TRIGGER full")
    log.close()
    assert len(rows(path)) == 6


def test_a_file_that_may_not_grow_is_a_full_disk(path: Path) -> None:
    filled(path, 1)
    log = AuditLog(path, key=KEY)
    log.flush()
    with log._lock:
        log._open().raw.execute("PRAGMA max_page_count = 1")
        for number in range(2000):
            log.record("save", key="k" * 500, version=number)
        with pytest.raises(AuditError) as caught:
            log.flush()
        assert caught.value.details["reason"] == "disk_full"
        waiting = caught.value.details["waiting"]
        log._open().raw.execute("PRAGMA max_page_count = 1073741823")
    log.close()
    assert waiting > 0
    assert len(rows(path)) == 2001
    assert kinds(path) == set()


def test_a_log_somebody_else_keeps_locked_is_waited_for(path: Path) -> None:
    filled(path, 1)
    with AuditLog(path, key=KEY) as log, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        log.record("load")
        other.rollback()
        log.record_now("save")
    assert kinds(path) == set()
    assert len(rows(path)) == 3
