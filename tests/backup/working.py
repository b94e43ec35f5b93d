"""A program that makes backups, removes old ones and restores, time after time, until it is killed.

Run as ``python working.py FOLDER``; it prints a line when it has begun, and for each backup.
"""

import sys
from pathlib import Path

from llmspell import Runtime
from llmspell.backup.retention import CountBased
from llmspell.config import load_config
from llmspell.errors import BackupBaseMissing

#: So many entries have one and the same number as their value, whatever is restored.
ENTRIES = 300
POLICY = CountBased(max_backups=4)


def open_runtime(folder: Path) -> Runtime:
    """Open the store in a folder; its backups lie beside it."""
    settings = {
        "state.path": str(folder / "state.db"),
        "state.backup.enabled": True,
        "state.backup.backup_dir": str(folder / "backups"),
        "state.backup.chunk_size": 64 * 1024,
    }
    return Runtime(load_config(environ={}, overrides=settings))


def save_all(runtime: Runtime, number: int) -> None:
    """Save all entries with this number, in one transaction."""
    runtime.state.save_many("global", {f"k{n}": [number, "x" * 400] for n in range(ENTRIES)})


def main(folder: Path) -> None:
    with open_runtime(folder) as runtime:
        state = runtime.state
        number = 0
        print("begun", flush=True)
        while True:
            number += 1
            save_all(runtime, number)
            try:
                state.create_backup(("full", "incremental", "differential")[number % 3])
            except BackupBaseMissing:
                state.create_backup("full")
            print("made", flush=True)
            backups = state.list_backups()
            state.restore_backup(backups[number % len(backups)].id, pre_restore_backup=False)
            state.cleanup_backups(policy=POLICY)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
