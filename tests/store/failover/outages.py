"""A primary store whose failures are switched, and failover stores over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import StorageError
from llmspell.store import NOBODY, Operation, Origin, Ref, Store, WriteResult
from llmspell.store.changes import Change
from llmspell.store.failover.store import FailoverStore
from llmspell.store.memory.store import MemoryStore
from llmspell.store.wrapper import StoreWrapper
from llmspell.testing import ManualClock

__all__ = ["Dead", "Primary", "blobs", "put", "unavailable", "value"]


class Dead(BaseException):
    """What a killed process would not have lived to see."""


class Primary:
    """A store that others see too. While ``reason`` is set it fails with that reason.

    ``dies_after`` n makes whoever writes die after n more writes are committed.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.store = MemoryStore(clock=clock)
        self.clock = clock
        self.reason: str | None = None
        self.dies_after: int | None = None
        self.opened = 0
        self.writes = 0

    def open(self) -> Store:
        self.check()
        self.opened += 1
        return _Connection(self)

    def check(self) -> None:
        if self.reason is not None:
            raise StorageError("it does not answer", reason=self.reason)

    def failover(self, path: Path, **options: Any) -> FailoverStore:
        """Open a failover store over this one that does not look by itself for an hour."""
        options = {"failures": 1, "retry_s": 3600.0, "clock": self.clock} | options
        return FailoverStore(self.open, path, **options)


class _Connection(StoreWrapper):
    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    @property
    def inner(self) -> Store:  # type: ignore[override]
        self._primary.check()
        return self._primary.store

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        result = self.inner.write(batch, durability=durability, origin=origin)
        self._primary.writes += 1
        if self._primary.dies_after is not None:
            self._primary.dies_after -= 1
            if self._primary.dies_after < 0:
                raise Dead
        return result

    def close(self) -> None:
        """Leave the store to the others."""


def put(store: Store, key: str, blob: bytes, if_version: int | None = None) -> int:
    """Write one entry and return its version."""
    return store.put("s", key, blob, 1_700_000_000_000_000, 1, "standard", if_version, NOBODY)[0]


def value(store: Store, key: str) -> bytes | None:
    (row,) = store.read([Ref("s", key)])
    return None if row is None else row.blob


def blobs(store: Store) -> list[bytes]:
    """Return what the journal says was put, in order."""
    changes: list[Change] = store.changes(0)
    return [change.blob for change in changes if change.op == "put"]


def unavailable(call: Callable[[], object]) -> str:
    """Demand that a call fails because the primary is away; return what it says."""
    with pytest.raises(StorageError) as caught:
        call()
    assert caught.value.details["reason"] == "unavailable"
    return str(caught.value)
