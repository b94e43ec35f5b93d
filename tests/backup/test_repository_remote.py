"""Places that fsspec reaches: opening them, and the lock that is only a file."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from llmspell.backup.repository import open_repository
from llmspell.errors import BackupError, BackupRunning, ConfigError, FeatureUnavailable

from .repository_places import CHUNK, backup_id, fill


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}"


def written_lock(url: str, **changed: Any) -> bytes:
    """Return a lock as it is written, with other facts."""
    with open_repository(url).lock("test"):
        found = orjson.loads(fsspec.filesystem("memory").cat_file(f"{url}/.lock"))
    return orjson.dumps(found | changed)


def test_a_lock_that_ran_out_is_taken_over(url: str) -> None:
    lock = written_lock(url, mark="elsewhere 1 1", until_us=1)
    fsspec.filesystem("memory").pipe_file(f"{url}/.lock", lock)
    with open_repository(url).lock("mine"):
        fill(open_repository(url), 1)


def test_a_lock_of_another_machine_holds_until_it_runs_out(url: str) -> None:
    lock = written_lock(url, mark="elsewhere 1 1", pid=7, host="other")
    fsspec.filesystem("memory").pipe_file(f"{url}/.lock", lock)
    with (
        pytest.raises(BackupRunning, match="process 7 on other"),
        open_repository(url).lock("mine"),
    ):
        pass


@pytest.mark.parametrize("odd", [b"", b"[]", b'{"token": 1}'])
def test_a_lock_nobody_can_read_is_taken_over(url: str, odd: bytes) -> None:
    fsspec.filesystem("memory").pipe_file(f"{url}/.lock", odd)
    with open_repository(url).lock("mine"):
        pass


def test_who_lost_the_lock_makes_no_backup(url: str) -> None:
    lock = written_lock(url, token="another")
    repository = open_repository(url)
    with repository.lock("mine"):
        with repository.creating(backup_id(1)) as draft:
            draft.put(CHUNK, b"one")
            fsspec.filesystem("memory").pipe_file(f"{url}/.lock", lock)
            with pytest.raises(BackupRunning):
                draft.commit(b"{}")
        assert repository.ids() == []
    assert fsspec.filesystem("memory").exists(f"{url}/.lock")  # it is the other one's


def test_what_a_killed_process_left_is_removed(url: str) -> None:
    made = fill(open_repository(url), 1)
    system = fsspec.filesystem("memory")
    system.pipe_file(f"{url}/{backup_id(2)}/{CHUNK}", b"half")
    system.pipe_file(f"{url}/{backup_id(2)}/manifest.json-new", b"{}")
    system.pipe_file(f"{url}/notes/mine.txt", b"foreign")
    repository = open_repository(url)
    assert repository.ids() == [made]
    repository.tidy()
    assert not system.exists(f"{url}/{backup_id(2)}")
    assert system.exists(f"{url}/notes/mine.txt")


class _Broken(MemoryFileSystem):
    """A driver whose server is away; its errors carry an address that is nobody's business."""

    protocol = "broken"

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        raise RuntimeError("https://host/?signature=hunter2")


def test_a_drivers_own_words_stay_out_of_messages() -> None:
    fsspec.register_implementation("broken", _Broken, clobber=True)
    with pytest.raises(BackupError) as caught:
        open_repository("broken://place").ids()
    assert caught.value.details["reason"] == "io"
    assert "hunter2" not in str(caught.value.to_dict())
    assert "RuntimeError" in caught.value.message


class _WithoutCreation(MemoryFileSystem):
    """A driver that does not know exclusive creation."""

    protocol = "older"

    def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError("unexpected keyword argument 'mode'")
        super().pipe_file(path, value)


def test_a_driver_without_exclusive_creation_locks_all_the_same() -> None:
    fsspec.register_implementation("older", _WithoutCreation, clobber=True)
    first, second = (open_repository("older://place") for _ in range(2))
    with first.lock("mine"), pytest.raises(BackupRunning), second.lock("other"):
        pass
    with second.lock("other"):
        fill(second, 1)


@pytest.mark.parametrize("location", ["", "  ", None, 7, "a\0b", "nowhere://x", "://x", "s3:/x"])
def test_what_names_no_place_is_a_mistake_in_the_configuration(location: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        open_repository(location)
    assert "s3://bucket" in (caught.value.hint or "")


def test_options_are_for_urls_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage_options"):
        open_repository(tmp_path, storage_options={"key": "x"})


def test_a_password_in_a_url_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_repository("nowhere://me:hunter2@host/x?token=hunter2")
    assert "nowhere://***@host/x" in caught.value.message
    assert "hunter2" not in str(caught.value.to_dict())


@pytest.mark.parametrize("absent", ["fsspec", "s3fs"])
def test_a_package_that_is_missing_is_named(absent: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{absent!r}] = None\n"
        "from llmspell.backup.repository import open_repository\n"
        "from llmspell.errors import FeatureUnavailable\n"
        "try:\n"
        "    open_repository('s3://bucket/backups')\n"
        "except FeatureUnavailable as error:\n"
        "    print(error.hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("llmspell[remote]" if absent == "fsspec" else absent) in ran.stdout
    assert issubclass(FeatureUnavailable, ConfigError)


def test_a_folder_needs_no_fsspec(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from llmspell.backup.repository import open_repository\n"
        "open_repository(sys.argv[1]).ids()\n"
        "print('fsspec' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
