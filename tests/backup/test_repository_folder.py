"""A folder for backups: whose it is, and what happens when it cannot be written."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmspell.backup.repository import MANIFEST, Repository, open_repository
from llmspell.backup.repository.problems import failure
from llmspell.errors import BackupDamaged, BackupError, BackupNotFound

from .repository_places import CHUNK, OTHER_CHUNK, backup_id, fill, place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "backups"


@pytest.fixture
def repository(folder: Path) -> Repository:
    return open_repository(folder)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Have the system refuse to write more to any file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_only_the_owner_may_look_into_it(repository: Repository, folder: Path) -> None:
    before = os.umask(0)
    try:
        made = fill(repository, 1)
        with repository.lock("test"):
            repository.note({"action": "create"})
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes[folder] == modes[folder / made] == 0o700
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_folder_that_was_there_keeps_its_mode(repository: Repository, folder: Path) -> None:
    folder.mkdir(0o750, parents=True)
    folder.chmod(0o750)
    fill(repository, 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_looking_makes_no_folder(repository: Repository, folder: Path) -> None:
    repository.ids()
    repository.note({"action": "verify"})
    assert repository.free_bytes()
    assert not folder.parent.exists()


def test_foreign_files_and_folders_are_left_alone(repository: Repository, folder: Path) -> None:
    made = fill(repository, 1)
    (folder / "notes").mkdir()
    (folder / ".partial-mine").mkdir()
    (folder / backup_id(2)).write_text("a file")
    (folder / backup_id(3)).symlink_to(folder / made)
    (folder / "README").write_text("mine")
    before = sorted(os.listdir(folder))
    assert repository.ids() == [made]
    with repository.lock("test"):
        repository.tidy()
    assert sorted(os.listdir(folder)) == sorted([*before, ".lock"])


def test_a_link_in_the_place_of_a_backup_is_not_followed(
    repository: Repository, folder: Path
) -> None:
    made = fill(repository, 1)
    (folder / backup_id(2)).symlink_to(folder / made)
    for call in (repository.manifest, repository.names, repository.delete):
        with pytest.raises(BackupDamaged, match="link"):
            call(backup_id(2))
    assert repository.ids() == [made]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, kind: str) -> None:
    repository = open_repository(place(kind, tmp_path))
    made = fill(repository, 1)
    secret = tmp_path / "secret"
    secret.write_text("not to be read")
    chunk = tmp_path / "backups" / made / CHUNK
    chunk.unlink()
    chunk.symlink_to(secret)
    for look in (repository.read, repository.size):
        with pytest.raises(BackupDamaged, match=f"{CHUNK} is a link"):
            look(made, CHUNK)
    repository.delete(made)
    assert secret.read_text() == "not to be read"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    repository: Repository, folder: Path
) -> None:
    made = fill(repository, 1)
    (folder / made / CHUNK).unlink()
    os.mkfifo(folder / made / CHUNK)
    with pytest.raises(BackupDamaged):
        repository.read(made, CHUNK)


def test_a_backup_that_lost_its_manifest_is_told_of(repository: Repository, folder: Path) -> None:
    made = fill(repository, 1)
    (folder / made / MANIFEST).unlink()
    assert repository.ids() == [made]
    with pytest.raises(BackupDamaged, match=r"manifest\.json is missing"):
        repository.manifest(made)
    repository.tidy()
    assert repository.names(made) == [CHUNK, OTHER_CHUNK]


def test_a_log_that_is_damaged_is_as_good_as_empty(repository: Repository, folder: Path) -> None:
    for odd in (b"", b"{", b"7", b"[" * 100_000, b"\xff", b"[1, [], {}]", b" " * (5 << 20)):
        fill(repository, 1)
        (folder / "operations.json").write_bytes(odd)
        assert repository.log() == ([{}] if odd == b"[1, [], {}]" else [])
        repository.note({"action": "create"})
        assert repository.log()[-1] == {"action": "create"}
        repository.delete(backup_id(1))


def test_notes_of_many_threads_are_all_kept(folder: Path) -> None:
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: open_repository(folder).note({"n": n}), range(20)))
    assert sorted(entry["n"] for entry in open_repository(folder).log()) == list(range(20))


def test_a_chunk_there_is_no_room_for_leaves_nothing_behind(
    repository: Repository, folder: Path
) -> None:
    kept = fill(repository, 1)
    with repository.creating(backup_id(2)) as draft:
        draft.put(CHUNK, b"fits")
        with files_of_at_most(10_000), pytest.raises(BackupError) as caught:
            draft.put(OTHER_CHUNK, bytes(100_000))
        assert set(os.listdir(folder / f".partial-{backup_id(2)}")) == {CHUNK}
    assert caught.value.details == {"reason": "too_large", "location": str(folder)}
    assert caught.value.hint
    assert os.listdir(folder) == [kept]
    assert repository.read(kept, CHUNK) == b"one"


def test_a_manifest_there_is_no_room_for_makes_no_backup(
    repository: Repository, folder: Path
) -> None:
    with repository.creating(backup_id(1)) as draft:
        draft.put(CHUNK, b"fits")
        with files_of_at_most(10), pytest.raises(BackupError):
            draft.commit(bytes(1000))
    assert os.listdir(folder) == []


def test_a_full_disk_keeps_nobody_from_removing_backups(
    repository: Repository, folder: Path
) -> None:
    made = fill(repository, 1)
    with repository.lock("test"):
        pass
    with files_of_at_most(0), repository.lock("make space"):
        repository.tidy()
        repository.delete(made)
        repository.note({"action": "prune"})
    assert sorted(os.listdir(folder)) == [".lock", ".operations.json.lock"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_place_that_is_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "backups").write_text("a file")
    repository = open_repository(place(kind, tmp_path))
    calls = [
        repository.ids,
        repository.tidy,
        lambda: fill(repository, 1),
        lambda: repository.lock("test").__enter__(),
    ]
    for call in calls:
        with pytest.raises(BackupError) as caught:
            call()
        assert caught.value.details["reason"] == "not_a_folder"
        assert "backups" in caught.value.message
    assert (tmp_path / "backups").read_text() == "a file"


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="no folder"):
        fill(open_repository(tmp_path / "file" / "backups"), 1)


def test_a_place_that_leads_over_a_link_is_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "backups").symlink_to(tmp_path / "disk")
    made = fill(open_repository(tmp_path / "backups"), 1)
    assert (tmp_path / "disk" / made / MANIFEST).exists()


def test_a_lock_file_that_is_a_link_is_refused(repository: Repository, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder.parent / "victim").write_text("precious")
    (folder / ".lock").symlink_to(folder.parent / "victim")
    with pytest.raises(BackupError), repository.lock("test"):
        pass
    assert (folder.parent / "victim").read_text() == "precious"


def test_a_backup_somebody_removed_meanwhile_is_not_found(
    repository: Repository, folder: Path
) -> None:
    made = fill(repository, 1)
    other = open_repository(folder)
    other.delete(made)
    with pytest.raises(BackupNotFound):
        repository.read(made, CHUNK)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EACCES, "access"),
        (errno.EPERM, "access"),
        (errno.EROFS, "read_only"),
        (errno.EFBIG, "too_large"),
        (errno.ESTALE, "unavailable"),
        (errno.EIO, "io"),
    ],
)
def test_what_the_system_says_has_a_reason_and_a_hint(number: int, reason: str) -> None:
    told = failure(OSError(number, os.strerror(number), "/secret/path"), "/backups")
    assert (told.code, told.details["reason"]) == ("backup_error", reason)
    assert os.strerror(number) in told.message
    assert told.hint
