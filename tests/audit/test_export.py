"""An export can be verified without the log it was made from."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import AuditError
from llmspell.security.audit import AuditLog
from llmspell.security.audit.export_checking import verify_export
from llmspell.security.audit.exporting import write_csv, write_json_lines
from llmspell.security.audit.reading import records_between
from llmspell.security.audit.signing import public_key

from .conftest import KEY, OTHER_KEY, filled, rows

PUBLIC = public_key(KEY)


def exported(path: Path, key: bytes | None = KEY, **part: int) -> list[bytes]:
    lines: list[bytes] = []
    write_json_lines(records_between(path, **part), lines.append, key=key)
    return lines


def found(lines: list[bytes], **keys: bytes | None) -> set[str]:
    steps = verify_export(lines, **keys)
    return {problem.kind for step in steps for problem in step.problems}


@pytest.fixture
def log(path: Path) -> Path:
    with AuditLog(path, key=KEY) as written:
        written.record("save", key="schlüssel \ud800 \x85 =1", details={"n": 1.5, "ü": ["a", "b"]})
        written.record("delete", origin=("ada", "r", "c"), version=7, outcome="access_denied")
        written.record("load", scope="=cmd()")
    return path


def test_an_export_verifies_with_the_key_and_with_the_public_key_alone(log: Path) -> None:
    lines = exported(log)
    assert [json.loads(line)["seq"] for line in lines[:-1]] == [1, 2, 3]
    assert found(lines, key=KEY) == set()
    assert found(lines, public=PUBLIC) == set()


def test_an_export_holds_all_fields_of_each_record(log: Path) -> None:
    told = [json.loads(line) for line in exported(log)[:-1]]
    assert [{n: v for n, v in each.items() if n != "at"} for each in told] == [
        record.to_dict() for record in rows(log)
    ]
    assert told[0]["at"].endswith("Z")


def test_a_part_of_a_log_can_be_exported_and_verified(path: Path) -> None:
    times = iter(range(1, 100))
    filled(path, 9, clock=lambda: next(times))
    lines = exported(path, since_us=3, until_us=6)
    assert [json.loads(line)["seq"] for line in lines[:-1]] == [3, 4, 5]
    assert found(lines, key=KEY) == set()
    assert found(exported(path, since_us=100), key=KEY) == set()


def test_an_export_without_any_key_cannot_be_trusted_and_that_is_said(log: Path) -> None:
    assert found(exported(log)) == {"unknown_key"}


def test_an_export_of_a_log_without_a_key_verifies_by_itself(path: Path) -> None:
    filled(path, 3, key=None)
    assert found(exported(path, key=None)) == set()


def test_an_export_signed_by_somebody_else_is_found(log: Path) -> None:
    assert "unknown_key" in found(exported(log, key=OTHER_KEY), public=PUBLIC)
    assert "changed" in found(exported(log, key=None), public=PUBLIC)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_any_change_of_an_export_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("export")
    lines = exported(filled(folder / "audit.db", 4))
    place = data.draw(st.integers(0, len(lines) - 1))
    kind = data.draw(st.sampled_from(["flip", "remove", "repeat", "swap"]))
    if kind == "flip":
        line = bytearray(lines[place])
        at = data.draw(st.integers(0, len(line) - 2))
        line[at] ^= 1 << data.draw(st.integers(0, 6))
        if line[at] == 0x0A:
            return
        lines[place] = bytes(line)
    elif kind == "remove":
        del lines[place]
    elif kind == "repeat":
        lines.insert(place, lines[place])
    else:
        other = (place + 1) % len(lines)
        lines[place], lines[other] = lines[other], lines[place]
    for keys in ({"key": KEY}, {"public": PUBLIC}):
        try:
            assert found(lines, **keys)
        except AuditError as error:
            assert error.details["reason"] == "not_a_log"


@pytest.mark.parametrize(
    "lines",
    [[], [b"\n"], [b"[]\n"], [b"{}\n"], [b"\xff\n"], [b"[" * 100_000], [b'{"seq": 1}\n']],
)
def test_what_is_no_export_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(AuditError, match="no export"):
        found(lines, key=KEY)


@pytest.mark.parametrize("end", [b"null", b"1", b'{"records": 3}', b'{"public_key": 1}', b"[]"])
def test_an_end_that_is_none_is_found(log: Path, end: bytes) -> None:
    lines = exported(log)
    lines[-1] = b'{"end": ' + end + b"}\n"
    assert found(lines, key=KEY) == {"changed"}


def test_csv_is_for_people_and_no_cell_is_a_formula(log: Path) -> None:
    parts: list[bytes] = []
    assert write_csv(records_between(log), parts.append) == 3
    table = list(csv.DictReader(io.StringIO(b"".join(parts).decode())))
    assert [row["action"] for row in table] == ["save", "delete", "load"]
    assert table[2]["scope"] == "'=cmd()"
    assert table[1]["hash"] == rows(log)[1].hash.hex()
