"""Lose a store and recover it; restore one scope and one key; look before you leap.

    python examples/python/backup_recovery.py

Stores and backups are in a folder of their own, which is removed at the end.
"""

import tempfile
from pathlib import Path
from typing import Any

from llmspell import Config, Runtime
from llmspell.backup.restore_result import RestoreResult
from llmspell.errors import BackupDamaged
from llmspell.state.manager import StateManager


def config_of(folder: Path, **store: Any) -> Config:
    """Return a configuration of a store whose backups are in one place with all others."""
    backup = {"enabled": True, "backup_dir": str(folder / "backups")}
    return Config(state={**store, "backup": backup})


def told(result: RestoreResult) -> str:
    """Return what a restore did."""
    counts = {
        "restored": result.restored,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "deleted": result.deleted,
    }
    return f"{result.status}: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n)


def lose_the_store(folder: Path) -> str:
    """Make backups, lose the database, and recover all of it. Return the last backup's id."""
    path = folder / "state.db"
    with Runtime(config_of(folder, path=str(path))) as runtime:
        runtime.state.save_many("user:42", {"name": "Ada", "theme": "dark", "visits": 7})
        runtime.state.save("global", "motto", "lose nothing")
        runtime.state.create_backup()
        runtime.state.increment("user:42", "visits")
        last = runtime.state.create_backup("incremental").id

    for file in folder.glob("state.db*"):
        file.unlink()

    with Runtime(config_of(folder, path=str(path))) as runtime:
        # Neither asks for the store, which is not there.
        print("backups:", [each.type for each in runtime.backups.list()])
        print("whole:", runtime.backups.verify(last).valid)
        state = runtime.state
        print("lost", told(state.restore_backup(last)))
        (latest,) = state.history("user:42", "visits")
        print("visits:", state.load("user:42", "visits"), "version:", latest.version)
    return last


def restore_parts(state: StateManager, last: str) -> None:
    """Restore a key, a scope, and what is missing or newer; undo it."""
    state.save("user:42", "name", "Bob")
    state.save("user:42", "note", "written after the backup")
    state.delete("user:42", "theme")

    # Nothing is written; the counts and the changes are those of the real restore.
    dry = state.restore_backup(last, scope="user:42", dry_run=True)
    print(told(dry))
    for change in dry.changes:
        print(f"  {change['action']} {change['scope']} {change['key']}")

    print("one key", told(state.restore_backup(last, scope="user:42", keys=["name"])))
    print("name:", state.load("user:42", "name"))
    print("keep", told(state.restore_backup(last, scope="user:42", policy="keep")))
    print("newer", told(state.restore_backup(last, scope="user:42", policy="newer")))
    print("keys:", state.list_keys("user:42"))

    done = state.restore_backup(last, scope="user:42")
    print("the scope", told(done))
    print("keys:", state.list_keys("user:42"))
    # What it was before was backed up first, and what was deleted is in the history, too.
    print("undo", told(state.restore_backup(done.pre_restore_backup_id)))
    print("note:", state.load("user:42", "note"))


def restore_elsewhere(folder: Path, state: StateManager, last: str) -> None:
    """Restore into another store, of another kind: the configured one stays as it is."""
    with Runtime(Config(state={"backend": "memory"})) as other:
        print("in memory", told(state.restore_backup(last, into=other.state)))
        print("motto:", other.state.load("global", "motto"))


def find_damage(folder: Path, state: StateManager, last: str) -> None:
    """Damage a backup: verification names the file, and nothing is restored of it."""
    chunk = next((folder / "backups" / last).glob("chunk-*"))
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    print("problems:", state.validate_backup(last).problems)
    try:
        state.restore_backup(last)
    except BackupDamaged as error:
        print("refused:", error.code)
    full = next(each for each in reversed(state.list_backups()) if each.type == "full")
    print("an older one", told(state.restore_backup(full.id, dry_run=True)))


def main() -> None:
    """Lose, recover, restore parts, restore elsewhere, find damage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        last = lose_the_store(folder)
        with Runtime(config_of(folder, path=str(folder / "state.db"))) as runtime:
            restore_parts(runtime.state, last)
            restore_elsewhere(folder, runtime.state, last)
            find_damage(folder, runtime.state, last)


if __name__ == "__main__":
    main()
