"""Recording: what is queued is written, what is written now is there, nothing is dropped."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell.errors import AuditError, InvalidArgument
from llmspell.security.audit import AuditLog

from .conftest import KEY, filled, kinds, rows, sql

ORIGIN = ("ada", "run-1", "corr-1")


def test_a_record_tells_who_did_what_where_when_and_with_which_outcome(path: Path) -> None:
    with AuditLog(path, key=KEY, clock=lambda: 1_700_000_000_000_000) as log:
        log.record(
            "save",
            scope="user:42",
            key="prefs",
            version=3,
            outcome="version_conflict",
            origin=ORIGIN,
            details={"size": 12, "class": "standard"},
        )
    (record,) = rows(path)
    told = record.to_dict()
    host = told.pop("process").partition("@")
    assert (host[0], bool(host[2])) == (str(os.getpid()), True)
    for name in ("previous", "hash", "hasher"):
        del told[name]
    assert told == {
        "seq": 1,
        "at_us": 1_700_000_000_000_000,
        "actor": "ada",
        "action": "save",
        "scope": "user:42",
        "key": "prefs",
        "version": 3,
        "outcome": "version_conflict",
        "run_id": "run-1",
        "correlation_id": "corr-1",
        "details": {"class": "standard", "size": 12},
    }


def test_record_now_has_written_when_it_returns_also_what_waited_before(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        log.record("load", key="first")
        log.record_now("save", key="second")
        assert [record.key for record in rows(path)] == ["first", "second"]


def test_what_is_queued_is_written_by_itself(path: Path) -> None:
    with AuditLog(path) as log:
        log.record("save")
        done = threading.Event()
        for _ in range(600):
            if rows(path):
                break
            done.wait(0.05)
        assert len(rows(path)) == 1


def test_only_the_owner_may_read_a_new_log(path: Path) -> None:
    filled(path, 1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"audit.db": 0o600, "audit.db.head": 0o600}


def test_a_full_queue_makes_record_write_instead_of_dropping(path: Path) -> None:
    with AuditLog(path, most_waiting=10) as log:
        for number in range(200):
            log.record("save", version=number)
            assert log.waiting() <= 10
    assert [record.version for record in rows(path)] == list(range(200))


def test_threads_that_record_at_once_lose_nothing(path: Path) -> None:
    with AuditLog(path, key=KEY, most_waiting=50) as log:

        def work(name: str) -> None:
            for number in range(200):
                record = log.record_now if number % 20 == 0 else log.record
                record("save", key=f"{name}-{number}")

        threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert kinds(path) == set()
    assert len({record.key for record in rows(path)}) == 800


def test_whatever_is_recorded_fits_into_the_log_and_the_chain_holds(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        log.record("sa\0ve", scope="\ud800", key="x" * 10_000, version=2**80)
        log.record(
            "save",
            scope=7,  # type: ignore[arg-type]
            version=True,
            origin=(b"ada", None, None),  # type: ignore[arg-type]
            details={"n": float("nan"), "o": object(), "\udc00": ["a", b"secret"], "big": 2**70},  # type: ignore[dict-item, list-item]
        )
        log.record("save", details=["no map"])  # type: ignore[arg-type]
    first, second, third = rows(path)
    assert (first.scope, len(first.key or ""), first.version) == ("\\ud800", 4096, None)
    assert (second.scope, second.actor, second.version) == ("<int>", "<bytes>", None)
    assert "secret" not in str(second)
    assert third.details is None
    assert kinds(path) == set()


def test_a_closed_log_says_that_it_took_nothing(path: Path) -> None:
    log = AuditLog(path)
    log.record("save")
    log.close()
    log.close()
    for record in (log.record, log.record_now):
        with pytest.raises(AuditError, match="closed"):
            record("save")
    assert len(rows(path)) == 1


@pytest.mark.parametrize("key", [b"", b"short", bytes(33), "k" * 32])
def test_a_key_must_be_32_bytes(path: Path, key: bytes) -> None:
    with pytest.raises(InvalidArgument):
        AuditLog(path, key=key)
    assert not path.exists()


def test_a_log_that_cannot_be_written_says_so_at_once(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and longer than a header " * 30)
    (tmp_path / "empty").write_text("")
    for place, reason in (
        (tmp_path, "not_a_log"),
        (tmp_path / "text", "not_a_log"),
        (tmp_path / "text" / "audit.db", "unavailable"),
        (Path("/proc/nowhere/audit.db"), "unavailable"),
        (Path("a\0b"), "unavailable"),
        (Path("/dev/null"), "not_a_log"),
    ):
        with pytest.raises(AuditError) as caught:
            AuditLog(place)
        assert caught.value.details["reason"] == reason, place
    assert (tmp_path / "text").read_text().startswith("no database")
    AuditLog(tmp_path / "empty").close()


def test_another_applications_database_is_left_alone(path: Path) -> None:
    sql(path, "CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(AuditError, match="another application"):
        AuditLog(path)
    assert path.read_bytes() == before


def test_a_newer_log_is_not_written(path: Path) -> None:
    filled(path, 1)
    sql(path, "PRAGMA user_version = 99")
    with pytest.raises(AuditError, match="newer"):
        AuditLog(path, key=KEY)


def test_a_log_goes_on_only_with_its_key(path: Path) -> None:
    filled(path, 2)
    for key in (None, bytes(32)):
        with AuditLog(path, key=key) as log, pytest.raises(AuditError) as caught:
            log.record_now("save")
        assert caught.value.details["reason"] == "unknown_key"
    with AuditLog(path, key=bytes(32), older_keys=[KEY]) as log:
        log.record_now("save")
    assert kinds(path, key=bytes(32), older_keys=[KEY]) == set()
    assert len(rows(path)) == 3


def test_a_key_may_come_later(path: Path) -> None:
    filled(path, 2, key=None)
    filled(path, 2)
    assert kinds(path) == set()


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    filled(tmp_path / "a" / "b" / "audit.db", 1)
    assert kinds(tmp_path / "a" / "b" / "audit.db") == set()


def test_a_link_leads_to_the_log_and_its_head(path: Path) -> None:
    link = path.parent / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    filled(link, 2)
    assert (kinds(link), kinds(path)) == (set(), set())
    assert [file.name for file in link.parent.iterdir()] == ["link.db"]


def test_a_copy_nobody_can_write_can_be_verified(path: Path) -> None:
    filled(path, 2)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert kinds(path) == set()
    finally:
        path.parent.chmod(0o700)


def _renamed(path: Path) -> None:
    path.rename(path.with_name("old.db"))


def _gone_with_its_head(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def _replaced(path: Path) -> None:
    _gone_with_its_head(path)
    filled(path, 3)


@pytest.mark.parametrize("what", [Path.unlink, _renamed, _gone_with_its_head, _replaced])
def test_who_appends_notices_that_the_file_is_another_one_and_goes_on_in_it(
    path: Path, what: Callable[[Path], None]
) -> None:
    with AuditLog(path, key=KEY) as log:
        for number in range(3):
            log.record_now("save", key=f"k{number}")
        what(path)
        log.record_now("save", key="after")
    assert rows(path)[-1].key == "after"
    assert rows(path)[-2].action == "tampering_found"
    assert "tampering_found" in kinds(path)


def test_several_records_are_appended_as_one(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        log.record("save", key="waits")
        log.record_all_now([("save", "s", f"k{n}", n, "ok", None) for n in range(3)], origin=ORIGIN)
        assert [record.key for record in rows(path)] == ["waits", "k0", "k1", "k2"]
    assert kinds(path) == set()
