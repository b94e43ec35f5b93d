"""A chunk of JSON lines can be read by people and programs, and gives the same bytes again."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings

from llmspell.backup.records import Changed, Gone
from llmspell.portable import untag
from llmspell.store.codec import encode

from .chunk_samples import VALUES, row, written
from .test_damaged_chunks import forged, problem_of


def lines(*records: Any) -> list[dict[str, Any]]:
    """The records as they stand in the file."""
    _, files = written(records, format="jsonl", compression="none")
    (data,) = files.values()
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def refused(data: bytes) -> str:
    """What reading these lines says."""
    return problem_of(*forged(data, form="jsonl"))


def test_an_entry_stands_there_with_names_and_its_value() -> None:
    (line,) = lines(row(7, {"size": 12, "when": 2**60}))
    assert line["value"] == {"size": 12, "when": {"$int": str(2**60)}}
    assert (line["scope"], line["key"], line["version"]) == ("global", "key000007", 1)
    assert "blob" not in line
    assert "expires_at" not in line


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_every_value_that_is_neither_long_nor_secret_stands_there_as_a_value(value: Any) -> None:
    (line,) = lines(row(1, value))
    assert untag(line["value"]) == value


def test_every_kind_of_record_has_its_own_members() -> None:
    change = Changed(9, 2, "g", "k", "delete", 3, 1, 1, 1, "standard", None, "me", None, None, b"")
    gone, deleted = lines(Gone("g", "k", 3, 5), change)
    assert gone == {"scope": "g", "key": "k", "version": 3, "at": 5}
    assert (deleted["seq"], deleted["op"], deleted["actor"]) == (9, "delete", "me")


@pytest.mark.parametrize(
    "blob",
    [
        encode("secret", confidential=True),
        encode("labelled", labels="pii"),
        encode("x" * 10_000),
        b"\xaesealed",
        b"anything",
    ],
    ids=["confidential", "labelled", "compressed", "sealed", "unknown"],
)
def test_what_the_value_alone_would_not_give_again_stands_there_as_bytes(blob: bytes) -> None:
    (line,) = lines(row()._replace(blob=blob))
    assert base64.b64decode(line["blob"]) == blob
    assert "value" not in line


def test_a_large_value_that_is_not_compressed_stands_there_as_it_is() -> None:
    text = "x" * 10_000
    (line,) = lines(row()._replace(blob=encode(text, compress=False)))
    assert line["value"] == text


GONE = b'{"scope":"g","key":"k","version":1,"at":2}\n'
ROW = json.dumps(lines(row())[0]).encode()


@pytest.mark.parametrize(
    "data",
    [
        GONE[:-1],
        b"\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        b"{\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        GONE + b"\n",
        GONE.replace(b'"at":2', b'"at":2,"more":1'),
        GONE.replace(b',"version":1', b""),
        GONE.replace(b'"version":1', b'"version":1.0'),
        GONE.replace(b'"version":1', b'"version":true'),
        GONE.replace(b'"version":1', b'"version":99999999999999999999'),
        GONE.replace(b'"version":1', b'"version":[1]'),
        GONE.replace(b'"scope":"g"', b'"scope":"\\u0001keys"'),
        GONE.replace(b'"scope":"g"', b'"scope":"\\ud800"'),
        ROW.replace(b'"value": "dark"', b'"blob": "dark!"') + b"\n",
        ROW.replace(b'"value"', b'"blob": "", "value"') + b"\n",
        ROW.replace(b'"value": "dark"', b'"blob": 5') + b"\n",
        ROW.replace(b'"value": "dark"', b'"blob": ""') + b"\n",
        ROW.replace(b'"value": "dark"', b'"value": {"$int": "x"}') + b"\n",
        ROW.replace(b'"value": "dark"', b'"value": {"$who": "x"}') + b"\n",
        ROW.replace(b'"value": "dark"', b'"value": ' + b"[" * 500 + b"]" * 500) + b"\n",
    ],
)
def test_lines_that_are_no_records_are_refused(data: bytes) -> None:
    assert "dark" not in refused(data)
