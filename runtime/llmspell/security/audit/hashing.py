"""How records are hashed: HMAC-SHA256 with a key, SHA-256 without, over canonical bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgpack

from llmspell.errors import InvalidArgument

__all__ = ["GENESIS", "KEY_BYTES", "UNKEYED", "Hasher", "Hashers", "Head"]

KEY_BYTES: Final = 32
UNKEYED: Final = "sha256"
#: What stands for the hash before the first record.
GENESIS: Final = bytes(32)
_KEYED: Final = "hmac-sha256:"
_FINGERPRINT_LABEL: Final = b"llmspell audit key"
_FINGERPRINT_BYTES: Final = 8
_HEAD_KINDS: Final = (int, int, bytes, str, bytes)
#: Far beyond any real log; what is higher must not let the numbers run over.
_MAX_SEQ: Final = 2**53
_HEAD_LABEL: Final = "llmspell audit head"


class Head(NamedTuple):
    """How far a log reaches: records kept, the last one's number and hash; sealed by ``mac``."""

    records: int
    seq: int
    hash: bytes
    hasher: str
    mac: bytes

    def is_sane(self) -> bool:
        """Return whether the fields are of the right kinds, whoever wrote them."""
        kinds = tuple(map(type, self))
        return kinds == _HEAD_KINDS and 0 <= self.records <= self.seq <= _MAX_SEQ


class Hasher:
    """Hashes under one key, or without one. Serves one thread at a time.

    ``name`` tells the way and, for a key, its fingerprint, which gives nothing of it away.
    """

    __slots__ = ("_packer", "is_keyed", "key", "name")

    def __init__(self, key: bytes | None = None) -> None:
        if key is not None and (not isinstance(key, bytes) or len(key) != KEY_BYTES):
            raise InvalidArgument(
                f"the key of an audit log must be {KEY_BYTES} bytes", parameter="key"
            )
        self.key = key
        self.is_keyed = key is not None
        self.name = UNKEYED if key is None else _KEYED + _fingerprint(key)
        # What somebody put into the file need not be Unicode, and must be hashed all the same.
        self._packer = msgpack.Packer(unicode_errors="surrogateescape")

    def hash(self, fields: tuple[Any, ...]) -> bytes:
        """Return the hash of a record's fields, the hash left out."""
        packed: bytes = self._packer.pack(fields)
        if self.key is None:
            return hashlib.sha256(packed).digest()
        return hmac.digest(self.key, packed, "sha256")

    def head(self, records: int, seq: int, last: bytes) -> Head:
        """Return a sealed head."""
        return Head(records, seq, last, self.name, self._seal(records, seq, last))

    def approves(self, head: Head) -> bool:
        """Return whether a sane head was sealed by this hasher, and is as it was then."""
        return hmac.compare_digest(head.mac, self._seal(head.records, head.seq, head.hash))

    def _seal(self, records: int, seq: int, last: bytes) -> bytes:
        return self.hash((_HEAD_LABEL, records, seq, last, self.name))


class Hashers:
    """The hasher new records get, and those that older ones may have."""

    def __init__(self, key: bytes | None, older_keys: Sequence[bytes] = ()) -> None:
        self.current = Hasher(key)
        known = [Hasher(None), *map(Hasher, older_keys), self.current]
        self._known = {hasher.name: hasher for hasher in known}

    def named(self, name: str) -> Hasher | None:
        """Return the hasher of that name; None when its key is not known here."""
        return self._known.get(name)

    def keyed(self) -> list[Hasher]:
        """Return those with a key, the current one first."""
        return [hasher for hasher in reversed(self._known.values()) if hasher.is_keyed]


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, _FINGERPRINT_LABEL, "sha256")[:_FINGERPRINT_BYTES].hex()
