"""Making backups: what is refused, what goes wrong, what others may do meanwhile."""

import datetime as dt
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.backup import CountBased
from llmspell.backup.chain import Catalogue
from llmspell.backup.model import BackupEvent, Manifest
from llmspell.backup.verifying import verify
from llmspell.config import load_config
from llmspell.errors import (
    BackupBaseMissing,
    BackupDamaged,
    BackupError,
    BackupInUse,
    BackupNotFound,
    BackupRunning,
    ConfigError,
    FeatureUnavailable,
    InvalidArgument,
    KeyMissing,
    PointUnreachable,
    RestoreFailed,
    UnsupportedBackup,
    WrongKey,
)

Open = Callable[..., Runtime]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    runtimes: list[Runtime] = []

    def opened(name: str = "state.db", **settings: Any) -> Runtime:
        chosen: dict[str, Any] = {
            "state.path": str(tmp_path / name),
            "state.backup.enabled": True,
            "state.backup.backup_dir": str(tmp_path / "backups"),
        }
        chosen |= {f"state.{key.replace('__', '.')}": value for key, value in settings.items()}
        runtimes.append(Runtime(load_config(environ={}, overrides=chosen)))
        return runtimes[-1]

    yield opened
    for runtime in runtimes:
        runtime.close()


def folder_of(runtime: Runtime, backup: Manifest) -> Path:
    return Path(runtime.backups.repository.location) / backup.id


# Damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_every_flipped_bit_of_a_backup_is_found(
    opened: Open, monkeypatch: pytest.MonkeyPatch, is_encrypted: bool
) -> None:
    if is_encrypted:
        monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    runtime = opened()
    runtime.state.save("global", "k", {"n": 1})
    made = runtime.state.create_backup()
    repository, key = runtime.backups.repository, runtime.backups.key_of(made)
    for file in folder_of(runtime, made).iterdir():
        whole = file.read_bytes()
        # Every bit of the chunk; of the manifest, which has a test of its own, some of each kind.
        for bit in range(0, len(whole) * 8, 1 if file.name.startswith("chunk") else 61):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            file.write_bytes(flipped)
            assert not verify(Catalogue(repository), made.id, lambda _: key).valid
        file.write_bytes(whole)
    assert runtime.state.validate_backup(made.id).valid


def test_a_missing_chunk_is_named_and_nothing_is_restored(opened: Open) -> None:
    runtime = opened()
    runtime.state.save("global", "k", 1)
    made = runtime.state.create_backup()
    (folder_of(runtime, made) / made.chunks[0].name).unlink()
    found = runtime.state.validate_backup(made.id)
    assert not found.valid
    assert made.chunks[0].name in found.problems[0]
    with pytest.raises(BackupDamaged):
        runtime.state.restore_backup(made.id)
    assert runtime.state.load("global", "k") == 1


def test_a_damaged_manifest_is_told_by_the_health_report_and_can_be_deleted(opened: Open) -> None:
    runtime = opened()
    made = runtime.state.create_backup()
    (folder_of(runtime, made) / "manifest.json").write_text("{}")
    assert runtime.state.list_backups() == []
    assert made.id in runtime.state.backup_health().damaged
    assert not runtime.state.validate_backup(made.id).valid
    runtime.state.delete_backup(made.id)
    assert runtime.state.backup_health().damaged == {}


def test_a_backup_of_a_later_format_says_so(opened: Open) -> None:
    runtime = opened()
    made = runtime.state.create_backup()
    manifest = folder_of(runtime, made) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(UnsupportedBackup, match="format 2"):
        runtime.state.restore_backup(made.id)


# What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"type": "everything"}, "full, incremental, differential, scope"),
        ({"type": None}, "full, incremental, differential, scope"),
        ({"type": "scope"}, "needs a scope"),
        ({"type": "full", "scope": "global"}, "of the whole store"),
        ({"type": "full", "base": "20260131T120000Z-0a1b2c"}, "has no base"),
        ({"type": "incremental", "base": "../../etc"}, "no id of a backup"),
        ({"label": ""}, "1 to 200"),
        ({"label": "a\nb"}, "printable"),
        ({"label": 7}, "printable"),
    ],
)
def test_what_cannot_be_meant_is_refused(opened: Open, arguments: Any, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        opened().state.create_backup(**arguments)
    assert opened().state.list_backups() == []


def test_an_incremental_backup_needs_one_to_go_on_from(opened: Open) -> None:
    state = opened().state
    state.save("global", "k", 1)
    with pytest.raises(BackupBaseMissing, match=r"made from one of type full"):
        state.create_backup("incremental")
    with pytest.raises(BackupNotFound):
        state.create_backup("incremental", base="20260131T120000Z-0a1b2c")
    other = opened("other.db").state
    other.save("global", "k", 2)
    theirs = other.create_backup()
    with pytest.raises(BackupBaseMissing, match="another store"):
        state.create_backup("incremental", base=theirs.id)


def test_a_base_whose_journal_was_compacted_will_not_do_unless_it_is_kept(opened: Open) -> None:
    for days, fails in ((0, True), (7, False)):
        runtime = opened(f"s{days}.db", journal__max_changes=1, backup__journal_days=days)
        state = runtime.state
        for number in range(20):
            state.save("global", f"k{number}", number)
        base = state.create_backup()
        for number in range(20):
            state.save("global", f"k{number}", -number)
        list(state.compact())
        if fails:
            with pytest.raises(BackupBaseMissing, match="compacted"):
                state.create_backup("incremental", base=base.id)
        else:
            assert state.create_backup("incremental", base=base.id).entries == 20


def test_without_a_journal_there_are_full_backups_only(opened: Open) -> None:
    state = opened(journal__enabled=False).state
    state.save("global", "k", 1)
    assert state.create_backup().entries == 1
    with pytest.raises(FeatureUnavailable, match="journal"):
        state.create_backup("incremental")


def test_backups_that_are_off_say_how_to_switch_them_on(opened: Open) -> None:
    runtime = opened(backup__enabled=False)
    for call in (runtime.state.create_backup, runtime.state.list_backups, lambda: runtime.backups):
        with pytest.raises(FeatureUnavailable) as caught:
            call()
        assert caught.value.hint == "set state.backup.enabled = true"


def test_what_others_are_made_from_is_not_deleted(opened: Open) -> None:
    state = opened().state
    state.save("global", "k", 1)
    full, more = state.create_backup(), state.create_backup("incremental")
    with pytest.raises(BackupInUse) as caught:
        state.delete_backup(full.id)
    assert caught.value.details["needed_by"] == [more.id]
    state.delete_backup(more.id)
    state.delete_backup(full.id)
    assert state.list_backups() == []


# Others meanwhile --------------------------------------------------------------------------


def test_of_two_at_once_one_is_told_who_the_other_is(opened: Open, tmp_path: Path) -> None:
    first, second = opened(), opened()
    first.state.save("global", "k", 1)
    refused: list[BackupRunning] = []

    def told(event: BackupEvent) -> None:
        if event.kind == "started":
            with pytest.raises(BackupRunning) as caught:
                second.state.create_backup()
            refused.append(caught.value)

    first.state.create_backup(on_event=told)
    assert "make a backup" in refused[0].message
    assert len(second.state.list_backups()) == 1


def test_a_backup_shows_one_moment_of_a_store_that_is_written_to(opened: Open) -> None:
    runtime = opened()
    state = runtime.state
    numbers = [f"k{number}" for number in range(50)]
    state.save_many("global", dict.fromkeys(numbers, 0))
    done = threading.Event()

    def write() -> None:
        with opened() as other:
            count = 0
            while not done.is_set():
                count += 1
                other.state.save_many("global", dict.fromkeys(numbers, count))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [state.create_backup(each) for each in ("full", *["incremental"] * 4)]
    finally:
        done.set()
        writer.join()
    for number, backup in enumerate(made):
        restored = opened(f"restored{number}.db").state
        restored.restore_backup(backup.id)
        assert len({*restored.load_many("global", numbers).values()}) == 1


def test_what_a_callback_raises_ends_the_backup_and_leaves_nothing(opened: Open) -> None:
    runtime = opened()
    runtime.state.save("global", "k", 1)

    def told(event: BackupEvent) -> None:
        if event.kind == "progress":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runtime.state.create_backup(on_event=told)
    assert runtime.state.list_backups() == []
    place = Path(runtime.backups.repository.location)
    assert [file.name for file in place.iterdir() if file.is_dir()] == []
    assert runtime.state.create_backup().entries == 1


def test_progress_is_told_from_the_beginning_to_the_end(opened: Open) -> None:
    state = opened().state
    state.save_many("global", {f"k{number}": number for number in range(2500)})
    events: list[BackupEvent] = []
    made = state.create_backup(on_event=events.append)
    assert [event.kind for event in events] == ["started", *["progress"] * 3, "finished"]
    assert [event.done for event in events] == [0, 1000, 2000, 2500, 2500]
    assert {(event.total, event.id, event.action) for event in events} == {
        (2500, made.id, "create")
    }


_FILLS_THE_DISK = """
import os, resource, signal, sys
from llmspell import Runtime
from llmspell.config import load_config
from llmspell.errors import BackupError
settings = {"state.backend": "memory", "state.backup.enabled": True}
settings |= {"state.backup.backup_dir": sys.argv[1], "state.backup.compression_algorithm": "none"}
with Runtime(load_config(environ={}, overrides=settings)) as runtime:
    runtime.state.save("global", "k", os.urandom(200_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        runtime.state.create_backup()
    except BackupError as error:
        print(error.code, len(runtime.state.list_backups()), len(runtime.state.load("global", "k")))
"""


def test_a_place_without_room_is_an_error_and_nothing_is_left_there(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    done = subprocess.run(
        [sys.executable, "-c", _FILLS_THE_DISK, str(place)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["backup_error", "0", "200000"], done.stderr
    assert [file for file in place.iterdir() if file.is_dir()] == []


# Encryption --------------------------------------------------------------------------------


def test_backups_of_an_encrypted_store_are_encrypted_and_need_its_master_key(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    runtime = opened(security__encryption_enabled=True)
    runtime.state.save("global", "k", "a phrase to look for")
    made = runtime.state.create_backup()
    for file in folder_of(runtime, made).iterdir():
        assert b"phrase" not in file.read_bytes()
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "cd" * 32)
    restored = opened("new.db", security__encryption_enabled=True).state
    with pytest.raises(WrongKey):
        restored.restore_backup(made.id)
    monkeypatch.delenv("LLMSPELL_MASTER_KEY")
    with pytest.raises(KeyMissing):
        opened("open.db").state.restore_backup(made.id)
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    restored = opened("third.db", security__encryption_enabled=True).state
    restored.restore_backup(made.id)
    assert restored.load("global", "k") == "a phrase to look for"


def test_an_encrypted_store_makes_no_backups_in_the_open(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    with pytest.raises(InvalidArgument, match="in the open"):
        opened(backup__encryption="off").state.create_backup()
    monkeypatch.delenv("LLMSPELL_MASTER_KEY")
    with pytest.raises(KeyMissing):
        opened("other.db", backup__encryption="on").state.create_backup()


def test_where_all_are_to_be_encrypted_one_in_the_open_is_not_believed(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = opened("forged.db").state.create_backup()
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    with pytest.raises(RestoreFailed, match="not encrypted"):
        opened(backup__encryption="on").state.restore_backup(forged.id)


def test_what_cannot_be_opened_ends_a_backup_or_is_left_out_and_counted(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    runtime = opened(security__encryption_enabled=True)
    runtime.state.save("global", "good", 1)
    runtime.state.save("global", "bad", 2)
    _damage(runtime, "bad")
    again = opened(security__encryption_enabled=True).state
    with pytest.raises(BackupError, match=r"'bad'.*cannot be backed up"):
        again.create_backup()
    made = again.create_backup(skip_unreadable=True)
    assert (made.entries, made.unreadable) == (1, 1)
    # What is not in it for that reason is no reason to delete it.
    assert again.restore_backup(made.id, pre_restore_backup=False).deleted == 0


def _damage(runtime: Runtime, key: str) -> None:
    path = runtime.config.state.path
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE entries SET blob = CAST(substr(blob, 1, 40) || x'00' AS BLOB) WHERE key = ?",
            (key,),
        )
    connection.close()


# The rest ----------------------------------------------------------------------------------


def test_a_backup_that_pauses_for_others_holds_the_same(opened: Open) -> None:
    state = opened(backup__max_load=0.3).state
    state.save_many("global", {f"k{number}": number for number in range(3000)})
    assert state.create_backup().entries == 3000


def test_backups_are_listed_and_verified_when_the_store_is_lost(
    opened: Open, tmp_path: Path
) -> None:
    with opened() as runtime:
        runtime.state.save("global", "k", 1)
        made = runtime.state.create_backup()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    lost = opened()
    assert [backup.id for backup in lost.backups.list()] == [made.id]
    assert lost.backups.verify(made.id).valid
    assert not (tmp_path / "state.db").exists()
    assert lost.state.restore_backup(made.id).restored == 1
    assert lost.state.load("global", "k") == 1


def test_a_schedule_in_an_embedding_program_makes_what_is_due(opened: Open) -> None:
    runtime = opened(backup__schedule__full="@yearly", backup__schedule__incremental="@yearly")
    runtime.state.save("global", "k", 1)
    scheduler = runtime.schedule_backups()
    assert runtime.schedule_backups() is scheduler
    deadline = time.monotonic() + 30
    while not runtime.backups.list() and time.monotonic() < deadline:
        time.sleep(0.02)
    runtime.close()
    assert [backup.type for backup in opened().backups.list()] == ["full"]


def test_what_was_made_is_not_due_again(opened: Open) -> None:
    runtime = opened(backup__schedule__full="@yearly", backup__schedule__incremental="@yearly")
    state = runtime.state
    state.save("global", "k", 1)
    assert [made.type for made in state.run_due_backups()] == ["full"]
    assert state.run_due_backups() == []


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_stored_grants_come_back_to_a_store_that_never_had_any_and_to_no_other(
    opened: Open, monkeypatch: pytest.MonkeyPatch, is_encrypted: bool
) -> None:
    if is_encrypted:
        monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    state = opened(security__encryption_enabled=is_encrypted).state
    state.save("global", "k", 1)
    granted = state.grant("bob", "read", "user:*")
    made = state.create_backup("full")
    state.grant("eve", "write", "*")
    made_later = state.create_backup("incremental")
    for backup, names in ((made, ["bob"]), (made_later, ["bob", "eve"])):
        lost = opened(f"{backup.id}.db", security__encryption_enabled=is_encrypted).state
        assert lost.restore_backup(backup.id, dry_run=True).grants == len(names)
        assert lost.list_grants() == []
        lost.restore_backup(backup.id)
        assert [grant.actor for grant in lost.list_grants()] == names
    assert state.revoke(granted.id)
    assert state.restore_backup(made.id).grants == 0
    assert [grant.actor for grant in state.list_grants()] == ["eve"]


def test_what_was_restored_agrees_with_the_journal(opened: Open) -> None:
    state = opened().state
    state.save("global", "k", 1)
    made = state.create_backup()
    state.save("global", "k", 2)
    state.restore_backup(made.id)
    assert [step.problems for step in state.verify() if step.problems] == []


def test_the_backup_before_a_restore_goes_if_nothing_was_changed(opened: Open) -> None:
    state = opened().state
    state.save("global", "k", 1)
    made = state.create_backup()
    assert state.restore_backup(made.id).pre_restore_backup_id is None
    with pytest.raises(PointUnreachable):
        state.restore_backup(at="2020-01-01")
    assert [backup.id for backup in state.list_backups()] == [made.id]


def test_without_an_id_a_backup_made_before_a_restore_is_not_meant(opened: Open) -> None:
    state = opened().state
    state.save("global", "k", 1)
    made = state.create_backup()
    state.save("global", "k", 2)
    first = state.restore_backup()
    assert (first.backup_id, state.load("global", "k")) == (made.id, 1)
    assert state.restore_backup().backup_id == made.id
    assert first.pre_restore_backup_id is not None
    state.restore_backup(first.pre_restore_backup_id)
    assert state.load("global", "k") == 2


# A store that was lost --------------------------------------------------------------------


def test_a_new_store_in_the_place_of_a_lost_one_does_not_push_its_backups_out(
    opened: Open, tmp_path: Path
) -> None:
    schedule = {"backup__schedule__full": "@yearly", "backup__retention_days": 1}
    with opened(**schedule) as runtime:
        runtime.state.save("global", "k", 1)
        made = runtime.state.create_backup()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    state = opened(**schedule).state
    with pytest.raises(BackupError, match="nothing in the store") as caught:
        state.run_due_backups()
    assert caught.value.details["reason"] == "new_store"
    empty = state.create_backup()  # by hand it can be meant
    kept = state.cleanup_backups(policy=CountBased(max_backups=1)).kept
    assert {each.id for each in kept} == {made.id, empty.id}
    assert state.backups.latest() == made
    assert state.restore_backup().backup_id == made.id


def test_with_a_wrong_key_no_new_store_is_made(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    with opened() as runtime:
        runtime.state.save("global", "k", 1)
        made = runtime.state.create_backup()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "cd" * 32)
    for backup_id in (made.id, None):
        with pytest.raises(WrongKey):
            opened().backups.restore(backup_id)
    assert list(tmp_path.glob("state.db*")) == []


def test_what_is_nowhere_cannot_be_restored(opened: Open) -> None:
    state = opened().state
    state.save("user:1", "k", 1)
    made = state.create_backup()
    with pytest.raises(RestoreFailed, match="scope 'usr:1'"):
        state.restore_backup(made.id, scope="usr:1")
    with pytest.raises(RestoreFailed, match="with key 'kk'"):
        state.restore_backup(made.id, scope="user:1", keys=["kk"], dry_run=True)
    assert state.restore_backup(made.id, scope="user:1").unchanged == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda state, made: state.restore_backup(made), "not by what is known of it"),
        (lambda state, made: state.restore_backup(made.id, into="other.db"), "a StateManager"),
        (lambda state, made: state.cleanup_backups(policy="count"), "a retention policy"),
        (lambda state, made: state.restore_backup(at=dt.datetime(2026, 1, 1)), "no time zone"),
        (lambda state, made: state.restore_backup(made.id, policy="merge"), "replace, keep, newer"),
        (lambda state, made: state.backups.create(max_load=2), "above 0"),
    ],
)
def test_arguments_of_another_kind_are_told_apart(opened: Open, call: Any, says: str) -> None:
    state = opened().state
    made = state.create_backup()
    with pytest.raises((InvalidArgument, TypeError), match=says):
        call(state, made)


# Found by trying to lose data -------------------------------------------------------------


def test_a_backup_that_was_found_damaged_counts_for_nothing_when_others_are_removed(
    opened: Open,
) -> None:
    runtime = opened()
    runtime.state.save("global", "k", 1)
    good, bad = runtime.state.create_backup(), runtime.state.create_backup()
    chunk = folder_of(runtime, bad) / bad.chunks[0].name
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert not runtime.state.validate_backup(bad.id).valid
    kept = runtime.state.cleanup_backups(policy=CountBased(max_backups=1)).kept
    assert {each.id for each in kept} == {good.id, bad.id}


def test_another_store_loses_nothing_unless_that_is_said(opened: Open) -> None:
    state, other = opened().state, opened("other.db").state
    state.save("global", "k", 1)
    made = state.create_backup()
    other.save("global", "theirs", 1)
    with pytest.raises(InvalidArgument, match="not empty"):
        state.restore_backup(made.id, into=other)
    assert state.restore_backup(made.id, into=other, delete_extra=False).restored == 1
    assert other.list_keys("global") == ["k", "theirs"]
    assert state.restore_backup(made.id, into=other, delete_extra=True).deleted == 1
    assert other.list_keys("global") == ["k"]


def test_two_stores_in_one_place_each_have_their_own_time(opened: Open) -> None:
    schedule = {"backup__schedule__full": "@yearly"}
    first, second = opened(**schedule).state, opened("other.db", **schedule).state
    first.save("global", "k", 1)
    second.save("global", "k", 2)
    assert [made.type for made in first.run_due_backups()] == ["full"]
    assert [made.type for made in second.run_due_backups()] == ["full"]
    assert (first.run_due_backups(), second.run_due_backups()) == ([], [])


def test_differential_backups_find_the_journal_back_to_their_full_one(opened: Open) -> None:
    state = opened(journal__max_changes=1).state
    for number in range(20):
        state.save("global", f"k{number}", number)
    full = state.create_backup()
    for number in range(20):
        state.save("global", f"k{number}", -number)
    state.create_backup("differential")
    list(state.compact())
    state.save("global", "k1", "x")
    assert state.create_backup("differential").base == full.id


def test_a_backup_before_a_restore_lets_no_journal_go(opened: Open) -> None:
    state = opened(journal__max_changes=1).state
    state.save("global", "k", 1)
    made = state.create_backup()
    state.save("global", "k", 2)
    between = dt.datetime.now(dt.UTC)
    state.save("global", "k", 3)
    state.restore_backup(made.id)
    list(state.compact())
    state.restore_backup(at=between)
    assert state.load("global", "k") == 2


def test_what_waits_for_backups_is_told_that_none_are_scheduled(opened: Open) -> None:
    runtime = opened()
    for wait in (runtime.schedule_backups, runtime.state.run_due_backups):
        with pytest.raises(ConfigError, match="no backups are scheduled"):
            wait()
