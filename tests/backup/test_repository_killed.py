"""Killed at any moment, a process leaves no half backup and no lock."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmspell.backup.repository import MANIFEST, Repository, open_repository
from llmspell.errors import BackupRunning

from .repository_places import fill, place
from .repository_process import CHUNKS, chunk

_WITHIN_S = 60.0
_TESTS = Path(__file__).parent.parent
_LOCAL = ("folder", "file")


@pytest.fixture(params=_LOCAL)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return place(request.param, tmp_path)


def start(action: str, location: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"{__package__}.repository_process", action, location]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def is_whole(repository: Repository, made: str) -> bool:
    names = [*map(chunk, range(CHUNKS)), MANIFEST]
    sizes = [repository.size(made, name) for name in names[:-1]]
    return (
        repository.names(made) == names
        and repository.manifest(made) == b"complete"
        and sizes == [1000] * CHUNKS
    )


def test_what_is_there_after_a_kill_is_whole(location: str) -> None:
    repository = open_repository(location)
    for _ in range(3):
        with start("work", location) as process:
            assert said(process) == "begun"
            time.sleep(random.random() * 0.1)
            process.kill()
        assert all(is_whole(repository, made) for made in repository.ids())
        with repository.lock("tidy"):
            complete = repository.ids()
            repository.tidy()
            assert repository.ids() == complete
            folders = {path.name for path in folder(location).iterdir() if path.is_dir()}
            assert folders == set(complete)
            for made in complete:
                repository.delete(made)
    assert not [path for path in folder(location).iterdir() if path.is_dir()]


def test_the_lock_of_another_process_is_respected_and_free_when_it_is_killed(
    location: str,
) -> None:
    repository = open_repository(location)
    with start("hold", location) as process:
        assert said(process) == "holding"
        with (
            pytest.raises(BackupRunning, match=rf"process {process.pid} on .*\(hold\)") as caught,
            repository.lock("mine"),
        ):
            pass
        assert caught.value.hint
        process.kill()
        process.wait()
        with repository.lock("mine"):
            fill(repository, 1)


def test_of_processes_that_begin_at_once_one_has_the_lock(location: str) -> None:
    processes = [start("once", location) for _ in range(3)]
    ends = [process.communicate(timeout=_WITHIN_S)[0].strip() for process in processes]
    assert "holding" in ends
    assert set(ends) <= {"holding", "backup_running"}


def test_a_forked_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "from llmspell.backup.repository import open_repository\n"
        "with open_repository(sys.argv[1]).lock('parent'):\n"
        "    child = os.fork()\n"
        "    os.write(1, b'child\\n' if child == 0 else b'parent\\n')\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "backups")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert {said(process), said(process)} == {"child", "parent"}
        process.kill()
        process.wait()
        with open_repository(tmp_path / "backups").lock("mine"):
            os.killpg(process.pid, 9)


def folder(location: str) -> Path:
    return Path(location.removeprefix("file://"))
