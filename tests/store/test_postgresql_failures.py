"""What goes wrong with a PostgreSQL server is told by name, mended where that is safe."""

import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from llmspell.errors import ConfigError, FeatureUnavailable, StorageError
from llmspell.store import INTERNAL, Delete, Put, Ref, Store
from llmspell.store.server.open import open_server
from postgres_proxy import PostgresProxy
from postgres_server import PostgresServer
from state.beside import wait_until

Open = Callable[..., Store]


@pytest.fixture
def open_store() -> Iterator[Open]:
    stores: list[Store] = []

    def open_store(url: str, **options: object) -> Store:
        stores.append(open_server(url, **options))  # type: ignore[arg-type]
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(postgres_url: str, open_store: Open) -> Store:
    return open_store(postgres_url)


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(StorageError) as caught:
        call()
    assert caught.value.hint
    return str(caught.value.details["reason"])


def on_journal(postgres_url: str, body: str, *, in_commit: bool = False) -> None:
    """Have the server do something whenever a journal row is written; ``nth`` counts that."""
    kind, time_ = ("CONSTRAINT", "INITIALLY DEFERRED") if in_commit else ("", "")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE nth")
        connection.execute(
            f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {body}; RETURN NULL; END $$"
        )
        connection.execute(
            f"CREATE {kind} TRIGGER act AFTER INSERT ON llmspell_journal"
            f" {time_} FOR EACH ROW EXECUTE FUNCTION act()"
        )


def failing(sqlstate: str, times: int) -> str:
    return f"IF nextval('nth') <= {times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END IF"


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_write_the_server_rolled_back_is_tried_again(
    postgres_url: str, store: Store, sqlstate: str
) -> None:
    on_journal(postgres_url, failing(sqlstate, 2))
    assert store.write([Put("s", "k", b"v", 1)]).written[0].version == 1
    assert [change.seq for change in store.changes(0)] == [1]


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [("53100", "disk_full"), ("25006", "read_only"), ("42501", "read_only"), ("57014", "timeout")],
)
def test_a_write_that_no_repetition_helps_fails_by_name_and_whole(
    postgres_url: str, store: Store, sqlstate: str, expected: str
) -> None:
    on_journal(postgres_url, failing(sqlstate, 1))
    assert reason(lambda: store.write([Put("s", "k", b"v", 1), Put("s", "l", b"v", 1)])) == expected
    assert store.scopes() == []
    assert store.write([Put("s", "k", b"v", 1)]).seq == 1


def test_a_backend_that_dies_in_the_commit_has_written_nothing_and_the_write_succeeds(
    postgres_url: str, store: Store
) -> None:
    body = "IF nextval('nth') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF"
    on_journal(postgres_url, body, in_commit=True)
    assert store.write([Put("s", "k", b"v", 1)]).written[0].version == 1
    assert [change.version for change in store.changes(0)] == [1]


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[tuple[PostgresProxy, str]]:
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        proxy = PostgresProxy(Path(folder), postgres.folder)
        yield proxy, postgres.new_url().replace(str(postgres.folder), folder)
        proxy.close()


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("scope", ["s", INTERNAL + "leases"])
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_lost_during_the_commit_never_writes_twice_or_not_at_all(
    proxy: tuple[PostgresProxy, str], open_store: Open, cut: str, scope: str, journal: bool
) -> None:
    """Whether the commit happened is found out, so that the caller sees neither case."""
    way, url = proxy
    store = open_store(url, journal=journal)
    store.write([Put(scope, "other", b"v", 1)])
    way.cut = cut
    result = store.write([Put(scope, "k", b"v", 1), Delete(scope, "other", 1)])
    assert way.commits == 1
    assert [written.version for written in result.written] == [1, 2]
    (row,) = store.read([Ref(scope, "k")])
    assert row is not None
    assert row.version == 1
    assert result.seq == store.span().last


@pytest.mark.parametrize(
    ("cut", "scope", "expected"),
    [
        ("before", "s", [2, 1]),
        ("after", "s", [1, 2]),
        ("before", INTERNAL + "leases", [2, 1]),
        ("after", INTERNAL + "leases", ["unknown_outcome", 2]),
    ],
)
def test_the_outcome_is_found_out_after_others_wrote_the_same_key(
    postgres: PostgresServer,
    proxy: tuple[PostgresProxy, str],
    open_store: Open,
    cut: str,
    scope: str,
    expected: list[object],
) -> None:
    """The journal tells, and where there is none the entry; it cannot if it was replaced."""
    way, url = proxy
    store = open_store(url)
    other = open_store(
        url.replace(url.rpartition("host=")[2].partition("&")[0], str(postgres.folder))
    )
    way.cut, way.refuse = cut, True
    found: list[object] = []

    def write() -> None:
        try:
            found.append(store.write([Put(scope, "k", b"mine", 1)]).written[0].version)
        except StorageError as error:
            found.append(error.details["reason"])

    thread = threading.Thread(target=write)
    thread.start()
    while not way.commits:
        time.sleep(0.01)
    time.sleep(0.2)
    found_by_other = other.write([Put(scope, "k", b"theirs", 1)]).written[0].version
    way.refuse = False
    thread.join()
    assert [*found, found_by_other] == expected


def test_an_outcome_nobody_tells_is_called_unknown(
    proxy: tuple[PostgresProxy, str], open_store: Open
) -> None:
    way, url = proxy
    store = open_store(url + "&connect_timeout=1")
    way.cut, way.refuse = "after", True
    assert reason(lambda: store.write([Put("s", "k", b"v", 1)])) == "unknown_outcome"
    way.refuse = False
    assert [row.key for row in store.scan("s")] == ["k"]


def test_a_lock_that_is_held_too_long_is_named_and_harms_nothing(
    postgres_url: str, open_store: Open
) -> None:
    store = open_store(postgres_url, busy_timeout_ms=100)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT * FROM llmspell_meta FOR UPDATE")
        assert reason(lambda: store.write([Put("s", "k", b"", 1)])) == "locked"
        assert store.scan("s") == []
    assert store.write([Put("s", "k", b"", 1)]).seq == 1


def test_a_writer_that_fell_asleep_does_not_keep_the_others_waiting(
    postgres_url: str, open_store: Open
) -> None:
    """The server ends its transaction; the sleeper finds out, and does its work again."""
    sleeper = open_store(postgres_url, busy_timeout_ms=200)
    other = open_store(postgres_url, busy_timeout_ms=5000)
    asleep, awake = threading.Event(), threading.Event()

    class Sleepy(list[Put]):
        """Stands for a machine that stops in the middle of a write: looked at once before it."""

        looks = 0

        def __iter__(self) -> Iterator[Put]:
            self.looks += 1
            if self.looks == 2:
                asleep.set()
                awake.wait(10)
            return super().__iter__()

    thread = threading.Thread(target=sleeper.write, args=(Sleepy([Put("s", "slow", b"v", 1)]),))
    thread.start()
    assert asleep.wait(5)
    assert other.write([Put("s", "quick", b"v", 1)]).seq == 1
    awake.set()
    thread.join()
    assert [change.key for change in other.changes(0)] == ["quick", "slow"]


def test_statements_that_the_server_cuts_short_are_named(
    postgres_url: str, open_store: Open
) -> None:
    store = open_store(postgres_url.replace("&options=", "&options=-cstatement_timeout%3D60%20"))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT * FROM llmspell_meta FOR UPDATE")
        assert reason(lambda: store.write([Put("s", "k", b"", 1)])) == "timeout"
    assert store.write([Put("s", "k", b"", 1)]).seq == 1


def test_a_read_only_server_can_be_read(postgres_url: str, store: Store, open_store: Open) -> None:
    store.write([Put("s", "k", b"v", 1)])
    read_only = postgres_url.replace(
        "&options=", "&options=-cdefault_transaction_read_only%3Don%20"
    )
    replica = open_store(read_only)
    assert len(replica.scan("s")) == 1
    assert reason(lambda: replica.write([Put("s", "k", b"w", 1)])) == "read_only"


def test_tables_of_a_newer_version_are_left_alone(
    postgres_url: str, store: Store, open_store: Open
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE llmspell_meta SET schema_version = 99")
    assert reason(lambda: open_store(postgres_url)) == "newer_version"


def test_tables_that_are_somebody_elses_are_left_alone(postgres_url: str, open_store: Open) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE llmspell_meta (name text)")
    assert reason(lambda: open_store(postgres_url)) == "not_a_database"


def test_too_many_connections_are_waited_for(
    postgres: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    postgres.run("CREATE ROLE narrow LOGIN SUPERUSER")
    url = postgres_url.replace("postgres@", "narrow@") + "&connect_timeout=2"
    store = open_store(url)
    postgres.run("GRANT pg_read_all_data TO narrow")
    postgres.run("ALTER ROLE narrow NOSUPERUSER CONNECTION LIMIT 2")
    with psycopg.connect(url):
        release = threading.Timer(0.3, postgres.run, ["ALTER ROLE narrow CONNECTION LIMIT 9"])
        release.start()
        with store.snapshot() as moment:
            assert moment.scopes() == []
        release.join()


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("postgres@/postgres", f"postgres:{SECRET}@/nowhere"), "unavailable"),
        (("postgres@/postgres", f"stranger:{SECRET}@/postgres"), "authentication"),
        (("postgres@/postgres", f"guarded:{SECRET}@/postgres"), "authentication"),
        (("host=/", f"password={SECRET}&host=/nowhere/"), "unavailable"),
        (("/postgres?", f"/postgres?password={SECRET}&sslmode=what&"), "unavailable"),
    ],
)
def test_a_server_that_refuses_is_named_without_the_password(
    postgres: PostgresServer, postgres_url: str, change: tuple[str, str], expected: str
) -> None:
    """Neither the message nor the chain of causes shows it."""
    if "guarded" in change[1]:
        rules = postgres.folder / "pg_hba.conf"
        rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
        loaded = postgres.run("SELECT pg_conf_load_time()")
        postgres.run("SELECT pg_reload_conf()")
        postgres.run("CREATE ROLE guarded LOGIN PASSWORD 'another'")
        wait_until(lambda: postgres.run("SELECT pg_conf_load_time()") > loaded)
    with pytest.raises(StorageError) as caught:
        open_server(postgres_url.replace(*change))
    assert caught.value.details["reason"] == expected
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.to_dict())
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"nothing of {SECRET}",
        f"postgresql://u:{SECRET}@host:port/db",
        f"oracel://u:{SECRET}@host/db",
        f"postgresql://u:{SECRET}@host/db?connect_timeout=soon",
    ],
)
def test_a_url_that_cannot_be_meant_is_a_config_error_and_never_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_server(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["postgresql://host/db", "postgres://host/db"])
def test_a_missing_driver_is_named_with_its_extra(url: str) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from llmspell.store.server.open import open_server\n"
        f"try: open_server({url!r})\n"
        "except Exception as error: print(type(error).__name__, error.hint)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "FeatureUnavailable pip install 'llmspell[postgres]'"
    with pytest.raises(FeatureUnavailable):
        open_server("mysql+asyncmy://host/db")


def test_a_write_that_ends_its_backend_each_time_is_given_up(
    postgres_url: str, open_store: Open
) -> None:
    store = open_store(postgres_url + "&connect_timeout=1")
    on_journal(postgres_url, "PERFORM pg_terminate_backend(pg_backend_pid())")
    assert reason(lambda: store.write([Put("s", "k", b"v", 1)])) == "unavailable"
    assert store.scan("s") == []
