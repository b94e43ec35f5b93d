"""From a key and what it is for to a store that seals."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmspell.errors import ConfigError, KeyMissing, VersionConflict
from llmspell.store.backend import Backend
from llmspell.store.base import Store
from llmspell.store.clock import Clock
from llmspell.store.sealed.envelope import RING, Envelope
from llmspell.store.sealed.sealing import Sealing
from llmspell.store.sealed.store import SealedStore

if TYPE_CHECKING:
    from llmspell.store.sealed.keeper import RingKeeper

__all__ = ["sealed"]

_DAY_US: Final = 24 * 3600 * 1_000_000


def sealed(backend: Backend, sealing: Sealing | None, *, clock: Clock) -> Store:
    """Return a store over ``backend`` that seals; the backend itself if it never will.

    The key ring is made if there is none. Raises KeyMissing, WrongKey and IntegrityFailed, and
    closes the backend then.
    """
    try:
        if sealing is None or sealing.master is None:
            return _without_key(backend)
        # Whoever encrypts nothing need not wait for the import of what does it.
        from llmspell.security.keys.sealer import Sealer
        from llmspell.store.sealed.keeper import RingKeeper

        keeper = RingKeeper(backend, sealing, clock)
        ring = keeper.load_or_create(everything=sealing.everything, hides_keys=sealing.hides_keys)
        if ring.hides_keys != sealing.hides_keys:
            raise _made_otherwise(hides_keys=ring.hides_keys)
        if sealing.rotation_days:
            _rotate_when_due(keeper, clock() - round(sealing.rotation_days * _DAY_US), clock())
        sealer = Sealer(lambda: keeper.ring, sealing.cipher, refresh=keeper.refresh)
        envelope = Envelope(
            sealer,
            everything=sealing.every_blob,
            all_values=lambda: keeper.ring.everything,
            refuses_plain=lambda: keeper.ring.everything and keeper.ring.complete,
        )
        store = SealedStore(backend, envelope, keeper)
        if not sealing.hides_keys:
            return store
        from llmspell.store.sealed.hidden import HiddenKeysStore

        return HiddenKeysStore(store, ring.secret("index/keys"))
    except BaseException:
        backend.close()
        raise


def _without_key(backend: Backend) -> Store:
    (row,) = backend.read((RING,))
    store: Store = backend
    if row is not None:
        _demand_no_key(row.version, row.blob)
        store = SealedStore(backend, Envelope(None), None)
    backend.ring_seen = _demand_no_key
    return store


def _demand_no_key(_: int, packed: bytes) -> None:
    """Raise KeyMissing for a store that cannot be used without its key."""
    from llmspell.security.keys.ring import ring_facts

    facts = ring_facts(packed)
    if facts.everything or facts.hides_keys:
        raise KeyMissing(
            "this store is encrypted, and no master key is configured",
            hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file",
        )


def _made_otherwise(*, hides_keys: bool) -> ConfigError:
    made = "hides" if hides_keys else "was made without hiding"
    return ConfigError(
        f"this store {made} the names of its keys, but state.security.hash_keys is"
        f" {str(not hides_keys).lower()}",
        hint=f"set state.security.hash_keys = {str(hides_keys).lower()}; to change it, `llmspell"
        " state export` and `import` into a new store",
        key="state.security.hash_keys",
    )


def _rotate_when_due(keeper: RingKeeper, before: int, now: int) -> None:
    if keeper.ring.active.created_us <= before:
        with suppress(VersionConflict):  # somebody else has done it just now
            keeper.change(lambda _: keeper.ring.rotated(now))
        keeper.refresh()
