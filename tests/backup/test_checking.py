"""Checking names every file that is damaged, missing or too many, and nothing else."""

from __future__ import annotations

import threading

import pytest

from llmspell.backup.checking import check_chunks
from llmspell.backup.manifest_file import pack, unpack
from llmspell.backup.model import Manifest
from llmspell.backup.sealing import BackupKey, backup_key
from llmspell.errors import BackupDamaged, BackupError, KeyMissing

from .chunk_samples import COMPRESSIONS, FORMATS, ID, RING, Files, row, written


def made(key: BackupKey | None = None) -> tuple[Manifest, Files]:
    return written([row(n) for n in range(1000)], key=key, chunk_bytes=5000)


class Place:
    """Files as a repository gives them."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def get(self, name: str) -> bytes:
        if name not in self.files:
            raise BackupDamaged(f"{name} is missing", problems=[f"{name}: it is missing"])
        return self.files[name]


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("cipher", [None, "aes-256-ctr"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_whole_backup_has_no_problems(form, compression, cipher, streams) -> None:
    key = BackupKey.of(RING, cipher, ID) if cipher else None
    records = [row(n) for n in range(300)]
    manifest, files = written(
        records, key=key, format=form, compression=compression, chunk_bytes=2000
    )
    manifest = unpack(pack(manifest, key), ID)
    seen: list[int] = []
    opened = backup_key(manifest, RING, None)
    names = [*files, "manifest.json"]
    assert not check_chunks(
        files.__getitem__, manifest, opened, seen.append, names=names, streams=streams
    )
    assert len(seen) == len(files)
    assert seen == sorted(seen)
    assert seen[-1] == 300


def test_every_damaged_missing_and_strange_chunk_is_named_in_order() -> None:
    manifest, files = made()
    names = list(files)
    files[names[1]] = files[names[1]][:-1]
    files[names[3]] = b"\0" + files[names[3]][1:]
    del files[names[4]]
    files["chunk-000099.msgpack.zst"] = b""
    problems = check_chunks(Place(files).get, manifest, names=files, streams=2)
    assert [problem.partition(":")[0] for problem in problems] == [
        names[1],
        names[3],
        names[4],
        "chunk-000099.msgpack.zst",
    ]
    assert "bytes, not" in problems[0]
    assert "checksum" in problems[1]
    assert "missing" in problems[2]
    assert "does not belong" in problems[3]


def test_progress_goes_on_over_damaged_chunks() -> None:
    manifest, _ = made()
    seen: list[int] = []
    check_chunks(Place({}).get, manifest, None, seen.append)
    assert seen[-1] == 1000


def test_a_manifest_that_was_changed_after_it_was_read_is_a_problem() -> None:
    manifest, files = made()
    changed = manifest.model_copy(update={"records": 7, "entries": 7, "checksum": "0" * 64})
    problems = check_chunks(files.__getitem__, changed)
    assert len(problems) == 2
    assert all(problem.startswith("manifest.json: ") for problem in problems)


def test_a_forged_manifest_of_an_encrypted_backup_is_a_problem() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    manifest, files = made(key)
    manifest = unpack(pack(manifest, key), ID)
    forged = unpack(pack(manifest.model_copy(update={"label": "other"})), ID)
    (problem,) = check_chunks(files.__getitem__, forged, key)
    assert "signature" in problem


def test_a_sealed_chunk_from_elsewhere_is_a_problem() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    manifest, files = made(key)
    first, second = manifest.chunks[:2]
    moved = first.model_copy(update={"sha256": second.sha256, "stored_bytes": second.stored_bytes})
    forged = manifest.model_copy(update={"chunks": (moved, *manifest.chunks[1:])})
    files[first.name] = files[second.name]
    problems = check_chunks(files.__getitem__, forged, key)
    assert any(problem.startswith(f"{first.name}: it does not decrypt") for problem in problems)


def test_without_the_key_nothing_is_checked_by_halves() -> None:
    manifest, files = made(BackupKey.of(RING, "aes-256-gcm", ID))
    with pytest.raises(KeyMissing, match=ID):
        check_chunks(files.__getitem__, manifest)


def test_a_place_that_fails_is_no_damage_and_ends_the_check() -> None:
    def get(name: str) -> bytes:
        raise BackupError("the network is away")

    with pytest.raises(BackupError, match="the network is away"):
        check_chunks(get, made()[0], streams=2)
    assert not [one for one in threading.enumerate() if one.name.startswith("llmspell-backup")]
