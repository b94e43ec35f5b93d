"""What a primary has answered is known, even if the breaker opens before the answer arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmspell.store import Clear, Delete, Put, Ref
from llmspell.store.failover.store import FailoverStore
from llmspell.testing import ManualClock

from .outages import Primary, blobs, put, unavailable, value

REFS = [Ref("s", "theirs"), Ref("s", "absent")]


@pytest.fixture
def primary() -> Primary:
    return Primary(ManualClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failover.db"


class _Losing(type(Primary(ManualClock()).open())):  # type: ignore[misc]
    """Lets ``meanwhile`` happen between the primary's answer and its arrival."""

    meanwhile: Callable[[], None]

    def put(self, *args: Any) -> Any:
        return self._and_then(super().put(*args))

    def write(self, *args: Any, **options: Any) -> Any:
        return self._and_then(super().write(*args, **options))

    def read(self, refs: Sequence[Ref]) -> Any:
        return self._and_then(super().read(refs))

    def _and_then(self, result: Any) -> Any:
        meanwhile, type(self).meanwhile = type(self).meanwhile, staticmethod(lambda: None)
        meanwhile()
        return result


@pytest.fixture
def losing(primary: Primary, path: Path) -> Iterator[Callable[..., FailoverStore]]:
    """Return a store that loses its primary while its next call is on its way back."""
    stores: list[FailoverStore] = []

    def lose(*writes: tuple[str, bytes]) -> None:
        primary.reason = "unavailable"

        def work() -> None:
            assert value(stores[0], "known") == b"0"
            for key, blob in writes:
                put(stores[0], key, blob)

        with ThreadPoolExecutor() as pool:
            pool.submit(work).result()
        assert stores[0].health()["breaker"] == "open"

    def begin(*writes: tuple[str, bytes]) -> FailoverStore:
        _Losing.meanwhile = staticmethod(lambda: None)
        store = FailoverStore(
            lambda: primary.check() or _Losing(primary),
            path,
            failures=1,
            retry_s=3600,
            clock=primary.clock,
        )
        stores.append(store)
        put(store, "a", b"0")
        put(store, "known", b"0")
        _Losing.meanwhile = staticmethod(lambda: lose(*writes))
        return store

    yield begin
    for store in stores:
        store.close()


@pytest.mark.parametrize("batch", [False, True])
def test_a_write_the_primary_took_is_known_although_the_line_went_down_meanwhile(
    primary: Primary, losing: Callable[..., FailoverStore], batch: bool
) -> None:
    store = losing()
    if batch:
        store.write([Put("s", "a", b"1", primary.clock.now)])
    else:
        put(store, "a", b"1")
    assert value(store, "a") == b"1"
    assert put(store, "a", b"2", if_version=2) == 3
    primary.reason = None
    assert store.replay()
    assert store.conflicts() == []
    assert blobs(primary.store) == [b"0", b"0", b"1", b"2"]


def test_a_deletion_the_primary_took_is_known_although_the_line_went_down_meanwhile(
    primary: Primary, losing: Callable[..., FailoverStore]
) -> None:
    store = losing()
    store.write([Delete("s", "a", primary.clock.now)])
    assert value(store, "a") is None


def test_what_a_clear_removed_is_not_known_although_the_line_went_down_meanwhile(
    primary: Primary, losing: Callable[..., FailoverStore]
) -> None:
    store = losing()
    store.write([Clear("s", primary.clock.now)])
    unavailable(lambda: value(store, "a"))


def test_what_was_read_is_known_although_the_line_went_down_meanwhile(
    primary: Primary, losing: Callable[..., FailoverStore]
) -> None:
    store = losing()
    put(primary.store, "theirs", b"1")
    found = [None if row is None else row.blob for row in store.read(REFS)]
    assert found == [b"1", None]
    assert [value(store, key) for _, key in REFS] == found


def test_what_arrives_late_replaces_nothing_newer(
    primary: Primary, losing: Callable[..., FailoverStore]
) -> None:
    store = losing(("a", b"ours"), ("absent", b"ours"))
    assert [row and row.blob for row in store.read([Ref("s", "a"), Ref("s", "absent")])] == [
        b"0",
        None,
    ]
    assert [value(store, "a"), value(store, "absent")] == [b"ours", b"ours"]
    for reason in (None, "unavailable"):
        primary.reason = reason
        store.replay()
    assert [value(store, "a"), value(store, "absent")] == [b"ours", b"ours"]
    assert store.conflicts() == []
