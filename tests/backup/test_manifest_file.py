"""A manifest comes back as it was written, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest

from llmspell.backup.manifest_file import check_signature, pack, signed, unpack, whole_checksum
from llmspell.backup.model import JournalPosition, Manifest
from llmspell.backup.sealing import BackupKey
from llmspell.errors import BackupDamaged, UnsupportedBackup

from .chunk_samples import ID, OTHER_ID, RING, row, written

KEY = BackupKey.of(RING, "aes-256-gcm", ID)
PLAIN, _ = written([row(n) for n in range(200)], chunk_bytes=5000)
SEALED, _ = written([row()], key=KEY)
INCREMENTAL: dict[str, Any] = {
    "type": "incremental",
    "base": OTHER_ID,
    "base_checksum": "0" * 64,
    "chain": (OTHER_ID,),
    "journal": JournalPosition(store_id="store", seq=7),
}


def forged(change: Callable[[dict[str, Any]], object], manifest: Manifest = PLAIN) -> bytes:
    """The file as somebody would change it: its checksum is right again."""
    changed = manifest.model_dump(mode="json")
    change(changed)
    return file_of(changed)


def file_of(data: dict[str, Any]) -> bytes:
    """The file of any data, as somebody who knows the form would write it."""

    def canonical(data: dict[str, Any]) -> bytes:
        return orjson.dumps(
            data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        )

    return canonical(data | {"manifest_sha256": sha256(canonical(data)).hexdigest()})


def problems(data: bytes, backup_id: str = ID) -> list[str]:
    with pytest.raises(BackupDamaged, match=f"the manifest of backup {backup_id}") as caught:
        unpack(data, backup_id)
    assert caught.value.details["backup"] == backup_id
    found = caught.value.details["problems"]
    assert found
    assert all(problem.startswith("manifest.json: ") for problem in found)
    return list(found)


@pytest.mark.parametrize(
    "manifest",
    [
        PLAIN,
        SEALED,
        written([])[0],
        PLAIN.model_copy(update={"type": "scope", "scope": "agent:α", "label": "before\n↑"}),
        PLAIN.model_copy(update=INCREMENTAL),
        PLAIN.model_copy(update=INCREMENTAL | {"type": "differential", "verified_us": 5}),
    ],
)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    data = pack(manifest)
    assert unpack(data, ID) == manifest
    assert pack(unpack(data, ID)) == data


def test_people_can_read_it() -> None:
    text = pack(PLAIN).decode()
    assert text.startswith('{\n  "backend": "sqlite",\n')
    assert text.endswith("}\n")
    assert f'"id": "{ID}"' in text


@pytest.mark.parametrize("manifest", [written([row()])[0], signed(SEALED, KEY)])
def test_every_bit_that_flips_is_found(manifest: Manifest) -> None:
    data = pack(manifest)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((BackupDamaged, UnsupportedBackup)):
            unpack(bytes(flipped), ID)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 400 + b"1" + b"}" * 400,
        bytes(range(100, 200)),
        pack(PLAIN)[:-1],
        pack(PLAIN) + b"\n",
        pack(PLAIN) * 2,
        pack(PLAIN).replace(b"\n", b"\r\n"),
        orjson.dumps(orjson.loads(pack(PLAIN))),
        pack(PLAIN).replace(b'"base": null', b'"base": null,\n  "base": null'),
        pack(PLAIN).replace(b'"created_us": 1', b'"created_us": 1.0'),
    ],
)
def test_what_is_no_manifest_is_damaged(data: bytes) -> None:
    problems(data)


def test_a_later_format_is_told_whatever_else_it_holds() -> None:
    for data in b'{"format_version": 2}', forged(lambda one: one.update(format_version=2)):
        with pytest.raises(UnsupportedBackup, match="format 2, this one knows 1"):
            unpack(data, ID)


@pytest.mark.parametrize("version", [0, -1, True, "2", None, 1.5])
def test_a_format_that_never_was_is_damaged(version: Any) -> None:
    problems(forged(lambda one: one.update(format_version=version)))


def test_the_manifest_of_another_backup_is_refused() -> None:
    assert ID in problems(pack(PLAIN), OTHER_ID)[0]


@pytest.mark.parametrize(
    "name",
    [
        "../chunk-000001.msgpack.zst",
        "/etc/passwd",
        "chunk-000001.msgpack.zst/..",
        "chunk-000001.msgpack.zst\n",
        "chunk-000001.jsonl.zst",
        "chunk-000001.msgpack",
        "chunk-000001.msgpack.zst.sealed",
        "chunk-000002.msgpack.zst",
        "chunk-000000.msgpack.zst",
        "chunk-1.msgpack.zst",
        "manifest.json",
        "",
        None,
    ],
)
def test_a_chunk_that_is_not_called_as_it_has_to_be_is_refused(name: Any) -> None:
    problems(forged(lambda one: one["chunks"][0].update(name=name)))


def changed_chunks(change: Callable[[list[Any]], object]) -> bytes:
    """With chunks that are changed, and everything told of them fitting."""

    def changed(one: dict[str, Any]) -> None:
        change(one["chunks"])
        for name in ("records", "size_bytes", "stored_bytes"):
            one[name] = sum(chunk[name] for chunk in one["chunks"])
        one["entries"] = one["records"]
        one["checksum"] = whole_checksum(
            [PLAIN.chunks[0].model_copy(update=chunk) for chunk in one["chunks"]]
        )

    return forged(changed)


def test_chunks_that_come_twice_or_in_another_order_are_refused() -> None:
    assert "called" in problems(changed_chunks(lambda chunks: chunks.append(chunks[0])))[0]
    assert "called" in problems(changed_chunks(lambda chunks: chunks.reverse()))[0]
    assert "called" in problems(changed_chunks(lambda chunks: chunks.pop(0)))[0]


def test_what_is_told_of_the_whole_has_to_be_the_sum_of_the_chunks() -> None:
    for name in ("records", "size_bytes", "stored_bytes"):
        (problem, *_) = problems(forged(lambda one, name=name: one.update({name: one[name] + 1})))
        assert "sum" in problem
    assert "the whole" in problems(forged(lambda one: one.update(checksum="0" * 64)))[0]
    assert "deletions" in problems(forged(lambda one: one.update(deletions=1)))[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "everything"},
        {"base": OTHER_ID},
        {"chain": [OTHER_ID]},
        {"base_checksum": "0" * 64},
        {"scope": "global"},
        {"type": "scope"},
        {"type": "scope", "scope": "global", "base": OTHER_ID},
        {"type": "incremental"},
        {**INCREMENTAL, "base": None},
        {**INCREMENTAL, "base": "../somewhere"},
        {**INCREMENTAL, "base_checksum": None},
        {**INCREMENTAL, "journal": None},
        {**INCREMENTAL, "chain": ()},
        {**INCREMENTAL, "chain": (ID,), "base": ID},
        {**INCREMENTAL, "chain": (OTHER_ID, OTHER_ID)},
        {**INCREMENTAL, "chain": (OTHER_ID, "20260131T140000Z-0a1b2c")},
        {**INCREMENTAL, "type": "differential", "chain": ("20260131T140000Z-0a1b2c", OTHER_ID)},
        {"records": -1},
        {"created_us": "yesterday"},
        {"compression": {"algorithm": "rar", "level": 3}},
        {"more": 1},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    plain = {
        name: value.model_dump(mode="json") if isinstance(value, JournalPosition) else value
        for name, value in changes.items()
    }
    data = PLAIN.model_dump(mode="json") | plain
    problems(file_of(data))


def test_a_problem_does_not_tell_the_value() -> None:
    data = PLAIN.model_dump(mode="json") | {"label": ["the secret plan"]}
    (problem,) = problems(file_of(data))
    assert "label" in problem
    assert "secret" not in problem


def test_the_signature_tells_who_wrote_it() -> None:
    manifest = unpack(pack(SEALED, KEY), ID)
    check_signature(manifest, KEY)
    for other in (
        SEALED,
        manifest.model_copy(update={"label": "other"}),
        manifest.model_copy(update={"verified_us": 1}),
    ):
        with pytest.raises(BackupDamaged, match="signature"):
            check_signature(other, KEY)
    with pytest.raises(BackupDamaged, match="signature"):
        check_signature(manifest, BackupKey.of(RING.rotated(2**60), "aes-256-gcm", ID))


def test_signing_again_changes_nothing() -> None:
    assert pack(unpack(pack(SEALED, KEY), ID), KEY) == pack(SEALED, KEY)


def test_without_encryption_or_a_key_there_is_no_signature_to_check() -> None:
    check_signature(PLAIN, None)
    check_signature(PLAIN, KEY)
    check_signature(SEALED, None)
