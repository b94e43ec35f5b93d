"""The store on a database server keeps the contract, on PostgreSQL and through SQLAlchemy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.store import Store
from llmspell.store.server.open import open_server
from llmspell.testing import ManualClock, SealingRules, SharedStoreContract

Open = Callable[..., Store]


class ServerContract(SharedStoreContract, SealingRules):
    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def open_again(self, url: str, clock: ManualClock) -> Iterator[Open]:
        stores: list[Store] = []

        def open_again(*, journal: bool = True) -> Store:
            stores.append(open_server(url, journal=journal, clock=clock))
            return stores[-1]

        yield open_again
        for store in stores:
            store.close()


class TestPostgresStore(ServerContract):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url


class TestAnyServerStore(ServerContract):
    """What MySQL and others go through; SQLite stands for them, as it needs no server."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'server.db'}"
