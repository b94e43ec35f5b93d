"""A folder whose configuration has backups on, and how to use it at the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cli.conftest import Program

CONFIG = """\
[state]
path = "state.db"
[state.backup]
enabled = true
backup_dir = "backups"
"""


def prepare(llmspell: Program, more: str = "", **values: Any) -> Program:
    """Write the configuration and store values in the scope global, if there are any."""
    llmspell.write("b.toml", CONFIG + more)
    if values:
        put(llmspell, **values)
    return llmspell


def run(llmspell: Program, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command with backups on."""
    return llmspell.here("-c", "b.toml", *arguments)


def backup(llmspell: Program, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a backup command that has to succeed."""
    done = run(llmspell, "backup", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def report(llmspell: Program, *arguments: str | Path) -> dict[str, Any]:
    """Run a backup command with --json and return its object."""
    done = run(llmspell, "backup", *arguments, "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"] is (done.returncode == 0), done
    return told


def refused(
    llmspell: Program, *arguments: str | Path, code: str, exit_code: int = 1
) -> dict[str, Any]:
    """Run a backup command that has to fail so, with words that end no program; return the error."""
    shown = run(llmspell, "backup", *arguments)
    assert shown.stderr.startswith(f"error[{code}]: "), shown
    assert shown.returncode == exit_code, shown
    assert "Traceback" not in shown.stderr
    told: dict[str, Any] = report(llmspell, *arguments)["error"]
    assert told["code"] == code
    return told


def create(llmspell: Program, *arguments: str) -> str:
    """Make a backup and return its id."""
    return backup(llmspell, "create", *arguments).stdout.strip()


def put(llmspell: Program, scope: str = "global", **values: Any) -> None:
    """Store values, all in one transaction."""
    entries = [{"scope": scope, "key": key, "value": value} for key, value in values.items()]
    document = {"format": "llmspell-state", "version": 1, "entries": entries}
    llmspell.write("entries.json", json.dumps(document))
    done = run(llmspell, "state", "import", "entries.json")
    assert done.returncode == 0, done.stderr


def stored(llmspell: Program, scope: str = "global") -> dict[str, Any]:
    """Return the values of a scope."""
    done = run(llmspell, "state", "export", "-", "--scope", scope)
    return {entry["key"]: entry["value"] for entry in json.loads(done.stdout)["entries"]}


def copied(made: Program, llmspell: Program) -> Program:
    """Return a folder like one that is ready: making backups takes its time."""
    shutil.copytree(made.folder, llmspell.folder, dirs_exist_ok=True)
    return llmspell


def lose_store(llmspell: Program) -> None:
    """Remove the database as a broken disk would."""
    for file in llmspell.folder.glob("state.db*"):
        file.unlink()


def damage(llmspell: Program, backup_id: str, name: str = "chunk-000001.msgpack.zst") -> None:
    """Turn one bit of a file of a backup around."""
    path = llmspell.folder / "backups" / backup_id / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
