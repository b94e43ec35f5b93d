"""Make backups of every type, watch them being made, and encrypt them.

    python examples/python/backup_creation.py

Store and backups are in a folder of their own, which is removed at the end.
"""

import tempfile
from pathlib import Path

from llmspell import Config, Runtime
from llmspell.backup.model import BackupEvent, Manifest
from llmspell.security.keys.master import write_key_file


def follow(event: BackupEvent) -> None:
    """Print how far a backup is."""
    if event.kind != "progress":
        print(f"  {event.action} {event.kind}: {event.done} of {event.total}")


def told(made: Manifest) -> str:
    """Return what there is to say of a backup."""
    base = "nothing" if made.base is None else f"{len(made.chain)} other"
    sealed = "in the open" if made.encryption is None else made.encryption.cipher
    return (
        f"{made.type}: {made.entries} entries, {made.deletions} deleted, made from {base},"
        f" {sealed}, verified: {made.verified_us is not None}"
    )


def every_type(folder: Path) -> None:
    """Make a chain of backups, and one of a single scope."""
    config = Config(
        state={
            "path": str(folder / "state.db"),
            "backup": {"enabled": True, "backup_dir": str(folder / "backups")},
        }
    )
    with Runtime(config) as runtime:
        state = runtime.state
        state.save_many("global", {f"key{n}": {"number": n} for n in range(1000)})
        state.save("user:42", "name", "Ada")

        # Everything. What the callback raises would end it, and nothing would be left of it.
        full = state.create_backup("full", label="keep: before the release", on_event=follow)
        print(told(full))

        # What was changed since the backup before it, change by change: cheap, made often.
        state.save("global", "key1", "changed")
        state.save("global", "key1", "changed again")
        state.delete("global", "key2")
        print(told(state.create_backup("incremental")))
        state.save("user:42", "name", "Ada Lovelace")
        last = state.create_backup("incremental")
        print(told(last))

        # What is different from the last full one: restored without those in between.
        print(told(state.create_backup("differential")))

        # One scope alone.
        print(told(state.create_backup("scope", scope="user:42")))

        found = state.validate_backup(last.id)
        print(f"verified: {found.valid}, {len(found.backups)} backups, {found.records} records")


def encrypted(folder: Path) -> None:
    """Make a backup of an encrypted store: whoever has its files alone reads nothing of it."""
    write_key_file(folder / "master.key")
    config = Config(
        state={
            "path": str(folder / "vault.db"),
            "backup": {"enabled": True, "backup_dir": str(folder / "sealed")},
            "security": {"encryption_enabled": True, "key_file": str(folder / "master.key")},
        }
    )
    with Runtime(config) as runtime:
        runtime.state.save("user:42", "note", "meet at noon")
        made = runtime.state.create_backup()
        print(told(made))
    files = [file for file in (folder / "sealed" / made.id).iterdir() if file.is_file()]
    print("files:", sorted(file.name for file in files))
    print("note in the files:", any(b"meet at noon" in file.read_bytes() for file in files))


def main() -> None:
    """Make backups in the open, and encrypted ones."""
    with tempfile.TemporaryDirectory() as folder:
        every_type(Path(folder))
        encrypted(Path(folder))


if __name__ == "__main__":
    main()
