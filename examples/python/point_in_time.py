"""Go back to a second, to a checkpoint, and to moments that no backup was made at.

    python examples/python/point_in_time.py

Store and backups are in a folder of their own, which is removed at the end.
"""

import datetime as dt
import tempfile
import time
from pathlib import Path

from llmspell import Config, Runtime
from llmspell.errors import PointUnreachable
from llmspell.state.manager import StateManager

STEP_S = 0.01


def now() -> dt.datetime:
    """Return a moment that lies apart from what is written before and after it."""
    time.sleep(STEP_S)
    moment = dt.datetime.now(dt.UTC)
    time.sleep(STEP_S)
    return moment


def balance(state: StateManager) -> str:
    """Return what the accounts hold."""
    held = {key: state.load("bank", key) for key in state.list_keys("bank")}
    return ", ".join(f"{key} {value}" for key, value in held.items())


def main() -> None:
    """Write a little history with two backups in it, and walk about in it."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            state={
                "path": str(Path(folder, "state.db")),
                "backup": {"enabled": True, "backup_dir": str(Path(folder, "backups"))},
            }
        )
        with Runtime(config) as runtime:
            state = runtime.state
            before = now()
            state.save("bank", "ada", 100)
            full = state.create_backup()
            state.save("bank", "bob", 50)
            after_bob = now()
            state.save("bank", "ada", 70)
            incremental = state.create_backup("incremental")
            state.save("bank", "eve", 1)
            state.checkpoint("before the mistake")
            after_eve = now()
            for key in state.list_keys("bank"):
                state.save("bank", key, 0)
            state.delete("bank", "bob")
            print("the mistake:", balance(state))

            # After the last backup the journal leads on, change by change.
            done = state.restore_backup(at=after_eve)
            print("just before it:", balance(state))
            print("made from:", done.backup_id == incremental.id)

            # Within an incremental backup: it holds each change with its time.
            state.restore_backup(at=after_bob)
            print("when Bob came:", balance(state))

            # A time may be text, in UTC unless it says otherwise, and so may a checkpoint.
            state.restore_backup(checkpoint="before the mistake")
            print("at the checkpoint:", balance(state))
            state.restore_backup(full.id, at=after_bob.isoformat(), scope="bank", keys=["ada"])
            print("Ada alone, as of then:", balance(state))

            try:
                state.restore_backup(at=before)
            except PointUnreachable as error:
                print("before the first backup:", error.code)

            # Going back is a change as any other: versions go on, and history has it all.
            versions = [each.version for each in state.history("bank", "ada")]
            print("versions of Ada:", versions)


if __name__ == "__main__":
    main()
