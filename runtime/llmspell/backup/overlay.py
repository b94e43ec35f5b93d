"""Which record has the last word on each address, in twenty bytes each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final

__all__ = ["Overlay"]

#: So long that two addresses never have the same one in practice: there would have to be 10^14.
_DIGEST_BYTES: Final = 12
_NUMBER_BYTES: Final = 8
_BUCKETS: Final = 1 << 14


class Overlay:
    """Addresses with a number each, for many of them in little memory.

    A dict would take ten times as much. What is kept of an address is a digest, under a key that
    is made anew each time, so that nobody can prepare two that get the same one.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._buckets = [bytearray() for _ in range(_BUCKETS)]
        self._is_empty = True

    def note(self, addressed: Sequence[Any], numbers: Iterable[int]) -> None:
        """Give addresses their numbers, in the place of those they had.

        ``addressed`` are records that have a scope and a key.
        """
        for digest, number in zip(self._digests(addressed), numbers, strict=True):
            bucket = self._buckets[digest[0] << 6 | digest[1] & 63]
            at, packed = bucket.find(digest), number.to_bytes(_NUMBER_BYTES, "big")
            if at < 0:
                bucket += digest + packed
            else:
                start = at + _DIGEST_BYTES
                bucket[start : start + _NUMBER_BYTES] = packed
            self._is_empty = False

    def numbers(self, addressed: Sequence[Any]) -> list[int | None]:
        """Return the numbers of addresses, None for those that have none."""
        if self._is_empty:
            return [None] * len(addressed)
        buckets = self._buckets
        found: list[int | None] = []
        for digest in self._digests(addressed):
            bucket = buckets[digest[0] << 6 | digest[1] & 63]
            at = bucket.find(digest)
            if at < 0:
                found.append(None)
            else:
                start = at + _DIGEST_BYTES
                found.append(int.from_bytes(bucket[start : start + _NUMBER_BYTES], "big"))
        return found

    def _digests(self, addressed: Sequence[Any]) -> list[bytes]:
        key = self._key
        return [
            # The length keeps apart what would be the same text otherwise.
            blake2b(
                f"{len(each.scope)} {each.scope}{each.key}".encode(errors="surrogatepass"),
                digest_size=_DIGEST_BYTES,
                key=key,
            ).digest()
            for each in addressed
        ]
