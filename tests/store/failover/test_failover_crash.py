"""A failover store over real primaries: one that cannot be reached, processes that are killed."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from llmspell.errors import StorageError
from llmspell.store import Origin, Put, Ref, Store, open_store
from llmspell.store.failover.store import FailoverStore
from llmspell.store.server.open import open_server
from postgres_server import PostgresServer

from .outages import blobs, put, value

Start = Callable[..., "Popen[str]"]


class Place:
    """A SQLite primary in a folder that can be taken away, as a network share can."""

    def __init__(self, folder: Path) -> None:
        self.share = folder / "share"
        self.path = self.share / "state.db"
        self.local = folder / "failover.db"
        self._away = folder / "away"

    def open(self) -> Store:
        return open_store("sqlite", path=self.path)

    def failover(self, **options: float) -> FailoverStore:
        return FailoverStore(self.open, self.local, **{"failures": 1, "retry_s": 0.05} | options)

    def take_away(self) -> None:
        self.share.rename(self._away)
        self.share.touch()

    def bring_back(self) -> None:
        self.share.unlink()
        self._away.rename(self.share)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.open().close()
    return place


def comes_back(store: FailoverStore) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and store.health()["breaker"] != "closed":
        time.sleep(0.02)
    return store.health()["breaker"] == "closed"


def test_a_share_that_goes_and_comes_back_loses_nothing(place: Place) -> None:
    store = place.failover(retry_s=3600)
    put(store, "a", b"1")
    place.take_away()
    time.sleep(0.11)  # only then does SQLite look whether its file is still there
    assert put(store, "a", b"2") == 2
    assert put(store, "b", b"3") == 1
    assert store.health()["last_error"]["reason"] == "unavailable"
    assert not store.replay()
    place.bring_back()
    assert store.replay()
    assert blobs(store) == [b"1", b"2", b"3"]
    assert value(store, "a") == b"2"
    store.close()


def test_nothing_is_replayed_into_a_database_that_only_took_its_place(place: Place) -> None:
    store = place.failover(retry_s=3600)
    put(store, "a", b"1")
    place.take_away()
    time.sleep(0.11)
    put(store, "b", b"2")
    place.share.unlink()  # an empty folder is what a share that is not mounted leaves behind
    assert not store.replay()
    assert "is not the one" in store.health()["last_error"]["message"]
    store.close()
    store = place.failover(retry_s=3600)
    assert store.health()["breaker"] == "open"
    assert value(store, "b") == b"2"
    shutil.rmtree(place.share)
    place.share.touch()
    place.bring_back()
    assert store.replay()
    assert blobs(store) == [b"1", b"2"]
    store.close()


def test_a_new_database_is_taken_when_nothing_waits_for_the_old_one(place: Place) -> None:
    store = place.failover()
    put(store, "a", b"old")
    store.close()
    place.share.rename(place.share.with_name("old"))
    store = place.failover()
    assert value(store, "a") is None
    put(store, "b", b"new")
    store.close()
    place.take_away()
    store = place.failover()
    assert value(store, "b") == b"new"
    assert value(store, "a") is None
    store.close()


def test_what_was_known_of_a_former_database_is_forgotten(place: Place) -> None:
    store = place.failover()
    put(store, "a", b"old")
    store.close()
    place.share.rename(place.share.with_name("old"))
    place.failover().close()
    place.take_away()
    store = place.failover()
    with pytest.raises(StorageError, match="'a' in scope 's' is not known"):
        value(store, "a")
    store.close()


def test_a_server_that_stops_and_starts_again_loses_nothing(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    url = f"{postgres_url}&connect_timeout=1"
    store = FailoverStore(
        lambda: open_server(url), tmp_path / "failover.db", failures=1, retry_s=0.1
    )
    put(store, "a", b"1")
    put(store, "b", b"1")
    postgres.kill()
    try:
        assert put(store, "a", b"2") == 2
        assert put(store, "b", b"2", if_version=1) == 2
        assert value(store, "a") == b"2"
        assert store.health()["waiting_writes"] == 2
    finally:
        postgres.start()
    other = open_server(url)
    put(other, "b", b"theirs")
    assert comes_back(store)
    history = [change.blob for change in store.history(Ref("s", "a"))]
    assert history == [b"2", b"1"]
    conflicts = store.conflicts()
    # Replay may have been faster than the other client.
    assert [c.sides[0].key for c in conflicts] == ["b"] or b"2" in blobs(store)
    for conflict in conflicts:
        store.keep_ours(conflict.id)
        assert value(other, "b") == b"2"
    other.close()
    store.close()


REPLAY = """
from llmspell.store.failover.store import FailoverStore
local = Path(sys.argv[2])
print("ready", flush=True)
store = FailoverStore(lambda: open_store("sqlite", path=path), local, retry_s=3600)
store.close()
"""


def test_replay_survives_kills_at_any_moment(place: Place, start: Start) -> None:
    place.take_away()
    store = place.failover(retry_s=3600)
    written = [b"%d" % number for number in range(200)]
    for number, blob in enumerate(written):
        put(store, str(number % 7), blob)
    store.close()
    place.bring_back()
    killed = 0
    for attempt in range(5):
        process = start("import llmspell.store.sqlite.store\n" + REPLAY, place.path, place.local)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.005 * (attempt + 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    store = place.failover()
    assert blobs(store) == written
    assert store.conflicts() == []
    store.close()


WRITE = """
from llmspell.store import NOBODY
from llmspell.store.failover.store import FailoverStore
store = FailoverStore(lambda: open_store("sqlite", path=path), Path(sys.argv[2]), retry_s=3600)
for number in range(10**6):
    store.put("s", sys.argv[3], b"%s.%d" % (sys.argv[3].encode(), number), 1, 1, "standard",
              None, NOBODY)
    print(number, flush=True)
"""


def test_what_was_accepted_survives_a_kill(place: Place, start: Start) -> None:
    place.take_away()
    processes = [start(WRITE, place.path, place.local, name) for name in "ab"]
    accepted = []
    for process in processes:
        assert process.stdout is not None
        seen = 100
        for _ in range(seen):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        # The last line may have been cut off by the kill.
        accepted.append(seen + sum(line.endswith("\n") for line in process.stdout))
        process.communicate()
    place.bring_back()
    store = place.failover()
    found = blobs(store)
    for name, count in zip((b"a", b"b"), accepted, strict=True):
        own = [blob for blob in found if blob.startswith(name)]
        assert own == [b"%s.%d" % (name, number) for number in range(len(own))]
        assert len(own) - count in (0, 1)
    assert store.conflicts() == []
    store.close()


def test_writes_to_a_share_that_is_away_carry_their_origin(place: Place) -> None:
    place.take_away()
    store = place.failover(retry_s=3600)
    store.write([Put("s", "a", b"1", 1)], origin=Origin("me", "run", "id"))
    place.bring_back()
    assert store.replay()
    (change,) = store.changes(0)
    assert (change.actor, change.run_id, change.correlation_id) == ("me", "run", "id")
    store.close()
