"""The keys that values are encrypted with: what there is, rotating it, encrypting anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import KeyMissing, StateError, StorageError, VersionConflict
from llmspell.state.access_manager import AccessManager
from llmspell.state.entry import timestamp
from llmspell.state.sealing import sealed_store_of
from llmspell.store.sealed.steps import Examined, Reencrypted

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.store.sealed.keeper import RingKeeper
    from llmspell.store.sealed.store import SealedStore

__all__ = ["DataKey", "KeyFacts", "Keys"]


class DataKey(NamedTuple):
    """One key of the ring: ``id`` in hexadecimal; new values are encrypted with the active one."""

    id: str
    created_at: dt.datetime
    active: bool


class KeyFacts(NamedTuple):
    """What is known of a key ring without its secrets.

    ``derivation`` is how a passphrase becomes the master key, None where there is no passphrase.
    ``everything`` tells whether all values are encrypted, ``complete`` that none is left in the
    open: one that is counts as forged.
    """

    ring_id: str
    derivation: str | None
    everything: bool
    complete: bool
    keys: tuple[DataKey, ...]


class Keys(AccessManager):
    """Looking after the key ring.

    Who acts as somebody must administer the store; the program itself need not.
    """

    def key_facts(self) -> KeyFacts:
        """Return what keys there are. Raises ``KeyMissing`` without encryption."""
        self._check_manages("*")
        keeper = self._keeper()
        keeper.refresh()
        facts = keeper.ring.facts
        last = facts.generations[-1].id
        return KeyFacts(
            facts.ring_id.hex(),
            facts.derivation.name if facts.derivation else None,
            facts.everything,
            facts.complete,
            tuple(
                DataKey(made.id.hex(), timestamp(made.created_us), made.id == last)
                for made in facts.generations
            ),
        )

    def rotate_key(self) -> DataKey:
        """Make a new data key, with which values are encrypted from now on, and return it.

        What is stored stays readable; ``reencrypt`` encrypts it with the new key. Other processes
        use the new key from their next write on. Raises
        ``VersionConflict`` when somebody else rotated at the same moment.
        """
        self._check_manages("*")
        keeper = self._keeper()
        keeper.refresh()
        ring = keeper.ring
        try:
            made = keeper.change(lambda _: ring.rotated(keeper.now())).active
        except VersionConflict:
            keeper.refresh()
            raise _changed_meanwhile() from None
        self._record("key_rotate")
        return DataKey(made.id.hex(), timestamp(made.created_us), True)

    def change_master_key(self, master: MasterKey | Passphrase) -> None:
        """Wrap the key ring with another master key; no value has to be encrypted anew.

        The former master key opens the store no longer, in processes that are started after this.
        Raises ``VersionConflict`` when somebody else changed the ring at the same moment.
        """
        self._check_manages("*")
        keeper = self._keeper()
        keeper.refresh()
        try:
            keeper.rewrap(master)
        except VersionConflict:
            raise _changed_meanwhile() from None
        from llmspell.store.failover.store import failover_of

        failover = failover_of(self._store)
        if failover is not None:  # its local file has a key ring of its own
            failover.change_master_key(master)
        self._record("key_rotate")

    def reencrypt(self, *, everything: bool | None = None) -> Iterator[Reencrypted]:
        """Encrypt with the active key what is encrypted with another, step by step.

        With ``everything`` values in the open are encrypted, too, and from then on all are; left
        out, as the ring has it. Others may read and write meanwhile; interrupted, it goes on
        where it was when it is called again. What does not open is told and stays as it is.
        """
        self._check_manages("*")
        self._keeper()
        from llmspell.store.sealed.reencryption import reencrypt

        self._record("reencrypt")
        return reencrypt(self._sealed_store(), everything=everything)

    def verify_keys(self) -> Iterator[Examined]:
        """Open every stored value, step by step, and tell which keys they need. Changes nothing."""
        self._check_manages("*")
        self._keeper()
        from llmspell.store.sealed.reencryption import examine

        return examine(self._sealed_store())

    def _sealed_store(self) -> SealedStore:
        found = sealed_store_of(self._store)
        if found is not None:
            return found
        if self._safeguards.has_key:
            raise StorageError(
                "the database is away, and its key ring with it",
                hint="try again when it is back",
                reason="unavailable",
            )
        raise KeyMissing(
            "this store has no keys: no master key is configured",
            hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file;"
            " `llmspell keys generate` makes a key",
        )

    def _keeper(self) -> RingKeeper:
        keeper = self._sealed_store().keeper
        if keeper is None:
            raise KeyMissing(
                "this store has encrypted values, and no master key is configured",
                hint="configure the one it was encrypted with",
            )
        return keeper


def _changed_meanwhile() -> StateError:
    return VersionConflict(
        "somebody else changed the key ring at the same moment; nothing was done",
        hint="look with `llmspell keys list`, and try again if it is still needed",
    )
