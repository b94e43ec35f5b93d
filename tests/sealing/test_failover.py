"""What waits in the local file of failover is sealed, and goes on to open when keys change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import KeyMissing, WrongKey
from llmspell.security.keys.master import MasterKey
from llmspell.state.manager import StateManager
from llmspell.state.sealing import key_ring_of
from llmspell.store.failover.store import FailoverStore, failover_of
from llmspell.store.failover.values import pack
from postgres_server import PostgresServer

from .conftest import everything_on_disk
from .test_at_rest import SECRET
from .test_keys import another_key

Open = Callable[..., Runtime]
FAILOVER = {"enabled": True, "failures": 1, "retry_s": 600, "path": "local/failover.db"}
SHARED: dict[str, Any] = {"path": "share/state.db", "failover": FAILOVER}
LOCAL = Path("local")


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    """Make the share with the database, and the folder for the local file."""
    for name in ("share", "local"):
        (tmp_path / name).mkdir()


@contextmanager
def outage() -> Iterator[None]:
    """Take the folder of the database away, as a network share can be, and bring it back.

    Who has the database open already notices nothing.
    """
    share, away = Path("share"), Path("away")
    share.rename(away)
    share.touch()
    yield
    share.unlink()
    away.rename(share)


def failover(state: StateManager) -> FailoverStore:
    found = failover_of(state.store)
    assert found is not None
    return found


def test_while_postgresql_is_down_no_local_file_holds_a_value(
    open_runtime: Open, postgres: PostgresServer, postgres_url: str
) -> None:
    """Who has changed the master key, and who has not heard of it, find back afterwards."""
    place = {"url": f"{postgres_url}&connect_timeout=1", "everything": False}
    other = FAILOVER | {"path": "local/other.db"}
    state = open_runtime(failover=FAILOVER, **place).state
    beside = open_runtime(failover=other, **place).state
    state.save("g", "known", SECRET + " known", state_class="sensitive")
    beside.save("g", "beside", "before")
    state.change_master_key(MasterKey(b"n" * 32))
    postgres.kill()
    try:
        assert state.load("g", "known") == SECRET + " known"
        state.save("g", "known", SECRET + " waits", state_class="sensitive")
        state.save_many("g", {"a": SECRET, "b": SECRET * 1000})
        beside.save("g", "beside", SECRET)
        assert failover(state).health()["waiting_writes"] == 2
        assert SECRET.encode() not in everything_on_disk(LOCAL)
    finally:
        postgres.start()
    for each in (state, beside):
        assert failover(each).replay()
    assert state.load_many("g", ["known", "a"]) == {"known": SECRET + " waits", "a": SECRET}
    assert beside.load_many("g", ["known", "beside"]) == {
        "known": SECRET + " waits",
        "beside": SECRET,
    }
    assert SECRET.encode() not in everything_on_disk(LOCAL)


def test_a_conflict_is_kept_sealed(open_runtime: Open) -> None:
    open_runtime(**SHARED).state.save("g", "k", SECRET + " base")
    with outage():
        open_runtime(**SHARED).state.save("g", "k", SECRET + " ours")
    open_runtime(path="share/state.db").state.save("g", "k", SECRET + " theirs")
    state = open_runtime(**SHARED).state
    (conflict,) = failover(state).conflicts()
    assert SECRET.encode() not in everything_on_disk()
    failover(state).keep_ours(conflict.id)
    assert state.load("g", "k") == SECRET + " ours"
    assert SECRET.encode() not in everything_on_disk()


def test_with_hidden_keys_no_file_tells_how_a_key_is_called(open_runtime: Open) -> None:
    hidden: dict[str, Any] = {**SHARED, "security": {"hash_keys": True}}
    state = open_runtime(**hidden).state
    state.save("g", "patient-1", 1)
    with state.lock("g", "patient-lock"):
        assert b"patient" not in everything_on_disk()
    state.close()
    with outage():
        away = open_runtime(**hidden).state
        assert away.load("g", "patient-1") == 1
        away.save("g", "patient-2", 2)
        assert failover(away).health()["waiting_writes"] == 1
        assert b"patient" not in everything_on_disk()
    back = open_runtime(**hidden).state
    assert back.load_many("g", ["patient-1", "patient-2"]) == {"patient-1": 1, "patient-2": 2}
    assert b"patient" not in everything_on_disk()


def test_a_new_master_key_opens_the_local_file_as_well(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_runtime(**SHARED).state.save("g", "k", 1)
    with outage():
        open_runtime(**SHARED).state.save("g", "k", 2)
    state = open_runtime(**SHARED).state
    new = MasterKey(b"n" * 32)
    state.change_master_key(new)
    state.close()
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", new.hex())
    with outage():
        away = open_runtime(**SHARED, key=None).state
        away.save("g", "k", 3)
        assert key_ring_of(away.store) is not None
    assert open_runtime(**SHARED, key=None).state.load("g", "k") == 3


def test_what_waited_before_there_was_a_key_is_sealed_when_there_is_one(
    open_runtime: Open,
) -> None:
    blind: dict[str, Any] = {**SHARED, "key": None, "everything": False}
    open_runtime(**blind).state.save("g", "other", "base")
    with outage():
        runtime = open_runtime(**blind)
        runtime.state.save("g", "k", SECRET)
        runtime.close()
        assert SECRET.encode() in everything_on_disk(LOCAL)
        keyed = open_runtime(**SHARED)
        assert keyed.state.load("g", "k") == SECRET
        keyed.close()
        assert SECRET.encode() not in everything_on_disk(LOCAL)
        with pytest.raises(KeyMissing):
            _ = open_runtime(**blind).state
    assert open_runtime(**SHARED).state.load("g", "k") == SECRET


def test_who_starts_while_the_database_is_away_hashes_and_records_with_its_keys(
    open_runtime: Open,
) -> None:
    place = SHARED | {"sensitive": {"enabled": True, "hash_fields": ["name"]}}
    runtime = open_runtime(**place)
    runtime.state.save("g", "k", {"name": "Ada"})
    hashed = runtime.state.load("g", "k")
    ring = key_ring_of(runtime.state.store)
    runtime.close()
    with outage():
        away = open_runtime(**place).state
        away.save("g", "k", {"name": "Ada"})
        assert failover(away).health()["waiting_writes"] == 1
        assert away.load("g", "k") == hashed
        kept = key_ring_of(away.store)
        assert ring is not None
        assert kept is not None
        assert kept.secret("audit") == ring.secret("audit")


def test_a_local_file_somebody_changed_is_told_and_not_replayed(open_runtime: Open) -> None:
    open_runtime(**SHARED).state.save("g", "k", 1)
    with outage():
        runtime = open_runtime(**SHARED)
        runtime.state.save("g", "k", 2)
        runtime.close()
    place = "\x01failover.waiting"
    with closing(sqlite3.connect("local/failover.db")) as database, database:
        forged = pack(["token", [None, None, None], [], []])
        change = "UPDATE entries SET blob = ? WHERE scope = ?"
        assert database.execute(change, (forged, place)).rowcount == 1
    error = failover(open_runtime(**SHARED).state).health()["last_error"]
    assert error["reason"] == "integrity_failed"
    assert open_runtime(path="share/state.db").state.load("g", "k") == 1


def test_a_local_file_of_another_master_key_is_named(open_runtime: Open, tmp_path: Path) -> None:
    open_runtime(**SHARED, key=another_key(tmp_path)).close()
    with outage():
        open_runtime(**SHARED, key=another_key(tmp_path)).state.save("g", "k", 1)
    with pytest.raises(WrongKey, match=r"local/failover\.db"):
        _ = open_runtime(**SHARED).state
