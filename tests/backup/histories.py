"""A store with a history, a dict that is its model, and the backups that were made on the way.

The store's clock is turned by hand: each step is a second later than the one before, a day ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

import fsspec
from hypothesis import strategies as st

from llmspell.backup.chain import Catalogue
from llmspell.backup.creating import Creation
from llmspell.backup.identity import store_id_of
from llmspell.backup.manifest_file import pack
from llmspell.backup.model import Manifest
from llmspell.backup.repository.opening import open_repository
from llmspell.backup.request import Request
from llmspell.backup.restoring import RestoreOptions, RestoreResult, restore
from llmspell.backup.settings import BackupSettings
from llmspell.store import Delete, Put, Reader, Row, Store, open_store
from llmspell.store.changes import Origin
from llmspell.store.codec import encode

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND

Address = tuple[str, str]
Model = dict[Address, Row]

SCOPES = st.sampled_from(["global", "user:1", "user:2"])
KEYS = st.sampled_from(["a", "b", "c"])


class Save(NamedTuple):
    """Save a value; ``lives_s`` is how long it stays, None for ever."""

    scope: str
    key: str
    value: int
    lives_s: int | None = None


class Remove(NamedTuple):
    scope: str
    key: str


class Sweep(NamedTuple):
    """Turn what has expired into tombstones."""


class BackUp(NamedTuple):
    """Make a backup; ``base`` chooses among those that can be its base."""

    type: str
    base: int = 0


Step = Save | Remove | Sweep | BackUp

SAVES = st.builds(Save, SCOPES, KEYS, st.integers(0, 2), st.sampled_from([None, None, 2, 10**6]))
STEPS = st.lists(
    st.one_of(
        SAVES,
        SAVES,
        st.builds(Remove, SCOPES, KEYS),
        st.builds(Sweep),
        st.builds(
            BackUp, st.sampled_from(["incremental", "differential", "full"]), st.integers(0, 5)
        ),
    ),
    max_size=14,
).map(lambda steps: [BackUp("full"), *steps])


class Moment(NamedTuple):
    """What there was after a step: ``at`` its time, ``seq`` the journal's position."""

    at: int
    seq: int
    model: Model


class History:
    """A store that steps are done with."""

    def __init__(
        self, folder: Path, backend: str = "memory", location: Path | str | None = None
    ) -> None:
        self.now = time_ns() // 1000 - DAY
        self.store = open_store(
            backend,
            path=folder / "state.db" if backend == "sqlite" else None,
            clock=lambda: self.now,
        )
        self.settings = BackupSettings(location or folder / "backups", verify=False)
        self.repository = open_repository(self.settings.location)
        self.catalogue = Catalogue(self.repository)
        self.store_id = store_id_of(self.store, self.store.write)
        self.model: Model = {}
        self.versions: dict[Address, int] = {}
        self.moments: list[Moment] = []
        self.backups: list[tuple[Manifest, Model]] = []

    def run(self, steps: Sequence[Step]) -> None:
        """Do the steps, then let the store's clock show the present."""
        for step in steps:
            self.now += SECOND
            _DO[type(step)](self, step)
            self.moments.append(Moment(self.now, self.store.span().last, dict(self.living())))
        self.now = time_ns() // 1000

    def living(self, now: int | None = None) -> Model:
        """The entries of the model that have not expired."""
        return living(self.model, self.now if now is None else now)

    def save(self, step: Save) -> None:
        address, at = (step.scope, step.key), self.now
        self.expire(address)
        expires_at = None if step.lives_s is None else at + step.lives_s * SECOND
        blob = encode({"n": step.value})
        put = Put(*address, blob, at, 3, "standard", expires_at)
        self.store.write([put], origin=Origin("ann", None, f"c{step.value}"))
        created_at = self.model[address].created_at if address in self.model else at
        version = self.versions[address] = self.versions.get(address, 0) + 1
        facts = (version, created_at, at, 3, "standard", expires_at, f"c{step.value}", blob)
        self.model[address] = Row(*address, *facts)

    def remove(self, step: Remove) -> None:
        address = (step.scope, step.key)
        self.expire(address)
        self.store.write([Delete(*address, self.now)])
        if self.model.pop(address, None) is not None:
            self.versions[address] += 1

    def sweep(self, _: Sweep) -> None:
        self.store.sweep(self.now)
        for address in list(self.model):
            self.expire(address)

    def expire(self, address: Address) -> None:
        row = self.model.get(address)
        if row is not None and row.expires_at is not None and row.expires_at <= self.now:
            del self.model[address]
            self.versions[address] += 1

    def back_up(self, step: BackUp) -> None:
        fit = {"incremental": ("full", "incremental", "differential"), "differential": ("full",)}
        bases = [made for made, _ in self.backups if made.type in fit.get(step.type, ())]
        base = bases[step.base % len(bases)] if bases else None
        self.create(step.type, base=base)

    def create(
        self, type_: str, *, base: Manifest | None = None, scope: str | None = None
    ) -> Manifest:
        """Make a backup that was made by the store's clock."""
        made = Creation(
            self.store,
            self.repository,
            self.settings,
            Request(type_, base, scope),
            backend="memory",
            store_id=self.store_id,
            make_key=lambda backup_id: None,
        ).run()
        made = made.model_copy(update={"snapshot_us": self.now, "created_us": self.now})
        with fsspec.open(f"{self.settings.location}/{made.id}/manifest.json", "wb") as file:
            file.write(pack(made))
        self.backups.append((made, dict(self.model)))
        return made

    def restore(
        self,
        into: Store | None = None,
        backup_id: str | None = None,
        *,
        alone: bool = False,
        **options: Any,
    ) -> RestoreResult:
        """Restore into the store, or another one, with this one's journal unless ``alone``."""
        return restore(
            self.store if into is None else into,
            self.catalogue,
            backup_id,
            RestoreOptions(**{"verify": False} | options),
            journal=self.store,
            store_id=None if alone else self.store_id,
        )


_DO: dict[type, Any] = {
    Save: History.save,
    Remove: History.remove,
    Sweep: History.sweep,
    BackUp: History.back_up,
}


def living(model: Model, now: int | None = None) -> Model:
    """The entries of a model that have not expired, by now."""
    now = time_ns() // 1000 if now is None else now
    return {
        address: row
        for address, row in model.items()
        if row.expires_at is None or row.expires_at > now
    }


def stored(store: Reader) -> Model:
    """All entries of a store."""
    return {(row.scope, row.key): row for row in store.walk(limit=10_000)}


def without_versions(model: Model) -> Model:
    """The same entries, whatever their versions are."""
    return {address: row._replace(version=0) for address, row in model.items()}
