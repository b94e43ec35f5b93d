"""From the configuration to the master key, and from an open store to its key ring."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmspell.errors import KeyMissing
from llmspell.store.base import Store

if TYPE_CHECKING:
    from llmspell.config.state_sections import Security
    from llmspell.security.keys.ring import KeyRing
    from llmspell.store.sealed.sealing import Sealing
    from llmspell.store.sealed.store import SealedStore

__all__ = ["configured_sealing", "key_ring_of", "sealed_store_of"]

# Named here too, so that whoever encrypts nothing need not import what encrypts.
_VARIABLES = ("LLMSPELL_MASTER_KEY", "LLMSPELL_PASSPHRASE")


def configured_sealing(security: Security | None) -> Sealing | None:
    """Return what is to be encrypted and with which master key; None if nothing can be.

    Raises KeyMissing when encryption is on and there is no key, ConfigError for one that is none.
    """
    wanted = security is not None and security.encryption_enabled
    key_file = None if security is None else security.key_file
    if not wanted and key_file is None and not any(name in os.environ for name in _VARIABLES):
        return None
    from llmspell.config.state_sections import Security
    from llmspell.security.keys.master import MasterKeySource
    from llmspell.store.sealed.sealing import Sealing

    settings = security or Security()
    master = MasterKeySource(
        key_file=key_file,
        derivation=settings.key_derivation,
        pbkdf2_iterations=settings.pbkdf2_iterations,
    ).find()
    if master is None:
        if not wanted:
            return None
        raise KeyMissing(
            "encryption is on (state.security.encryption_enabled), and there is no master key",
            hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file;"
            " `llmspell keys generate` makes a key",
        )
    return Sealing(
        master,
        cipher=settings.encryption_algorithm,
        everything=wanted,
        rotation_days=settings.key_rotation_days,
        hides_keys=settings.hash_keys,
    )


def sealed_store_of(store: Store) -> SealedStore | None:
    """Return the store that seals among a store and those it wraps, if there is one."""
    from llmspell.store.failover.store import FailoverStore
    from llmspell.store.sealed.store import SealedStore

    inner: Any = store
    while inner is not None and not isinstance(inner, SealedStore):
        if isinstance(inner, FailoverStore):
            inner = inner.primary
        else:
            inner = getattr(inner, "inner", None)
    return inner


def key_ring_of(store: Store) -> KeyRing | None:
    """Return the key ring of an open store; None without a key.

    While the primary is away it is the last one known; None if none is.
    """
    found = sealed_store_of(store)
    if found is not None:
        return None if found.keeper is None else found.keeper.ring
    from llmspell.store.failover.store import failover_of

    failover = failover_of(store)
    return None if failover is None else failover.key_ring()
