"""From names and options to an open store. Each backend is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from llmspell.errors import ConfigError, FeatureUnavailable
from llmspell.store.backend import Backend
from llmspell.store.base import Store
from llmspell.store.checks import DURABILITIES
from llmspell.store.clock import Clock, system_clock

if TYPE_CHECKING:
    from llmspell.store.sealed.sealing import Sealing

__all__ = ["add_layers", "open_store", "without_ephemeral"]

#: Older configurations name a backend that SQLite took the place of.
_ALIASES: Final = {"sled": "sqlite"}
#: The memory store's journal is for a look back, not for the record.
_MEMORY_CHANGES: Final = 10_000
_SQLITE_SCHEMES: Final = ("sqlite", "sqlite+pysqlite")
_RELAXED: Final = "relaxed"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a store is to be opened with."""

    path: Path | None
    url: str | None = field(repr=False)  # it may hold a password
    durability: str
    busy_timeout_ms: int
    journal: bool
    clock: Clock
    max_stale_ms: int
    rocksdb: Mapping[str, Any]


def open_store(
    backend: str,
    *,
    path: Path | None = None,
    url: str | None = None,
    durability: str = "commit",
    flush_ms: int = 100,
    busy_timeout_ms: int = 30_000,
    journal: bool = True,
    max_stale_ms: int = 0,
    rocksdb: Mapping[str, Any] | None = None,
    failover: Mapping[str, Any] | None = None,
    sealing: Sealing | None = None,
    clock: Clock = system_clock,
) -> Store:
    """Open the store of a backend, making the file, folder or tables if needed.

    ``backend`` is ``"memory"``, ``"sqlite"`` (a file ``path``), ``"rocksdb"`` (a folder
    ``path``) or ``"postgresql"`` (a ``url``). ``url`` decides if it is given:
    ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://host/name``, or that
    of any server SQLAlchemy knows.

    ``durability`` ``"relaxed"`` accepts writes at once and commits them within ``flush_ms``.
    ``busy_timeout_ms`` is how long a write waits for another process's. Without ``journal`` no
    changes are recorded. ``max_stale_ms`` lets values of a server be cached for so long.
    ``rocksdb`` are that backend's options, ``failover`` those of ``FailoverStore``, which goes
    on with a local file while a server is away. ``sealing`` says what is encrypted, and with what.

    Raises FeatureUnavailable for a backend this version lacks or a package that is missing,
    ConfigError for options that cannot be meant, StorageError when the store cannot be opened,
    EncryptionError when it is encrypted and the key is missing or wrong.
    """
    if durability not in (*DURABILITIES, _RELAXED):
        names = ", ".join((*DURABILITIES, _RELAXED))
        raise ConfigError(f"unknown durability {durability!r}", hint=f"use one of: {names}")
    name = _ALIASES.get(backend, backend)
    if url is not None:
        name, path = _named_by(url)
    wanted = _Wanted(
        path,
        url,
        "commit" if durability == _RELAXED else durability,
        busy_timeout_ms,
        journal,
        clock,
        max_stale_ms,
        rocksdb or {},
    )
    open_backend = _BACKENDS.get(name)
    if open_backend is None:
        raise _unavailable(backend)

    def opened() -> Store:
        from llmspell.store.sealed.opening import sealed

        return sealed(open_backend(wanted), sealing, clock=clock)

    store = opened() if failover is None else _open_with_failover(opened, wanted, failover, sealing)
    if durability != _RELAXED or name == "memory":
        return store
    from llmspell.store.relaxed.store import RelaxedStore

    return RelaxedStore(store, flush_ms=flush_ms, everything=True)


def add_layers(store: Store, *, flush_ms: int) -> Store:
    """Return a store over ``store`` that can keep entries of every class.

    Those of class ephemeral stay in this process; relaxed writes are committed within
    ``flush_ms``. A store in memory has nothing to commit.
    """
    from llmspell.store.layered.store import LayeredStore
    from llmspell.store.memory.store import MemoryStore
    from llmspell.store.relaxed.store import RelaxedStore
    from llmspell.store.sealed.store import SealedStore

    base = store.inner if isinstance(store, SealedStore) else store
    if not isinstance(base, MemoryStore | RelaxedStore):
        store = RelaxedStore(store, flush_ms=flush_ms)
    return LayeredStore(store)


def without_ephemeral(store: Store) -> Store:
    """Return the store of what is stored: the ephemeral entries over it hide nothing there."""
    from llmspell.store.layered.store import LayeredStore

    return store.inner if isinstance(store, LayeredStore) else store


def _open_memory(wanted: _Wanted) -> Backend:
    from llmspell.store.memory.store import MemoryStore

    return MemoryStore(journal=wanted.journal, keep_changes=_MEMORY_CHANGES, clock=wanted.clock)


def _open_sqlite(wanted: _Wanted) -> Backend:
    path = _path_for("sqlite", "file", wanted)
    from llmspell.store.sqlite.driver import SqliteDriver
    from llmspell.store.sqlite.store import SqliteStore

    driver = SqliteDriver(
        path,
        durability=wanted.durability,
        busy_timeout_ms=wanted.busy_timeout_ms,
        journal=wanted.journal,
    )
    return SqliteStore(driver, clock=wanted.clock)


def _open_rocksdb(wanted: _Wanted) -> Backend:
    path = _path_for("rocksdb", "folder", wanted)
    from llmspell.store.rocks.store import RocksStore

    return RocksStore(
        path,
        durability=wanted.durability,
        journal=wanted.journal,
        clock=wanted.clock,
        **wanted.rocksdb,
    )


def _open_server(wanted: _Wanted) -> Backend:
    if wanted.url is None:
        raise ConfigError(
            "the postgresql backend needs the address of a database",
            hint="set state.url, for example postgresql://user@host/name",
        )
    from llmspell.store.server.open import open_server

    return open_server(
        wanted.url,
        durability=wanted.durability,
        journal=wanted.journal,
        clock=wanted.clock,
        busy_timeout_ms=wanted.busy_timeout_ms,
        max_stale_ms=wanted.max_stale_ms,
    )


_BACKENDS: Final[dict[str, Callable[[_Wanted], Backend]]] = {
    "memory": _open_memory,
    "sqlite": _open_sqlite,
    "rocksdb": _open_rocksdb,
    "postgresql": _open_server,
    "server": _open_server,
}


def _open_with_failover(
    open_primary: Callable[[], Store],
    wanted: _Wanted,
    options: Mapping[str, Any],
    sealing: Sealing | None,
) -> Store:
    from llmspell.store.failover.store import FailoverStore

    return FailoverStore(
        open_primary,
        durability=wanted.durability,
        clock=wanted.clock,
        sealing=sealing,
        **options,
    )


def _path_for(backend: str, what: str, wanted: _Wanted) -> Path:
    path = wanted.path
    if path is None or path.name == ":memory:":
        raise ConfigError(
            f"the {backend} backend needs the path of a {what}",
            hint='set path or url; for a store in memory set backend = "memory"',
        )
    return path


def _named_by(url: str) -> tuple[str, Path | None]:
    """Return the backend a URL means, and the path if it is a file. Never show the URL itself."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme not in _SQLITE_SCHEMES:
        return "server", None
    name = unquote(rest[1:])
    if not rest.startswith("/") or not name or "?" in rest:
        raise ConfigError(
            "the url does not name a file as sqlite URLs do",
            hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
        )
    return "sqlite", Path(name)


def _unavailable(backend: str) -> FeatureUnavailable:
    return FeatureUnavailable(
        f"this version has no {backend!r} store",
        hint='it has "memory", "sqlite", "rocksdb" and "postgresql"',
        backend=backend,
    )
