"""What was backed up on one backend is restored on every other, in each form of a backup."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.backup.model import Manifest
from llmspell.config import load_config
from llmspell.state.manager import StateManager

BACKENDS = ("memory", "sqlite", "rocksdb", "postgresql")
#: Chunks, compression, whether values are encrypted: every pair of backends has one of these.
FORMS = cycle(product(("msgpack", "jsonl"), ("zstd", "none"), (False, True)))
PAIRS = [(pair, next(FORMS)) for pair in product(BACKENDS, BACKENDS)]
VALUES = {
    "nothing": None,
    "numbers": [1, -1.5, 2**62],
    "text": "caf\u00e9 \U0001f40d",
    "bytes": b"\x00\xff",
    "time": dt.datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=dt.UTC),
    "deep": {"a": [{"b": {}}, []]},
    "long": "abc" * 4000,
}

Open = Callable[..., Runtime]


@pytest.fixture
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open stores that share one place for backups; all are closed in the end."""
    runtimes: list[Runtime] = []

    def opened(backend: str, name: str, **settings: Any) -> Runtime:
        where: dict[str, Any] = {"state.backend": backend}
        if backend == "postgresql":
            where["state.url"] = request.getfixturevalue("postgres").new_url()
        elif backend != "memory":
            where["state.path"] = str(tmp_path / name)
        backups = {"enabled": True, "backup_dir": str(tmp_path / "backups")} | settings
        where |= {f"state.backup.{key}": value for key, value in backups.items()}
        runtimes.append(Runtime(load_config(environ={}, overrides=where)))
        return runtimes[-1]

    yield opened
    for runtime in runtimes:
        runtime.close()


def everything(state: StateManager) -> dict[tuple[str, str], Any]:
    """Return values and metadata of all entries, but for what tells how they are stored."""
    return {
        (entry.scope, entry.key): (
            entry.value,
            entry.metadata._replace(encrypted=False, checksum="", size_bytes=0),
        )
        for entry in state.export_entries()
    }


def a_chain(state: StateManager) -> Iterator[tuple[Manifest, dict[tuple[str, str], Any]]]:
    """Make one backup of each type, with changes between them; yield them and what they show."""
    state.save_many("global", VALUES)
    state.save("user:1", "profile", {"name": "Ada"}, schema_version=3, ttl=10_000)
    state.save("user:1", "token", "secret", state_class="trusted")
    yield state.create_backup("full"), everything(state)
    state.save("user:1", "profile", {"name": "Ada Lovelace"}, schema_version=4)
    state.delete("global", "nothing")
    yield state.create_backup("incremental"), everything(state)
    state.save("global", "nothing", 1)
    state.delete("user:1", "token")
    yield state.create_backup("incremental"), everything(state)
    yield state.create_backup("differential"), everything(state)
    state.save("user:2", "n", 1)
    yield state.create_backup("incremental"), everything(state)
    made = state.create_backup("scope", scope="user:1")
    yield made, {ref: entry for ref, entry in everything(state).items() if ref[0] == "user:1"}


@pytest.mark.parametrize(
    ("source", "target", "format_", "compression", "is_encrypted"),
    [(*pair, *form) for pair, form in PAIRS],
)
def test_every_type_of_backup_restores_on_every_backend(
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    target: str,
    format_: str,
    compression: str,
    is_encrypted: bool,
) -> None:
    if is_encrypted:
        monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    form = {"format": format_, "compression_algorithm": compression}
    made = list(a_chain(opened(source, "source", **form).state))
    for number, (backup, there) in enumerate(made):
        assert (backup.format, backup.compression.algorithm) == (format_, compression)
        assert (backup.encryption is not None) == is_encrypted
        state = opened(target, f"target{number}").state
        result = state.restore_backup(backup.id)
        assert everything(state) == there
        assert (result.restored, result.deleted, result.failed) == (len(there), 0, 0)


def test_an_ephemeral_entry_is_not_backed_up_and_hides_nothing_that_is_stored(
    opened: Open,
) -> None:
    state = opened("sqlite", "source").state
    state.create_backup("full")
    state.save("global", "k", "stored")
    state.save("global", "k", "of this process", state_class="ephemeral")
    state.save("global", "e", 1, state_class="ephemeral")
    for type_ in ("full", "incremental", "differential"):
        backup = state.create_backup(type_)
        restored = opened("memory", "").state
        restored.restore_backup(backup.id)
        assert restored.load_many("global", ["k", "e"]) == {"k": "stored"}
    backup = state.create_backup("scope", scope="global")
    restored = opened("memory", "").state
    restored.restore_backup(backup.id)
    assert restored.load_many("global", ["k", "e"]) == {"k": "stored"}
