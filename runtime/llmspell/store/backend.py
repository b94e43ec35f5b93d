"""What a store that keeps the bytes itself is besides: it can be told how they are to be sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from llmspell.store.base import Ref, Store

__all__ = ["Backend", "Resealed", "RingSeen", "Seal"]

#: Makes of a blob what is stored: called with scope, key, version, schema version and the blob.
Seal: TypeAlias = Callable[[str, str, int, int, bytes], bytes]
#: Told inside a write which key ring there is: its version and its bytes.
RingSeen: TypeAlias = Callable[[int, bytes], None]


class Resealed(NamedTuple):
    """Other bytes for a stored blob: of the entry ``ref`` at ``version``, or of change ``seq``."""

    old: bytes
    new: bytes
    ref: Ref | None = None
    version: int = 0
    seq: int = 0


class Backend(Store, Protocol):
    """A store that keeps the bytes itself, and can be told how they are to be sealed.

    ``seal`` is called inside the write that stores a blob, when the version it takes is known.
    None stores blobs as they come. What is read comes as it is stored: opening it is for whoever
    has set this.

    ``ring_seen`` is called at the beginning of a write when others may have written since this
    store's last one, with the entry KEY_RING if it is not the one seen before: so nobody goes on
    storing values in the open when somebody else has begun to encrypt them. What it raises fails
    the write. A store that nobody else can write to need not call it.
    """

    seal: Seal | None
    ring_seen: RingSeen | None

    def reseal(self, items: Sequence[Resealed]) -> int:
        """Put other bytes in the place of stored ones, where those are still there.

        Nothing else changes: no version, no time, no journal row, no epoch. What somebody has
        written meanwhile stays. Return how many were replaced.
        """
        ...

    def scrub(self) -> None:
        """Leave as little as can be of the bytes that ``reseal`` replaced, where they were."""
        ...
