"""Killed in the middle of anything: no half backup, no half restore, no broken chain."""

import random
import subprocess
import sys
import time
from pathlib import Path

from . import working

KILLS = 8


def test_a_kill_at_any_moment_leaves_whole_backups_and_one_state(tmp_path: Path) -> None:
    seen = 0
    for seed in range(KILLS):
        _kill_after(random.Random(seed).uniform(0, 0.35), tmp_path, made=seed == 0)
        with working.open_runtime(tmp_path) as runtime:
            state = runtime.state
            values = state.load_many("global", [f"k{n}" for n in range(working.ENTRIES)])
            assert len({value[0] for value in values.values()}) <= 1
            assert len(values) in (0, working.ENTRIES)
            backups = state.list_backups()
            seen += len(backups)
            assert state.backup_health().damaged == {}
            for backup in backups:
                assert state.validate_backup(backup.id).valid
            if backups:
                working.save_all(runtime, -1)
                state.restore_backup(pre_restore_backup=False)
                value = state.load("global", "k0")
                assert value is not None
                assert value[0] > 0
    assert seen > KILLS / 2


def _kill_after(seconds: float, folder: Path, *, made: bool) -> None:
    """Kill the program some time after it began, or after it made its first backup."""
    program = [sys.executable, str(Path(working.__file__)), str(folder)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert not made or process.stdout.readline() == "made\n"
        time.sleep(seconds)
        process.kill()
