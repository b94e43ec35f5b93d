"""Keys: where they come from, rotating them while others work, and every way to get it wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Config, Runtime
from llmspell.errors import ConfigError, KeyMissing, VersionConflict, WrongKey
from llmspell.security.keys.master import MasterKey, Passphrase
from llmspell.state.manager import StateManager

from .conftest import everything_on_disk, rows_of

Open = Callable[..., Runtime]


def another_key(folder: Path, digits: str = "6b") -> Path:
    """Write another key file."""
    path = folder / f"{digits}.key"
    path.write_text(digits * 32)
    path.chmod(0o600)
    return path


def keys_used(state: StateManager) -> dict[str, int]:
    """Return how many values each key encrypts; "" those in the open."""
    used: dict[str, int] = {}
    for step in state.verify_keys():
        assert step.problems == ()
        for key, count in step.values.items():
            used[key] = used.get(key, 0) + count
    return used


def reencrypt(state: StateManager, **options: bool) -> int:
    """Encrypt everything anew and return how many values that were."""
    return sum(step.sealed for step in state.reencrypt(**options))


# Where the master key comes from ------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["5a" * 32, "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=", " " + "5A" * 32]
)
def test_the_environment_gives_the_key_in_two_notations(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    open_runtime().state.save("g", "k", "value")
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", text)
    assert open_runtime(key=None).state.load("g", "k") == "value"


def test_the_environment_wins_over_the_file(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_runtime().state.save("g", "k", "value")
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "6b" * 32)
    with pytest.raises(WrongKey):
        _ = open_runtime().state


@pytest.mark.parametrize("derivation", ["argon2id", "pbkdf2"])
def test_a_passphrase_is_a_key(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch, derivation: str
) -> None:
    monkeypatch.setenv("LLMSPELL_PASSPHRASE", "correct horse battery")
    security = {"key_derivation": derivation, "pbkdf2_iterations": 100_000}
    open_runtime(key=None, security=security).state.save("g", "k", "value")
    # How it was derived stands in the store: whoever opens it need not know.
    assert open_runtime(key=None).state.load("g", "k") == "value"
    monkeypatch.setenv("LLMSPELL_PASSPHRASE", "correct horse batterz")
    with pytest.raises(WrongKey) as caught:
        _ = open_runtime(key=None).state
    assert "horse" not in str(caught.value.to_dict())


def test_a_program_without_configuration_encrypts_what_is_sensitive_with_the_key_it_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "5a" * 32)
    with Runtime() as runtime:
        metadata = runtime.state.save("g", "k", "my secret", state_class="sensitive")
        assert metadata.encrypted
        assert runtime.state.load("g", "k") == "my secret"
    assert b"my secret" not in everything_on_disk()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("5a" * 31, "expected"),
        ("zz" * 32, "expected"),
        ("short", "expected"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, text: str, complaint: str
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", text)
    with Runtime() as runtime, pytest.raises(ConfigError, match=complaint) as caught:
        _ = runtime.state
    assert not text or text not in str(caught.value.to_dict())
    assert not Path(".llmspell").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_others_can_use_is_refused(
    open_runtime: Open, key_file: Path, mode: int
) -> None:
    key_file.chmod(mode)
    with pytest.raises(ConfigError, match="others"):
        _ = open_runtime().state


def test_encryption_without_a_key_is_refused_before_anything_is_made(open_runtime: Open) -> None:
    with pytest.raises(KeyMissing, match="master key"):
        _ = open_runtime(key=None).state
    assert not Path("state.db").exists()


# The wrong key, and no key ------------------------------------------------------------------


def test_another_key_opens_nothing_and_harms_nothing(open_runtime: Open, tmp_path: Path) -> None:
    open_runtime().state.save("g", "k", "value")
    before = rows_of("entries")
    with pytest.raises(WrongKey):
        _ = open_runtime(key=another_key(tmp_path)).state
    assert rows_of("entries") == before
    assert open_runtime().state.load("g", "k") == "value"


def test_an_encrypted_store_is_not_opened_without_a_key(open_runtime: Open) -> None:
    open_runtime().state.save("g", "k", "value")
    with pytest.raises(KeyMissing):
        _ = open_runtime(key=None, everything=False).state


def test_without_the_key_what_is_not_sensitive_can_still_be_used(open_runtime: Open) -> None:
    state = open_runtime(everything=False).state
    state.save("g", "open", 1)
    state.save("g", "secret", 2, state_class="sensitive")
    blind = open_runtime(key=None, everything=False).state
    blind.save("g", "open", blind.load("g", "open") + 1)
    with pytest.raises(KeyMissing):
        blind.load("g", "secret")
    metadata = blind.get_metadata("g", "secret")
    assert metadata is not None
    assert (metadata.state_class, metadata.encrypted) == ("sensitive", True)
    mark = blind.checkpoint()
    blind.delete("g", "secret")
    with pytest.raises(KeyMissing):
        blind.rollback(mark)
    assert open_runtime(everything=False).state.load("g", "open") == 2


def test_a_store_that_encrypts_everything_goes_on_to_do_so(open_runtime: Open) -> None:
    open_runtime().state.save("g", "a", "first value")
    later = open_runtime(everything=False).state
    assert later.save("g", "b", "second value").encrypted
    assert b"second value" not in everything_on_disk()


# Rotation -----------------------------------------------------------------------------------


def test_after_a_rotation_old_values_are_readable_and_new_ones_have_the_new_key(
    state: StateManager,
) -> None:
    state.save("g", "old", 1)
    old = state.key_facts().keys[-1].id
    new = state.rotate_key().id
    state.save("g", "new", 2)
    assert (state.load("g", "old"), state.load("g", "new")) == (1, 2)
    assert keys_used(state) == {old: 2, new: 2}  # each in the entry and in the journal
    assert reencrypt(state) == 2
    assert keys_used(state) == {new: 4}
    assert (state.load("g", "old"), state.load("g", "new")) == (1, 2)
    assert reencrypt(state) == 0


def test_encrypting_anew_changes_no_version_no_time_and_no_history(state: StateManager) -> None:
    for value in range(5):
        state.save("g", "k", value, ttl=3600)
    state.delete("g", "k")
    state.save("g", "k", "last")
    before = (
        state.get_metadata("g", "k"),
        state.history("g", "k", values=True),
        state.store.span(),
        rows_of("entries WHERE scope = 'g'", "version, created_at, updated_at, expires_at"),
    )
    state.rotate_key()
    assert reencrypt(state) == 7
    after = (
        state.get_metadata("g", "k"),
        state.history("g", "k", values=True),
        state.store.span(),
        rows_of("entries WHERE scope = 'g'", "version, created_at, updated_at, expires_at"),
    )
    assert after == before


def test_values_from_before_encryption_are_readable_until_they_are_encrypted(
    open_runtime: Open,
) -> None:
    open_runtime(key=None, everything=False).state.save("g", "k", "from before")
    state = open_runtime().state
    assert state.load("g", "k") == "from before"
    assert not state.key_facts().complete
    assert reencrypt(state) == 2
    assert state.load("g", "k") == "from before"
    assert state.key_facts().complete
    state.close()
    assert b"from before" not in everything_on_disk()


def test_what_has_expired_does_not_stay_in_the_open_unseen(open_runtime: Open) -> None:
    open_runtime(key=None, everything=False).state.save("g", "k", "from before", ttl=0.001)
    state = open_runtime().state
    while state.key_exists("g", "k"):
        time.sleep(0.001)
    reencrypt(state)
    state.close()
    assert b"from before" not in everything_on_disk()


def test_the_cipher_can_be_changed(open_runtime: Open) -> None:
    open_runtime(security={"encryption_algorithm": "aes-256-gcm"}).state.save("g", "k", "value")
    state = open_runtime(security={"encryption_algorithm": "chacha20-poly1305"}).state
    assert state.load("g", "k") == "value"
    assert reencrypt(state) == 2
    ((blob,),) = rows_of("entries WHERE scope = 'g'", "blob")
    assert blob[1] == 2
    assert open_runtime().state.load("g", "k") == "value"


def test_another_process_reads_and_writes_across_a_rotation(open_runtime: Open) -> None:
    one, two = open_runtime().state, open_runtime().state
    two.save("g", "before", 1)
    new = one.rotate_key().id
    one.save("g", "after", 2)
    assert two.load("g", "after") == 2  # it fetches the key it does not know
    two.save("g", "later", 3)
    assert one.load_many("g", ["before", "after", "later"]) == {"before": 1, "after": 2, "later": 3}
    assert new in keys_used(two)


def test_two_rotations_at_once_leave_one_ring_that_opens_everything(open_runtime: Open) -> None:
    states = [open_runtime().state for _ in range(3)]
    for number, state in enumerate(states):
        state.save("g", f"k{number}", number)
        state.rotate_key()
        state.save("g", f"l{number}", number)
    assert len(states[0].key_facts().keys) == 4
    fresh = open_runtime().state
    for state in (*states, fresh):
        assert state.load_many("g", state.list_keys("g")) == {
            **{f"k{number}": number for number in range(3)},
            **{f"l{number}": number for number in range(3)},
        }


def test_a_rotation_that_meets_another_changes_nothing_and_says_so(open_runtime: Open) -> None:
    one, two = open_runtime().state, open_runtime().state
    keeper = one._keeper()
    ring = keeper.ring
    two.rotate_key()
    with pytest.raises(VersionConflict):
        keeper.change(lambda _: ring.rotated(keeper.now()))
    assert len(two.key_facts().keys) == 2


def test_a_new_key_is_made_at_its_age_and_not_when_the_clock_goes_back() -> None:
    from llmspell.store import open_store
    from llmspell.store.sealed.sealing import Sealing

    sealing = Sealing(MasterKey(b"k" * 32), everything=True, rotation_days=1)
    day = 24 * 3600 * 1_000_000
    for now, keys in ((10 * day, 1), (5 * day, 1), (12 * day, 2), (1 * day, 2)):
        store = open_store(
            "sqlite", path=Path("clock.db"), sealing=sealing, clock=lambda now=now: now
        )  # type: ignore[misc]
        state = StateManager(store)
        assert len(state.key_facts().keys) == keys
        state.increment("g", "k")
        state.close()


@pytest.mark.parametrize(
    "new",
    [
        MasterKey(b"n" * 32),
        Passphrase("several random words", derivation="pbkdf2", pbkdf2_iterations=100_000),
    ],
)
def test_the_master_key_can_be_changed_without_touching_a_value(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch, new: MasterKey | Passphrase
) -> None:
    state = open_runtime().state
    state.save("g", "k", "value")
    before = rows_of("entries WHERE scope = 'g'")
    state.change_master_key(new)
    assert rows_of("entries WHERE scope = 'g'") == before
    state.save("g", "l", "value")
    with pytest.raises(WrongKey):
        _ = open_runtime().state
    if isinstance(new, MasterKey):
        monkeypatch.setenv("LLMSPELL_MASTER_KEY", new.hex())
    else:
        monkeypatch.setenv("LLMSPELL_PASSPHRASE", "several random words")
    assert open_runtime(key=None).state.load_many("g", ["k", "l"]) == {"k": "value", "l": "value"}


# It waits for the kill before three such programs could have done all the work.
_REENCRYPTS = """
import time
from llmspell import Config, Runtime
config = Config(state={"path": "state.db", "security": {"encryption_enabled": True, "key_file": "master.key"}})
with Runtime(config) as runtime:
    for number, step in enumerate(runtime.state.reencrypt()):
        print(step.share, flush=True)
        if number == 8:
            time.sleep(60)
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(open_runtime: Open) -> None:
    state = open_runtime().state
    values = {f"k{number:04}": "v" * 50 for number in range(3000)}
    state.save_many("g", values)
    new = state.rotate_key().id
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _REENCRYPTS], stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert state.load_many("g", values) == values
    done = keys_used(state)[new]
    assert done >= 3 * 3 * 200
    first = next(iter(state.reencrypt()))
    assert first.share > 0.05
    reencrypt(state)
    assert keys_used(state) == {new: 6000}
    assert state.load_many("g", values) == values


def test_writers_go_on_while_everything_is_encrypted_anew(open_runtime: Open) -> None:
    state, writer = open_runtime().state, open_runtime().state
    state.save_many("g", {f"k{number}": 0 for number in range(1000)})
    state.rotate_key()
    written = 0
    for step in state.reencrypt():
        assert step.problems == ()
        for number in (1, 500, 999):
            assert writer.increment("g", f"k{number}") == written + 1
        written += 1
    for number in (1, 500, 999):
        assert state.load("g", f"k{number}") == written
    assert sum(keys_used(state).values()) == 1000 + state.store.span().rows


def test_what_does_not_open_is_told_and_left_as_it_is(open_runtime: Open) -> None:
    from .test_tampering import blob_of, put_blob

    state = open_runtime().state
    state.save_many("g", {"a": 1, "b": 2, "c": 3})
    put_blob("b", blob_of("a"))
    damaged = blob_of("b")
    state.rotate_key()
    problems = [problem for step in state.reencrypt() for problem in step.problems]
    assert [(problem.key, problem.seq) for problem in problems] == [("b", None)]
    assert blob_of("b") == damaged
    fresh = open_runtime().state
    assert fresh.load_many("g", ["a", "c"]) == {"a": 1, "c": 3}


def test_grants_are_encrypted_with_the_newest_key_as_well(state: StateManager) -> None:
    state.grant("ada", "read", "secret-project:*")
    assert b"secret-project" not in everything_on_disk()
    state.rotate_key()
    assert reencrypt(state) >= 1
    assert [grant.actor for grant in state.list_grants()] == ["ada"]


@pytest.mark.parametrize("backend", ["rocksdb", "memory"])
def test_other_backends_rotate_as_well(open_runtime: Open, backend: str) -> None:
    state = open_runtime(backend=backend, path="elsewhere").state
    state.save_many("g", {f"k{number}": number for number in range(500)})
    new = state.rotate_key().id
    assert reencrypt(state) == 1000
    assert keys_used(state) == {new: 1000}
    assert state.load("g", "k7") == 7


def test_without_encryption_there_are_no_keys_to_look_after(open_runtime: Open) -> None:
    state = open_runtime(key=None, everything=False).state
    for use in (state.key_facts, state.rotate_key, state.reencrypt, state.verify_keys):
        with pytest.raises(KeyMissing):
            use()


def test_configuration_objects_hold_no_key(key_file: Path) -> None:
    config = Config(state={"security": {"encryption_enabled": True, "key_file": str(key_file)}})
    assert "5a5a" not in repr(config) + config.to_toml()
