"""Several programs have one store open, and one of them changes what is encrypted, or the keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import IntegrityFailed, KeyMissing, WrongKey
from llmspell.security.keys.master import MasterKey
from llmspell.store.base import Put
from llmspell.store.server.open import open_server

from .conftest import everything_on_disk, forge, rows_of
from .test_keys import keys_used, reencrypt

Open = Callable[..., Runtime]
BLIND: dict[str, Any] = {"key": None, "everything": False}


@pytest.fixture(params=["sqlite", "postgresql", "portable"])
def open_shared(request: pytest.FixtureRequest, open_runtime: Open) -> Open:
    """Open the same store again and again, on each backend that several programs can share."""
    place: dict[str, Any] = {"path": "state.db"}
    if request.param == "postgresql":
        place = {"url": request.getfixturevalue("postgres_url")}
    elif request.param == "portable":
        place = {"url": "sqlite+pysqlite:///portable.db"}
    return lambda **options: open_runtime(**place, **options)


def test_who_has_no_key_writes_nothing_once_others_encrypt_everything(open_shared: Open) -> None:
    blind = open_shared(**BLIND).state
    blind.save("g", "before", "in the open")
    keyed = open_shared().state
    for write in (
        lambda: blind.save("g", "after", "in the open"),
        lambda: blind.save_many("g", {"after": 1, "again": 2}),
        lambda: blind.update("g", "before", lambda text: text + "!"),
    ):
        with pytest.raises(KeyMissing):
            write()
    assert blind.load("g", "before") == "in the open"
    reencrypt(keyed)
    assert keyed.key_facts().complete
    assert keyed.load("g", "before") == "in the open"
    assert keyed.list_keys("g") == ["before"]


def test_who_encrypted_only_what_is_sensitive_encrypts_everything_with_the_others(
    open_shared: Open,
) -> None:
    one, two = (open_shared(everything=False).state for _ in range(2))
    one.save("g", "before", "in the open")
    values = {f"k{number:03}": number for number in range(250)}
    two.save_many("g", values)
    for number, _ in enumerate(two.reencrypt(everything=True)):
        one.save("a", f"during {number}", number)  # behind the place it has come to
        one.save("z", f"during {number}", number)
    one.save("g", "after", "too")
    assert two.key_facts().complete
    fresh = open_shared().state
    assert "" not in keys_used(fresh)
    for state in (one, two, fresh):
        assert state.load_many("g", ["before", "after"]) == {
            "before": "in the open",
            "after": "too",
        }
        assert state.load("a", "during 0") == 0


def test_others_use_a_new_key_from_their_next_write_on(open_shared: Open) -> None:
    one, two = open_shared().state, open_shared().state
    two.save("g", "k", 1)
    new = one.rotate_key().id
    reencrypt(one)
    two.save("g", "k", 2)
    two.save_many("g", {"l": 3, "m": 4})
    assert set(keys_used(one)) == {new}


def test_who_runs_goes_on_after_the_master_key_was_changed(open_shared: Open) -> None:
    running, other = open_shared().state, open_shared().state
    running.save("g", "k", 1)
    other.change_master_key(MasterKey(b"n" * 32))
    other.save("g", "theirs", 2)
    assert running.save("g", "k", 3).version == 2
    assert running.load_many("g", ["k", "theirs"]) == {"k": 3, "theirs": 2}
    assert other.load("g", "k") == 3
    with pytest.raises(WrongKey):
        running.rotate_key()
    assert len(other.key_facts().keys) == 1


def test_who_runs_with_a_former_master_key_encrypts_everything_with_the_others(
    open_runtime: Open,
) -> None:
    running, other = (open_runtime(everything=False).state for _ in range(2))
    running.save("g", "k", "in the open")
    other.change_master_key(MasterKey(b"n" * 32))
    reencrypt(other, everything=True)
    running.save("g", "k", "not in the open")
    assert other.load("g", "k") == "not in the open"
    assert b"not in the open" not in everything_on_disk()


_BEGINS = """
import json, sys
from llmspell import Config, Runtime
number, state = int(sys.argv[1]), json.loads(sys.argv[2])
sys.stdin.readline()
with Runtime(Config(state=state)) as runtime:
    runtime.state.save("g", f"k{number}", number)
    print(runtime.state.key_facts().ring_id, flush=True)
"""


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_programs_that_begin_at_the_same_moment_have_one_ring(
    open_runtime: Open, request: pytest.FixtureRequest, backend: str
) -> None:
    place: dict[str, Any] = {"path": "state.db"}
    if backend == "postgresql":
        place = {"url": request.getfixturevalue("postgres_url")}
    state = {**place, "security": {"encryption_enabled": True, "key_file": "master.key"}}
    command = [sys.executable, "-c", _BEGINS]
    programs = [
        subprocess.Popen(
            [*command, str(number), json.dumps(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    rings = [program.communicate(timeout=60)[0].strip() for program in programs]
    assert [program.returncode for program in programs] == [0] * 4
    assert len(set(rings)) == 1
    later = open_runtime(**place).state
    assert later.load_many("g", later.list_keys("g")) == {f"k{n}": n for n in range(4)}
    assert later.key_facts().complete


def test_a_child_of_a_fork_seals_rotates_and_reads(open_runtime: Open) -> None:
    state = open_runtime().state
    state.save("g", "k", 1)
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            state.rotate_key()
            state.save("g", "child", state.load("g", "k") + 1)
            code = 0
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert state.load("g", "child") == 2
    state.save("g", "k", 3)
    assert len(keys_used(state)) == 2


@pytest.mark.parametrize("change", ["rotate", "complete"])
def test_an_older_ring_put_back_stops_who_runs(open_runtime: Open, change: str) -> None:
    """What would be saved on could not be opened later, or would be in the open."""
    state = open_runtime(everything=False).state
    state.save("g", "k", 1)
    ((old,),) = rows_of("entries WHERE key = 'ring'", "blob")
    if change == "rotate":
        state.rotate_key()
    else:
        reencrypt(state, everything=True)
    ((new,),) = rows_of("entries WHERE key = 'ring'", "blob")
    put_ring = "UPDATE entries SET blob = ?, version = version + 1 WHERE key = 'ring'"
    forge(put_ring, old)
    time.sleep(0.11)  # what other programs write shows within 100 ms
    with pytest.raises(IntegrityFailed, match="older one"):
        state.save("g", "k", 2)
    forge(put_ring, new)
    time.sleep(0.11)
    state.save("g", "k", 3)
    assert open_runtime().state.load("g", "k") == 3


def test_a_store_that_lost_its_key_ring_gets_no_other_one(open_runtime: Open) -> None:
    open_runtime().state.save("g", "k", "value")
    assert forge("DELETE FROM entries WHERE key = 'ring'") == 1
    for everything in (True, False):
        with pytest.raises(IntegrityFailed, match="is gone"):
            _ = open_runtime(everything=everything).state


@pytest.mark.usefixtures("_no_keys_of_ours")
def test_a_value_that_cannot_be_sealed_fails_no_write_of_another_thread() -> None:
    """They are committed together; each has its own outcome."""
    store = open_server("sqlite:///groups.db")
    group = store._group
    all_wait = Event()

    def seal(scope: str, key: str, version: int, schema: int, blob: bytes) -> bytes:
        if key == "first":
            all_wait.wait(30)
        if key == "bad":
            raise KeyMissing("no key for this one")
        return blob

    store.seal = seal

    def write(key: str) -> BaseException | None:
        try:
            store.write([Put("s", key, b"v", 1)])
        except KeyMissing as error:
            return error
        return None

    with ThreadPoolExecutor(4) as pool:
        outcomes = {"first": pool.submit(write, "first")}
        while not group._busy:
            time.sleep(0.001)
        outcomes |= {key: pool.submit(write, key) for key in ("good", "bad", "better")}
        while len(group._waiting) < 3:
            time.sleep(0.001)
        all_wait.set()
    failed = [key for key, outcome in outcomes.items() if outcome.result() is not None]
    assert failed == ["bad"]
    assert [row.key for row in store.scan("s")] == ["better", "first", "good"]
    store.close()
