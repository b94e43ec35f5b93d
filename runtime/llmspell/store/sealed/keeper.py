"""The key ring in the store it is for: loading, creating and changing it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from llmspell.errors import KeyMissing, VersionConflict
from llmspell.security.keys.master import MasterKey, Passphrase
from llmspell.security.keys.ring import KeyRing
from llmspell.store.base import Put, Store
from llmspell.store.clock import Clock
from llmspell.store.sealed.envelope import RING

__all__ = ["RingKeeper"]

_CLASS = "keys"


class RingKeeper:
    """Holds the key ring that ``store`` keeps, which ``master`` unwraps.

    Several processes may change it: each change demands the version it was made from.
    """

    def __init__(self, store: Store, master: MasterKey | Passphrase, clock: Clock) -> None:
        self._store = store
        self._master = master
        self._clock = clock
        self._lock = threading.Lock()
        self._version = 0
        self._ring: KeyRing | None = None

    @property
    def ring(self) -> KeyRing:
        """The ring as it was when last looked at."""
        if self._ring is None:
            self.refresh()
        if self._ring is None:
            raise KeyMissing("this store has no key ring", hint="open it with encryption enabled")
        return self._ring

    def now(self) -> int:
        """Return the time the store goes by, in microseconds."""
        return self._clock()

    def refresh(self) -> bool:
        """Look at the store again; return whether somebody has changed the ring.

        Raises WrongKey and IntegrityFailed.
        """
        with self._lock:
            (row,) = self._store.read((RING,))
            if row is None or row.version == self._version:
                return False
            self._ring = KeyRing.unpack(row.blob, self._master)
            self._version = row.version
            return True

    def load_or_create(self, *, everything: bool, hides_keys: bool = False) -> KeyRing:
        """Return the ring, made now if there is none.

        ``everything`` switches that on for good. A store that holds something gets no ring that
        hides keys: those it has could not be found any more.
        """
        self.refresh()
        while self._ring is None or (everything and not self._ring.everything):
            with suppress(VersionConflict):
                self.change(lambda ring: self._made(ring, everything, hides_keys))
            self.refresh()
        return self._ring

    def _made(self, ring: KeyRing | None, everything: bool, hides_keys: bool) -> KeyRing:
        if ring is not None:
            return ring.with_everything(True)
        # Where nothing was ever stored, nothing can be there in the open.
        empty = not self._store.scopes() and self._store.span().last == 0
        made = KeyRing.create(self._master, self._clock(), everything=everything)
        if hides_keys and empty:
            made = made.hiding_keys()
        return made.completed() if everything and empty else made

    def change(self, make: Callable[[KeyRing | None], KeyRing]) -> KeyRing:
        """Store what ``make`` returns in the ring's place. Raises VersionConflict."""
        with self._lock:
            made = make(self._ring)
            put = Put(*RING, made.pack(), self._clock(), 1, _CLASS, None, self._version)
            (written,) = self._store.write((put,)).written
            self._ring, self._version = made, written.version
            return made

    def rewrap(self, master: MasterKey | Passphrase) -> KeyRing:
        """Have the ring unwrapped by another master key from now on. Raises VersionConflict."""
        ring = self.ring.rewrapped(master)
        made = self.change(lambda _: ring)
        self._master = master
        return made
