"""The examples in Lua and JavaScript, with backups switched on as their first lines say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAID = """\
scope (example:backup), verified: true
incremental (the changes since), verified: true
full (a quiet evening), verified: true
valid: true, backups read: 2
before: mood reckless, keys: mood
  would replace mood
  would create plan
restored 2: mood calm, keys: mood plan
undone: mood reckless, keys: mood
one key: mood calm, keys: mood
what was missing, left alone: 1: mood calm, keys: mood plan
at the checkpoint: mood bold, keys: mood plan
would remove: 0
room taken: true
"""


@pytest.mark.parametrize("language", ["lua", "js"])
def test_the_example_makes_verifies_restores_and_undoes(language: str, tmp_path: Path) -> None:
    example = ROOT / "examples" / language / f"backup_example.{language}"
    config = ROOT / "configs" / "backup-enabled.toml"
    done = subprocess.run(
        [sys.executable, "-m", "llmspell.cli", "-c", str(config), "run", str(example)],
        capture_output=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("LLMSPELL_")},
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith(SAID)
    *_, weekly, unknown = done.stdout.splitlines()
    assert weekly.startswith("invalid_argument: State.create_backup: ")
    assert "full, incremental, differential, scope" in weekly
    assert unknown == "backup_not_found"
