"""What is to be encrypted, as whoever opens a store says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.security.keys.ring import KeyRing

__all__ = ["Sealing"]


@dataclass(slots=True)
class Sealing:
    """What is encrypted, and with what.

    ``master`` unwraps the key ring; without one nothing can be. ``everything`` seals every value,
    else those that ask for it. ``rotation_days`` is the age at which a new data key is made when
    the store is opened; 0 makes none. ``every_blob`` seals llmspell's own entries, too.
    ``hides_keys`` keeps the names of keys out of the files; a store is made with it or without.

    Whoever has the store open changes ``master`` when another one is to unwrap the ring, and
    notes here which ``ring`` that is, for when the store is lost and opened again.
    """

    master: MasterKey | Passphrase | None
    cipher: str = "aes-256-gcm"
    everything: bool = False
    rotation_days: float = 0
    every_blob: bool = False
    hides_keys: bool = False
    ring: KeyRing | None = field(default=None, repr=False)
