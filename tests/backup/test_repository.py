"""Places for backups: what holds for a folder and for all that fsspec reaches."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from llmspell.backup.repository import MANIFEST, Repository, open_repository
from llmspell.errors import (
    BackupDamaged,
    BackupError,
    BackupNotFound,
    BackupRunning,
    InvalidArgument,
)

from .repository_places import CHUNK, KINDS, OTHER_CHUNK, backup_id, fill, place


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    return open_repository(place(request.param, tmp_path))


def test_a_place_nobody_wrote_to_is_empty(repository: Repository) -> None:
    assert repository.ids() == []
    assert repository.log() == []
    repository.tidy()
    with pytest.raises(BackupNotFound, match=backup_id(1)):
        repository.manifest(backup_id(1))


def test_what_was_written_is_read_again(repository: Repository) -> None:
    made = fill(repository, 1, b"manifest")
    again = open_repository(repository.location)
    assert again.ids() == [made]
    assert again.names(made) == [CHUNK, OTHER_CHUNK, MANIFEST]
    assert again.read(made, CHUNK) == b"one"
    assert again.manifest(made) == b"manifest"
    assert again.size(made, MANIFEST) == len(b"manifest")


def test_a_draft_hands_out_what_was_put(repository: Repository) -> None:
    with repository.creating(backup_id(1)) as draft:
        draft.put(CHUNK, b"one")
        assert draft.read(CHUNK) == b"one"


def test_an_empty_chunk_and_a_large_one_are_kept(repository: Repository) -> None:
    large = bytes(range(256)) * (1 << 14)
    with repository.creating(backup_id(1)) as draft:
        draft.put(CHUNK, b"")
        draft.put(OTHER_CHUNK, large)
        draft.commit(b"{}")
    assert repository.read(backup_id(1), CHUNK) == b""
    assert repository.read(backup_id(1), OTHER_CHUNK) == large


def test_ids_come_sorted(repository: Repository) -> None:
    made = [fill(repository, number) for number in (3, 1, 2)]
    assert repository.ids() == sorted(made)


def test_a_draft_is_no_backup_before_its_commit(repository: Repository) -> None:
    with repository.creating(backup_id(1)) as draft:
        draft.put(CHUNK, b"one")
        assert repository.ids() == []
        with pytest.raises(BackupNotFound):
            repository.names(backup_id(1))
        draft.commit(b"{}")
        assert repository.ids() == [backup_id(1)]


@pytest.mark.parametrize("ends", [None, ValueError, KeyboardInterrupt])
def test_a_draft_without_commit_leaves_nothing(
    repository: Repository, ends: type[BaseException] | None
) -> None:
    with suppress(*filter(None, [ends])), repository.creating(backup_id(1)) as draft:
        draft.put(CHUNK, b"one")
        if ends:
            raise ends
    assert repository.ids() == []
    fill(repository, 1)


def test_many_threads_put_chunks_at_once(repository: Repository) -> None:
    names = [f"chunk-{number:06}.jsonl" for number in range(40)]
    with repository.creating(backup_id(1)) as draft:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: draft.put(name, name.encode()), names))
        draft.commit(b"{}")
    assert all(repository.read(backup_id(1), name) == name.encode() for name in names)


def test_nothing_is_written_to_a_backup_that_is_complete(repository: Repository) -> None:
    with repository.creating(backup_id(1)) as draft:
        draft.commit(b"{}")
        for late in (lambda: draft.put(CHUNK, b""), lambda: draft.commit(b"")):
            with pytest.raises(BackupError) as caught:
                late()
            assert caught.value.details["reason"] == "ended"
    assert repository.names(backup_id(1)) == [MANIFEST]


def test_a_second_backup_of_the_same_id_leaves_the_first_as_it_is(repository: Repository) -> None:
    fill(repository, 1, b"first")
    with pytest.raises(BackupError) as caught, repository.creating(backup_id(1)):
        pass
    assert caught.value.details["reason"] == "exists"
    assert repository.manifest(backup_id(1)) == b"first"


def test_a_deleted_backup_is_gone_and_the_others_stay(repository: Repository) -> None:
    first, second = fill(repository, 1), fill(repository, 2)
    repository.delete(first)
    assert repository.ids() == [second]
    assert repository.read(second, OTHER_CHUNK) == b"twotwo"
    for gone in (repository.delete, repository.manifest, repository.names):
        with pytest.raises(BackupNotFound):
            gone(first)
    assert fill(repository, 1) == first


def test_a_file_that_is_missing_is_named(repository: Repository) -> None:
    made = fill(repository, 1)
    for look in (repository.read, repository.size):
        with pytest.raises(BackupDamaged, match=r"chunk-000009\.jsonl is missing") as caught:
            look(made, "chunk-000009.jsonl")
        assert caught.value.details["problems"] == ["chunk-000009.jsonl is missing"]


ODD_NAMES: Final[list[Any]] = [
    "",
    ".",
    "..",
    "../operations.json",
    "/etc/passwd",
    f"../{backup_id(2)}/{MANIFEST}",
    f"./{CHUNK}",
    f"{CHUNK}\n",
    f"{CHUNK}\0",
    f"a/{CHUNK}",
    CHUNK.upper(),
    "chunk-000001",
    "chunk-000001..msgpack",
    "chunk-٠٠٠٠٠١.jsonl",
    "operations.json",
    ".lock",
    None,
    7,
    b"manifest.json",
]


def test_no_other_file_is_read_or_written(repository: Repository) -> None:
    made = fill(repository, 1)
    fill(repository, 2)
    repository.note({"action": "create"})
    with repository.creating(backup_id(3)) as draft:
        calls = [
            partial(repository.read, made),
            partial(repository.size, made),
            draft.read,
            lambda name: draft.put(name, b"x"),
        ]
        for call, name in product(calls, ODD_NAMES):
            with pytest.raises(BackupError) as caught:
                call(name)
            assert caught.value.details["reason"] == "name", name


def test_what_is_no_id_is_refused(repository: Repository) -> None:
    odd: list[Any] = ["", "..", "../x", "/tmp", f"{backup_id(1)}/..", f"{backup_id(1)}\n", None, 7]
    calls = (repository.manifest, repository.names, repository.delete)
    for call, made in product((*calls, lambda made: repository.creating(made).__enter__()), odd):
        with pytest.raises(InvalidArgument):
            call(made)


def test_operations_are_remembered_in_order(repository: Repository) -> None:
    fill(repository, 1)
    repository.note({"action": "create", "ok": True})
    repository.note({"action": "verify", "ok": False, "code": "backup_damaged"})
    assert [entry["action"] for entry in repository.log()] == ["create", "verify"]


def test_only_the_latest_500_operations_are_remembered(tmp_path: Path) -> None:
    repository = open_repository(place("memory", tmp_path))
    for number in range(510):
        repository.note({"n": number})
    assert [entry["n"] for entry in repository.log()] == list(range(10, 510))


def test_the_log_is_no_backup(repository: Repository) -> None:
    with repository.lock("test"):
        repository.note({"action": "create"})
    repository.tidy()
    assert repository.ids() == []
    assert repository.log() == [{"action": "create"}]


def test_one_at_a_time_has_the_lock(repository: Repository) -> None:
    other = open_repository(repository.location)
    with repository.lock("make a full backup"):
        for second in (repository, other):
            with (
                pytest.raises(BackupRunning, match="make a full backup") as caught,
                second.lock("prune"),
            ):
                pass
        assert str(caught.value.message).count("process ") == 1
    with other.lock("prune"):
        pass


def test_a_failure_releases_the_lock_and_is_told_as_it_is(repository: Repository) -> None:
    for failure in (OSError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(failure)) as caught, repository.lock("test"):
            raise failure
        assert caught.value is failure
    with repository.lock("test"):
        pass


def test_of_many_threads_one_has_the_lock(repository: Repository) -> None:
    inside, most, had = [0], [0], []
    done = threading.Event()

    def take(number: int) -> None:
        try:
            with open_repository(repository.location).lock(f"{number}"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                had.append(number)
                done.wait(0.05)
                inside[0] -= 1
        except BackupRunning:
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))
    assert had
    assert most == [1]


def test_readers_need_no_lock(repository: Repository) -> None:
    made = fill(repository, 1)
    with repository.lock("test"):
        other = open_repository(repository.location)
        assert other.ids() == [made]
        assert other.read(made, CHUNK) == b"one"
