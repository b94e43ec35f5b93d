"""What a restore does and tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmspell.backup.identity import store_id_of
from llmspell.backup.model import BackupEvent
from llmspell.backup.restoring import RestoreOptions, Writable, restore
from llmspell.errors import LlmSpellError, RestoreFailed
from llmspell.security.keys.master import MasterKey
from llmspell.store import Delete, Put, Ref, Store, open_store
from llmspell.store.codec import confidential, decode, encode, is_confidential
from llmspell.store.opening import add_layers
from llmspell.store.sealed.sealing import Sealing

from .histories import BackUp, History, Remove, Save, Sweep, living, stored, without_versions


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Two entries and a full backup; then one was changed, one removed, one added."""
    history = History(tmp_path)
    history.run(
        [
            Save("global", "a", 1),
            Save("user:1", "b", 1),
            BackUp("full"),
            Save("global", "a", 2),
            Remove("user:1", "b"),
            Save("user:2", "c", 1),
        ]
    )
    return history


def values(store: Store) -> dict[tuple[str, str], Any]:
    return {address: decode(row.blob)["n"] for address, row in stored(store).items()}


THEN = {("global", "a"): 1, ("user:1", "b"): 1}
NOW = {("global", "a"): 2, ("user:2", "c"): 1}


def test_without_options_the_latest_backup_replaces_everything(history: History) -> None:
    done = history.restore()
    assert values(history.store) == THEN
    assert (done.status, done.restored, done.deleted) == ("restored", 2, 1)
    assert done.backup_id == history.backups[0][0].id


def test_a_dry_run_says_what_would_become_of_which_entry(history: History) -> None:
    told = history.restore(dry_run=True).to_dict()
    assert values(history.store) == NOW
    assert told["status"] == "dry_run"
    assert sorted(told["changes"], key=lambda change: change["key"]) == [
        {"scope": "global", "key": "a", "action": "replace"},
        {"scope": "user:1", "key": "b", "action": "create"},
        {"scope": "user:2", "key": "c", "action": "delete"},
    ]


def test_a_dry_run_of_an_empty_store_says_it_too(history: History) -> None:
    done = history.restore(open_store("memory"), dry_run=True)
    assert [change["action"] for change in done.changes] == ["create", "create"]
    assert done.restored == 2


def test_what_came_later_stays_when_it_is_asked_for(history: History) -> None:
    done = history.restore(delete_extra=False)
    assert values(history.store) == THEN | {("user:2", "c"): 1}
    assert done.deleted == 0


def test_a_restored_entry_has_its_own_times_and_the_journal_that_of_the_restore(
    history: History,
) -> None:
    history.restore()
    (made, model) = history.backups[0]
    (row,) = history.store.read([Ref("global", "a")])
    then = model["global", "a"]
    assert row is not None
    assert row[3:] == then[3:]
    assert row.version == 3
    (change,) = history.store.history(Ref("global", "a"), limit=1)
    assert (change.op, change.run_id) == ("put", f"restore:{made.id}")
    assert change.at > then.updated_at


def test_the_time_before_a_restore_can_be_gone_back_to(history: History) -> None:
    before = history.store.span().last
    history.restore()
    assert values(history.store) == THEN
    history.restore(seq=before)
    assert values(history.store) == NOW


def test_what_was_restored_has_its_times_in_later_points_too(history: History) -> None:
    history.restore()
    restored = stored(history.store)
    after = history.store.span().last
    history.store.write([Delete("user:1", "b", history.now)])
    empty = open_store("memory")
    history.restore(empty, seq=after, scope="global")
    assert stored(empty) == {a: row for a, row in restored.items() if a[0] == "global"}


def test_a_backup_of_a_scope_touches_no_other(history: History) -> None:
    made = history.create("scope", scope="global")
    history.store.write([Delete("global", "a", history.now), Delete("user:2", "c", history.now)])
    history.store.write([Put("global", "later", encode({"n": 9}), history.now)])
    done = history.restore(backup_id=made.id)
    assert values(history.store) == {("global", "a"): 2}
    assert (done.restored, done.deleted) == (1, 1)


def test_an_ephemeral_entry_is_none_that_came_later(history: History) -> None:
    layered = add_layers(history.store, flush_ms=10)
    layered.write([Put("global", "mine", encode({"n": 5}), history.now, state_class="ephemeral")])
    for options in ({}, {"scope": "global"}, {"scope": "global", "keys": ("mine", "a")}):
        done = history.restore(layered, **options)
        assert layered.read([Ref("global", "mine")]) != [None]
        assert history.restore(layered, **options).status == "nothing_to_do"
        assert done.failed == 0


def test_what_has_expired_by_now_stays_away_and_is_counted(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.run(
        [Save("global", "a", 1, lives_s=9), Save("global", "b", 1), BackUp("full"), Sweep()]
    )
    empty = open_store("memory")
    done = history.restore(empty)
    assert (done.restored, done.expired) == (1, 1)
    assert stored(empty) == living(history.backups[0][1])


def test_progress_is_told_up_to_the_end(history: History) -> None:
    events: list[BackupEvent] = []
    made = history.backups[0][0]
    options = RestoreOptions(verify=False)
    restore(open_store("memory"), history.catalogue, None, options, on_event=events.append)
    assert events[0] == BackupEvent("started", "restore", made.id, 0, 2)
    assert events[-1] == BackupEvent("finished", "restore", made.id, 2, 2)


# Entries that cannot be restored ---------------------------------------------------------------


def secret_history(tmp_path: Path) -> History:
    history = History(tmp_path)
    history.store = open_store("memory", sealing=Sealing(MasterKey(b"m" * 32)))
    history.store_id = None
    secret = Put("global", "secret", confidential(encode({"n": 7})), 1, 1, "sensitive")
    history.store.write([secret, Put("global", "open", encode({"n": 1}), 1)])
    history.create("full")
    return history


def test_a_secret_is_not_restored_to_a_store_without_a_key(tmp_path: Path) -> None:
    history = secret_history(tmp_path)
    empty = open_store("memory")
    with pytest.raises(RestoreFailed) as caught:
        history.restore(empty)
    assert stored(empty) == {}
    assert caught.value.details["key"] == "secret"
    assert caught.value.details["reason"] == "key_missing"
    assert "LLMSPELL_MASTER_KEY" in (caught.value.hint or "")


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_restored_is_left_as_it_is_if_one_asks_for_it(
    tmp_path: Path, dry_run: bool
) -> None:
    history = secret_history(tmp_path)
    other = open_store("memory")
    other.write([Put("global", "secret", encode({"n": 0}), 1)])
    done = history.restore(other, on_error="skip", dry_run=dry_run)
    assert (done.restored, done.failed, done.deleted) == (1, 1, 0)
    assert [(error["key"], error["code"]) for error in done.errors] == [("secret", "key_missing")]
    assert values(other)["global", "secret"] == 0


def test_a_secret_is_sealed_anew_where_it_is_restored(tmp_path: Path) -> None:
    history = secret_history(tmp_path)
    other = open_store("memory", sealing=Sealing(MasterKey(b"n" * 32)))
    restore(other, history.catalogue, None, writable=Writable(has_key=True))
    (row,) = other.read([Ref("global", "secret")])
    assert row is not None
    assert is_confidential(row.blob)
    assert values(other) == {("global", "secret"): 7, ("global", "open"): 1}


def test_what_only_another_store_encrypts_is_written_as_this_one_writes_it(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.store.write([Put("global", "a", encode({"n": 1}), 1)])
    history.create("full")
    every = open_store("memory", sealing=Sealing(MasterKey(b"n" * 32), everything=True))
    restore(every, history.catalogue, None, writable=Writable(has_key=True, encrypts_all=True))
    (row,) = every.read([Ref("global", "a")])
    assert row is not None
    assert is_confidential(row.blob)
    history.store, history.store_id = every, None
    made = history.create("full")
    some = open_store("memory", sealing=Sealing(MasterKey(b"o" * 32)))
    restore(some, history.catalogue, made.id, writable=Writable(has_key=True))
    assert values(some) == {("global", "a"): 1}


def test_an_entry_that_may_not_be_written_ends_the_restore(history: History) -> None:
    def check(row: Any) -> None:
        if row.key == "b":
            raise LlmSpellError("it is not allowed")

    empty = open_store("memory")
    with pytest.raises(RestoreFailed, match=r"'b' in scope 'user:1'.*not allowed"):
        restore(empty, history.catalogue, None, writable=Writable(check=check))
    assert stored(empty) == {}


# Stores of every kind --------------------------------------------------------------------------

_HIDING = {"everything": True, "every_blob": True, "hides_keys": True}
_KINDS: dict[str, dict[str, Any]] = {
    "memory": {"backend": "memory"},
    "rocksdb": {"backend": "rocksdb"},
    "relaxed": {"backend": "sqlite", "durability": "relaxed"},
    "hidden": {"backend": "sqlite", "sealing": Sealing(MasterKey(b"k" * 32), **_HIDING)},
}


@pytest.mark.parametrize("kind", _KINDS)
def test_backups_and_journal_of_a_store_lead_it_back_to_any_position(
    tmp_path: Path, kind: str
) -> None:
    history = History(tmp_path)
    options = dict(_KINDS[kind])
    backend = options.pop("backend")
    history.store = store = open_store(backend, path=tmp_path / "state.db", **options)
    history.store_id = store_id_of(store, store.write)
    then: dict[int, Any] = {}
    base = None
    for number in range(6):
        blob = encode({"n": number}, confidential=kind == "hidden")
        store.write([Put("global", key, blob, history.now) for key in ("a", f"k{number}")])
        store.write([Delete("global", f"k{number - 2}", history.now)])
        then[store.span().last] = without_versions(stored(store))
        if number < 4:
            base = history.create("incremental" if base else "full", base=base)
    writable = Writable(has_key=kind == "hidden", encrypts_all=kind == "hidden")
    for seq, entries in then.items():
        point = RestoreOptions(seq=seq)
        told: dict[str, Any] = {"writable": writable, "store_id": history.store_id}
        restore(store, history.catalogue, None, point, **told)
        assert without_versions(stored(store)) == entries
    store.close()
