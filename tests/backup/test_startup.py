"""Who makes no backup pays for none: nothing of it is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from llmspell import Config, Runtime

def loaded():
    parts = ("llmspell.backup", "cronsim", "fsspec")
    return [name for name in sys.modules if name.startswith(parts)]

backup = {"enabled": True, "backup_dir": "backups"}
with Runtime(Config(state={"path": "state.db", "backup": backup})) as runtime:
    runtime.execute("State.save('global', 'k', 1)", engine="lua")
    assert loaded() == [], loaded()
    runtime.execute("State.list_backups()", engine="lua")
    assert "llmspell.backup.manager" in loaded()
    assert "cronsim" not in loaded() and "fsspec" not in loaded(), loaded()
"""


def test_nothing_of_backups_is_imported_before_one_is_asked_for(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, cwd=tmp_path, timeout=60)
