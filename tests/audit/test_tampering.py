"""Whatever is done to the rows of a log, its head or its checkpoints, a verification finds it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import AuditError
from llmspell.security.audit import AuditLog, verify
from llmspell.security.audit.record import COLUMNS

from .conftest import KEY, OTHER_KEY, filled, kinds, notes, rows, sql

_TEXT = st.text(max_size=20)
_VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | _TEXT | st.binary(max_size=40)
_COUNT = 8
_PLACES = st.integers(1, _COUNT)
_ORIGINS = st.tuples(st.none() | _TEXT, st.none(), st.none() | _TEXT)
_ENTRIES = st.fixed_dictionaries(
    {"action": st.sampled_from(["save", "load", "grant"])},
    optional={
        "scope": _TEXT,
        "key": _TEXT,
        "version": st.integers(0, 99),
        "origin": _ORIGINS,
        "details": st.dictionaries(_TEXT, st.integers() | st.floats() | _TEXT, max_size=3),
    },
)
_LOGS = st.lists(_ENTRIES, min_size=_COUNT, max_size=_COUNT)
_KEYS = st.sampled_from([None, KEY])


@given(_LOGS, _KEYS, st.sampled_from(COLUMNS), _PLACES, _VALUES)
@settings(deadline=None, max_examples=60)
def test_any_changed_field_of_any_record_is_found(
    log: list[dict[str, Any]], key: bytes | None, column: str, place: int, value: Any
) -> None:
    def change(raw: sqlite3.Connection) -> bool:
        before = raw.execute("SELECT * FROM records ORDER BY seq").fetchall()
        try:
            raw.execute(f"UPDATE records SET {column} = ? WHERE seq = ?", (value, place))
        except sqlite3.IntegrityError:
            return False
        return bool(raw.execute("SELECT * FROM records ORDER BY seq").fetchall() != before)

    _assert_found(log, key, change)


@given(_LOGS, _KEYS, st.sets(_PLACES, min_size=1))
@settings(deadline=None, max_examples=30)
def test_any_removed_records_are_found(
    log: list[dict[str, Any]], key: bytes | None, places: set[int]
) -> None:
    def remove(raw: sqlite3.Connection) -> bool:
        for place in places:
            raw.execute("DELETE FROM records WHERE seq = ?", (place,))
        return True

    _assert_found(log, key, remove)


@given(_LOGS, _KEYS, _PLACES, _PLACES)
@settings(deadline=None, max_examples=30)
def test_any_two_exchanged_records_are_found(
    log: list[dict[str, Any]], key: bytes | None, one: int, other: int
) -> None:
    def exchange(raw: sqlite3.Connection) -> bool:
        for old, new in ((one, -1), (other, one), (-1, other)):
            raw.execute("UPDATE records SET seq = ? WHERE seq = ?", (new, old))
        return one != other

    _assert_found(log, key, exchange)


@given(_LOGS, _KEYS, _PLACES, st.integers(-3, 20).filter(lambda n: not 1 <= n <= _COUNT))
@settings(deadline=None, max_examples=30)
def test_any_inserted_copy_of_a_record_is_found(
    log: list[dict[str, Any]], key: bytes | None, source: int, place: int
) -> None:
    def insert(raw: sqlite3.Connection) -> bool:
        row = raw.execute("SELECT * FROM records WHERE seq = ?", (source,)).fetchone()
        raw.execute(f"INSERT INTO records VALUES ({','.join('?' * len(row))})", (place, *row[1:]))
        return True

    _assert_found(log, key, insert)


@given(_LOGS, _KEYS, st.sampled_from(["records", "seq", "hash", "hasher", "mac"]), _VALUES)
@settings(deadline=None, max_examples=30)
def test_any_changed_head_is_found(
    log: list[dict[str, Any]], key: bytes | None, column: str, value: Any
) -> None:
    def change(raw: sqlite3.Connection) -> bool:
        before = raw.execute("SELECT * FROM head").fetchall()
        try:
            raw.execute(f"UPDATE head SET {column} = ?", (value,))
        except sqlite3.IntegrityError:
            return False
        return bool(raw.execute("SELECT * FROM head").fetchall() != before)

    _assert_found(log, key, change)


def _assert_found(log: list[dict[str, Any]], key: bytes | None, tamper: Any) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.db"
        with AuditLog(path, key=key) as written:
            for entry in log:
                written.record(**entry)
        assert kinds(path, key) == set()
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.text_factory = bytes
            changed = tamper(raw)
        assert bool(kinds(path, key)) == changed


# What somebody with more time does --------------------------------------------------------------


def test_the_kind_of_each_change_is_told(path: Path) -> None:
    for statement, kind in (
        ("UPDATE records SET actor = 'eve' WHERE seq = 3", "changed"),
        ("DELETE FROM records WHERE seq = 3", "missing"),
        ("DELETE FROM records WHERE seq > 3", "truncated"),
        ("UPDATE records SET seq = 30 WHERE seq = 3", "moved"),
        ("UPDATE head SET seq = 3", "head_changed"),
        ("DELETE FROM head", "head_missing"),
        ("UPDATE records SET hasher = 'sha256' WHERE seq = 3", "changed"),
        ("DROP TABLE head", "damaged"),
    ):
        path.unlink(missing_ok=True)
        path.with_name("audit.db.head").unlink(missing_ok=True)
        filled(path, 9)
        sql(path, statement)
        assert kind in kinds(path), statement


def test_a_log_made_anew_without_the_key_is_found_by_the_head_beside_it(path: Path) -> None:
    filled(path, 9)
    path.unlink()
    beside = path.with_name("audit.db.head")
    kept = beside.read_bytes()
    beside.unlink()
    filled(path, 9, key=None)
    beside.write_bytes(kept)
    assert "not_following" in kinds(path)


def test_an_older_copy_of_the_whole_log_is_found_by_a_head_kept_elsewhere(
    path: Path, tmp_path: Path
) -> None:
    filled(path, 3)
    older = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    filled(path, 3)
    elsewhere = tmp_path / "elsewhere"
    shutil.copy(path.with_name("audit.db.head"), elsewhere)
    for name, content in older.items():
        (tmp_path / name).write_bytes(content)
    assert kinds(path) == set()
    assert kinds(path, head=elsewhere) == {"truncated"}


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"records": 1}', b"null", b"[" * 4000]
)
def test_a_head_beside_the_log_that_is_none_is_found(path: Path, content: bytes) -> None:
    filled(path, 3)
    path.with_name("audit.db.head").write_bytes(content)
    assert kinds(path) == {"head_changed"}


def test_a_missing_head_beside_the_log_is_found(path: Path) -> None:
    filled(path, 3)
    path.with_name("audit.db.head").unlink()
    assert kinds(path) == {"head_missing"}


def test_records_without_a_key_after_those_with_one_are_found(path: Path) -> None:
    filled(path, 3)
    sql(path, "DELETE FROM head")
    path.with_name("audit.db.head").unlink()
    with AuditLog(path) as log:  # which believes that the head was removed, and goes on
        log.record_now("save")
    assert "unkeyed" in kinds(path)


def test_a_wrong_key_is_told_apart_from_tampering(path: Path) -> None:
    filled(path, 3)
    assert kinds(path, OTHER_KEY) == {"unknown_key"}
    assert kinds(path, None) == {"unknown_key"}
    (problem, *_) = [each for step in verify(path, key=OTHER_KEY) for each in step.problems]
    assert problem.what.startswith("records 1 to 3 made with the key ")


def test_a_clock_that_goes_backwards_is_noted_and_no_problem(path: Path) -> None:
    times = iter([10_000_000, 20_000_000, 1_000_000, 30_000_000])
    with AuditLog(path, key=KEY, clock=lambda: next(times)) as log:
        for _ in range(3):
            log.record("save")
        log.flush()
        log._clock = lambda: 0
    assert kinds(path) == set()
    assert notes(path) == ["the clock went backwards once"]


def test_records_from_before_there_was_a_key_are_noted(path: Path) -> None:
    filled(path, 2, key=None)
    assert notes(path, None) == ["the log has no key: who can write the file can also make it anew"]
    filled(path, 1)
    assert notes(path) == ["2 records were made before there was a key"]


# Who goes on writing does not paint it over -----------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM records WHERE seq > 3",
        "DELETE FROM records",
        "DELETE FROM head",
        "UPDATE head SET mac = x'00'",
        "UPDATE head SET seq = 'x'",
        "UPDATE records SET hash = x'00' WHERE seq = 9",
    ],
)
def test_a_log_that_was_shortened_stays_recognisable_when_it_is_written_again(
    path: Path, statement: str
) -> None:
    filled(path, 9)
    sql(path, statement)
    filled(path, 5)
    assert "tampering_found" in kinds(path)
    found = [record for record in rows(path) if record.action == "tampering_found"]
    assert [record.seq for record in found] == [10]


def test_an_older_copy_put_in_place_is_noticed_by_who_writes_on(path: Path) -> None:
    filled(path, 3)
    older = path.read_bytes()
    filled(path, 3)
    path.write_bytes(older)
    filled(path, 1)
    assert {"tampering_found", "missing"} <= kinds(path)
    assert rows(path)[3].seq == 7


def test_a_head_beside_the_log_that_was_removed_is_noticed_by_who_writes_on(path: Path) -> None:
    filled(path, 3)
    path.with_name("audit.db.head").unlink()
    filled(path, 1)
    assert kinds(path) == {"tampering_found"}


def test_a_log_that_is_shortened_while_it_is_open_is_noticed(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        log.record_now("save")
        first = path.parent / "first.db"
        sql(path, "VACUUM INTO ?", str(first))
        log.record_now("save")
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("ATTACH ? AS first", (str(first),))
            raw.execute("DELETE FROM records WHERE seq = 2")
            raw.execute("REPLACE INTO head SELECT * FROM first.head")
        log.record_now("save")
    assert {"tampering_found", "missing"} <= kinds(path)


def test_a_damaged_file_is_a_problem_and_no_crash(path: Path) -> None:
    filled(path, 500)
    content = bytearray(path.read_bytes())
    for place in range(5000, len(content) - 300, 4096):
        content[place : place + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert kinds(path)


def test_there_must_be_a_log(path: Path) -> None:
    with pytest.raises(AuditError, match="no audit log"):
        list(verify(path))
    assert not path.exists()


def test_verifying_goes_on_while_others_append(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        for _ in range(3):
            for _ in range(50):
                log.record("save")
            assert kinds(path) == set()
            time.sleep(0.02)


def test_the_head_beside_the_log_tells_its_end_once_it_is_closed(path: Path) -> None:
    filled(path, 7)
    told = json.loads(path.with_name("audit.db.head").read_text())
    assert (told["seq"], told["records"], told["hash"]) == (7, 7, rows(path)[-1].hash.hex())
