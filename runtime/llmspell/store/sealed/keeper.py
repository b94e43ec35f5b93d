"""The key ring in the store it is for: loading, creating and changing it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmspell.errors import IntegrityFailed, KeyMissing, VersionConflict, WrongKey
from llmspell.security.keys.ring import KeyRing, ring_facts
from llmspell.store.base import Put, Row, Store
from llmspell.store.clock import Clock
from llmspell.store.codec import SEALED
from llmspell.store.sealed.envelope import RING

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.store.sealed.sealing import Sealing

__all__ = ["RingKeeper"]

_CLASS: Final = "keys"
#: The version of a ring that is not in the store as it is here: no change of it can succeed.
_NOT_STORED: Final = -1
#: So many values are looked at when a ring is made, to see what is there already.
_LOOKED_AT: Final = 1000


class RingKeeper:
    """Holds the key ring that ``store`` keeps, which ``sealing.master`` unwraps.

    Several processes may change it: each change demands the version it was made from. No lock
    is held, so that a fork can happen at any moment; ``sealing`` is told of a new master key.
    """

    def __init__(self, store: Store, sealing: Sealing, clock: Clock) -> None:
        self._store = store
        self._sealing = sealing
        self._clock = clock
        self._held: tuple[int, KeyRing | None] = (0, None)

    @property
    def ring(self) -> KeyRing:
        """The ring as it was when last looked at."""
        ring = self._held[1]
        if ring is None:
            raise KeyMissing("this store has no key ring", hint="open it with encryption enabled")
        return ring

    def now(self) -> int:
        """Return the time the store goes by, in microseconds."""
        return self._clock()

    def refresh(self) -> bool:
        """Look at the store again; return whether somebody has changed the ring.

        Raises WrongKey and IntegrityFailed.
        """
        (row,) = self._store.read((RING,))
        if row is None or row.version == self._held[0]:
            return False
        self._hold(row.version, _no_older(KeyRing.unpack(row.blob, self._master), self._held[1]))
        return True

    def seen(self, version: int, packed: bytes) -> None:
        """Follow what others have made of the ring, while a write is under way.

        With a master key that opens it no longer, the keys that are here serve on; that all
        values are to be encrypted from now on is believed without one. Raises IntegrityFailed:
        what is sealed now could not be opened with a ring that is damaged, or an older one.
        """
        held, ring = self._held
        if version == held or ring is None:
            return
        try:
            self._hold(version, _no_older(KeyRing.unpack(packed, self._master), ring))
        except WrongKey:
            if ring_facts(packed).everything and not ring.everything:
                self._hold(held, ring.with_everything(True))

    def load_or_create(self, *, everything: bool, hides_keys: bool = False) -> KeyRing:
        """Return the ring, made now if there is none.

        ``everything`` switches that on for good. A store that holds something gets no ring that
        hides keys: those it has could not be found any more. Raises IntegrityFailed when there
        is none any more, though there are values that were sealed with one.
        """
        self._load()
        made = False
        while self._held[1] is None or (everything and not self.ring.everything):
            with suppress(VersionConflict):
                made = self._held[1] is None
                self.change(lambda ring: self._made(ring, everything, hides_keys))
                break
            made = False
            self.refresh()
        # What llmspell keeps for itself cannot be looked for here: that is for whoever knows where.
        if made and everything and not self._sealing.every_blob and self._nothing_is_open():
            with suppress(VersionConflict):  # who has changed it just now has seen to it, too
                self.change(lambda _: self.ring.completed())
        return self.ring

    def change(self, make: Callable[[KeyRing | None], KeyRing]) -> KeyRing:
        """Store what ``make`` returns in the ring's place. Raises VersionConflict."""
        version, ring = self._held
        made = make(ring)
        put = Put(*RING, made.pack(), self._clock(), 1, _CLASS, None, version)
        (written,) = self._store.write((put,)).written
        self._hold(written.version, made)
        return made

    def rewrap(self, master: MasterKey | Passphrase) -> KeyRing:
        """Have the ring unwrapped by another master key from now on. Raises VersionConflict."""
        ring = self.ring.rewrapped(master)
        made = self.change(lambda _: ring)
        self._sealing.master = master
        return made

    @property
    def _master(self) -> MasterKey | Passphrase:
        master = self._sealing.master
        assert master is not None  # without one there is no keeper
        return master

    def _hold(self, version: int, ring: KeyRing) -> None:
        self._held = (version, ring)
        self._sealing.ring = ring

    def _load(self) -> None:
        """Load the ring; when the same store is opened again, the one held before serves on."""
        former = self._sealing.ring
        try:
            self.refresh()
        except WrongKey:
            (row,) = self._store.read((RING,))
            if former is None or row is None or ring_facts(row.blob).ring_id != former.ring_id:
                raise
            self._hold(_NOT_STORED, former)

    def _made(self, ring: KeyRing | None, everything: bool, hides_keys: bool) -> KeyRing:
        if ring is not None:
            return ring.with_everything(True)
        rows = self._some_rows()
        if any(blob[:1] == bytes((SEALED,)) for blob in rows):
            raise IntegrityFailed(
                "the key ring of this store is gone, and there are values encrypted with it",
                hint="restore the store from a backup; without its ring they cannot be read",
            )
        made = KeyRing.create(self._master, self._clock(), everything=everything)
        return made.hiding_keys() if hides_keys and not rows else made

    def _some_rows(self) -> list[bytes]:
        """Return the first stored values there are, of entries and of the journal."""
        found: list[Row] = []
        for scope, _ in self._store.scopes():
            found += self._store.scan(scope, limit=_LOOKED_AT - len(found))
            if len(found) >= _LOOKED_AT:
                break
        changes = self._store.changes(0, limit=_LOOKED_AT)
        return [row.blob for row in found] + [it.blob for it in changes if it.op == "put"]

    def _nothing_is_open(self) -> bool:
        """Return whether there are few values, and all of them sealed.

        Since the ring says that all are to be, none comes in the open any more.
        """
        rows = self._some_rows()
        return len(rows) < _LOOKED_AT and all(blob[:1] == bytes((SEALED,)) for blob in rows)


def _no_older(ring: KeyRing, held: KeyRing | None) -> KeyRing:
    """Return a ring that was read. Raises IntegrityFailed if it is one from before ``held``."""
    if held is None:
        return ring
    lost = {made.id for made in held.generations} - {made.id for made in ring.generations}
    if lost or (held.everything, held.complete) > (ring.everything, ring.complete):
        raise IntegrityFailed(
            "the key ring of this store was replaced by an older one while it was in use",
            hint="restore the ring; if the whole store was restored from a backup, start anew",
        )
    return ring
