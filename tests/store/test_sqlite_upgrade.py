"""A database of an older version is brought to the present form, and nothing in it is lost."""

import sqlite3
from pathlib import Path

import pytest

from llmspell.errors import ConfigError
from llmspell.state.manager import StateManager
from llmspell.store import codec, open_store

VERSION_1 = """
CREATE TABLE entries (
    scope TEXT NOT NULL, "key" TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL, schema_version INTEGER NOT NULL, state_class TEXT NOT NULL,
    expires_at BIGINT, correlation_id TEXT, blob BLOB, born_version BIGINT NOT NULL,
    PRIMARY KEY (scope, "key")
);
PRAGMA application_id = 0x4C53706C;
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as version 1 made it: two entries and a tombstone."""
    path = tmp_path / "state.db"
    raw = sqlite3.connect(path)
    raw.executescript(VERSION_1)
    insert = "INSERT INTO entries VALUES ('s', ?, ?, 1, 2, 1, 'standard', NULL, NULL, ?, 1)"
    rows = [("a", 3, codec.encode("old")), ("b", 1, codec.encode(1)), ("gone", 2, None)]
    raw.executemany(insert, rows)
    raw.commit()
    raw.close()
    return path


def test_entries_keep_their_values_and_versions(old: Path) -> None:
    """Versions go on from where they were, those of deleted keys too."""
    state = StateManager(open_store("sqlite", path=old))
    assert state.load_many("s", state.list_keys("s")) == {"a": "old", "b": 1}
    assert [state.save("s", key, 0).version for key in ("a", "b", "gone")] == [4, 2, 3]
    state.close()


def test_a_rollback_finds_what_was_there_before_there_was_a_journal(old: Path) -> None:
    """What no journal saw being written is its beginning."""
    state = StateManager(open_store("sqlite", path=old))
    checkpoint = state.checkpoint()
    state.save("s", "a", "new")
    state.delete("s", "b")
    state.save("s", "gone", "back")
    state.rollback(checkpoint)
    assert state.load_many("s", state.list_keys("s")) == {"a": "old", "b": 1}
    state.close()


def test_whether_there_is_a_journal_is_decided_once(tmp_path: Path) -> None:
    """A journal with a gap would lie, so a store is opened as it was made."""
    for name, journal in (("with", True), ("without", False)):
        path = tmp_path / name
        open_store("sqlite", path=path, journal=journal).close()
        with pytest.raises(ConfigError, match=r"state\.journal\.enabled"):
            open_store("sqlite", path=path, journal=not journal)
        open_store("sqlite", path=path, journal=journal).close()
