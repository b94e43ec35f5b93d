"""What is encrypted cannot be found in any file, nor in the memory of a worker."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Config, Runtime
from llmspell.errors import KeyMissing
from llmspell.state.manager import StateManager

from .conftest import everything_on_disk, rows_of

SECRET = "correct horse battery staple"
Open = Callable[..., Runtime]

SAVES = {
    "lua": "State.save('user:1', 'note', INPUT) return State.load('user:1', 'note')",
    "js": "await State.save('user:1', 'note', INPUT); return await State.load('user:1', 'note');",
}


@pytest.mark.parametrize("cipher", ["aes-256-gcm", "chacha20-poly1305", "aes-256-ctr"])
@pytest.mark.parametrize("engine", ["lua", "js"])
def test_no_file_holds_what_a_script_saved(open_runtime: Open, engine: str, cipher: str) -> None:
    runtime = open_runtime(security={"encryption_algorithm": cipher})
    for text in (SECRET, SECRET * 1000):
        assert runtime.execute(SAVES[engine], engine=engine, input=text).value == text
        assert SECRET.encode() not in everything_on_disk()  # the write-ahead log is there, too
    runtime.close()
    assert SECRET.encode() not in everything_on_disk()
    assert open_runtime().state.load("user:1", "note") == SECRET * 1000


def test_a_rocksdb_folder_holds_nothing_of_it(open_runtime: Open) -> None:
    runtime = open_runtime(backend="rocksdb", path="rocks")
    runtime.state.save("g", "k", SECRET)
    runtime.close()
    assert SECRET.encode() not in everything_on_disk()
    assert open_runtime(backend="rocksdb", path="rocks").state.load("g", "k") == SECRET


def test_history_and_deleted_values_are_encrypted_like_the_others(state: StateManager) -> None:
    state.save("g", "k", SECRET + " 1")
    state.save_many("g", {"k": SECRET + " 2", "other": SECRET})
    state.save("g", "soon", SECRET, ttl=60)
    state.delete("g", "k")
    assert [version.value for version in state.history("g", "k", values=True)][1:] == [
        SECRET + " 2",
        SECRET + " 1",
    ]
    state.revert("g", "k", 1)
    assert state.load("g", "k") == SECRET + " 1"
    assert SECRET.encode() not in everything_on_disk()


def test_metadata_tells_what_is_encrypted(open_runtime: Open) -> None:
    runtime = open_runtime(everything=False)
    script = """
        local plain = State.save("g", "plain", 1)
        local secret = State.save("g", "secret", 2, { class = "sensitive" })
        return { plain.encrypted, secret.encrypted, State.get_metadata("g", "secret").encrypted }
    """
    assert runtime.execute(script, engine="lua").value == [False, True, True]
    assert open_runtime(everything=False).state.get_metadata("g", "secret").encrypted is True


def test_without_encryption_of_everything_only_sensitive_values_are(open_runtime: Open) -> None:
    state = open_runtime(everything=False).state
    state.save("g", "open", "in the open")
    state.save("g", "secret", SECRET, state_class="sensitive")
    stored = everything_on_disk()
    assert b"in the open" in stored
    assert SECRET.encode() not in stored


def test_an_update_keeps_a_sensitive_value_encrypted(open_runtime: Open) -> None:
    state = open_runtime(everything=False).state
    state.save("g", "k", SECRET, state_class="sensitive", ttl=60)
    assert state.update("g", "k", lambda text: text + "!") == SECRET + "!"
    with state.transaction() as tx:
        tx.save("g", "in tx", tx.load("g", "k"), state_class="sensitive")
    metadata = state.get_metadata("g", "k")
    assert metadata is not None
    assert (metadata.encrypted, metadata.state_class) == (True, "sensitive")
    assert SECRET.encode() not in everything_on_disk()


def test_class_sensitive_is_refused_without_a_key_and_nothing_is_stored(
    open_runtime: Open,
) -> None:
    state = open_runtime(key=None, everything=False).state
    with pytest.raises(KeyMissing) as caught:
        state.save("g", "k", SECRET, state_class="sensitive")
    assert SECRET not in str(caught.value.to_dict())
    assert state.list_keys("g") == []
    assert SECRET.encode() not in everything_on_disk()


def test_a_rollback_gives_encrypted_values_back_encrypted(state: StateManager) -> None:
    state.save("g", "k", SECRET)
    mark = state.checkpoint()
    state.save("g", "k", "another")
    state.rollback(mark)
    assert state.load("g", "k") == SECRET
    assert SECRET.encode() not in everything_on_disk()


def test_scopes_keys_times_and_sizes_are_in_the_open(state: StateManager) -> None:
    state.save("user:1", "note", SECRET)
    ((scope, key, version),) = rows_of("entries WHERE scope = 'user:1'", "scope, key, version")
    assert (scope, key, version) == ("user:1", "note", 1)


def test_two_equal_values_do_not_look_equal(state: StateManager) -> None:
    for key in ("a", "b", "c"):
        state.save("g", key, SECRET)
    blobs = [blob for (blob,) in rows_of("entries WHERE scope = 'g'", "blob")]
    assert len({blob[6:] for blob in blobs}) == 3


def test_a_worker_knows_no_key_and_no_value_it_was_not_given(key_file: Path) -> None:
    config = Config(
        state={
            "path": "state.db",
            "security": {"encryption_enabled": True, "key_file": str(key_file)},
        },
        sandbox={"isolation": "process"},
    )
    with Runtime(config, isolation="process") as runtime:
        runtime.state.save("g", "k", SECRET)
        assert runtime.state.load("g", "k") == SECRET
        seen: list[bool] = []

        def look(text: str) -> None:
            for worker in _processes_below(os.getpid()):
                memory = _memory_of(worker)
                seen.append(SECRET.encode() in memory or bytes.fromhex("5a" * 32) in memory)

        with Runtime(config, isolation="process", stdout=look) as observed:
            observed.execute("print('look now')", engine="lua")
            assert seen
            assert not any(seen)
            # Looking this way does find what a worker was given.
            observed.execute("local given = INPUT print('look now')", engine="lua", input=SECRET)
            assert any(seen)


def _processes_below(parent: int) -> list[int]:
    """Return the processes that descend from one."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [parent]
    for process in found:
        found += [child for child, above in parents.items() if above == process]
    return found[1:]


def _memory_of(process: int) -> bytes:
    """Return all that can be read of the memory of a process."""
    memory = b""
    try:
        maps = Path(f"/proc/{process}/maps").read_text()
        with open(f"/proc/{process}/mem", "rb", buffering=0) as file:
            for first, last in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
                try:
                    file.seek(int(first, 16))
                    memory += file.read(int(last, 16) - int(first, 16))
                except (OSError, OverflowError, ValueError):
                    continue
    except OSError:
        return b""
    return memory
