"""Ed25519 signatures of checkpoints and exports: what others can check without the key.

The signing key is derived from the key of the log, so there is none to keep besides it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgpack

from llmspell.security.audit.hashing import KEY_BYTES

__all__ = ["Checkpoint", "is_signed", "public_key", "signed", "stored_checkpoints"]

_INFO: Final = b"llmspell audit signing"
_PACKER_ERRORS: Final = "surrogateescape"


class Checkpoint(NamedTuple):
    """What stands for the records that were removed: the last one's number and hash, signed.

    ``number`` counts the checkpoints of a log from 1, so that none can be left out.
    """

    number: int
    seq: int
    at_us: int
    hash: bytes
    public_key: bytes
    signature: bytes

    def signed_fields(self) -> tuple[Any, ...]:
        """Return what the signature is of."""
        return "llmspell audit checkpoint", self.number, self.seq, self.at_us, self.hash

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, bytes in hexadecimal digits."""
        told = self._asdict().items()
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in told}


def public_key(key: bytes) -> bytes:
    """Return the public key that belongs to the key of a log."""
    return bytes(_private_key(key).public_key().public_bytes_raw())


def signed(key: bytes, fields: Sequence[Any]) -> bytes:
    """Return the signature of some fields."""
    return bytes(_private_key(key).sign(_packed(fields)))


def is_signed(fields: Sequence[Any], signature: bytes, public: bytes) -> bool:
    """Return whether the signature is that of the fields, by the owner of the public key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _packed(fields))
    except (InvalidSignature, ValueError, TypeError):  # the latter: no key, no bytes
        return False
    return True


def stored_checkpoints(raw: sqlite3.Connection) -> list[Checkpoint]:
    """Return the checkpoints of a log, the oldest first."""
    return [Checkpoint(*row) for row in raw.execute("SELECT * FROM checkpoints ORDER BY number")]


def _private_key(key: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    seed = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_INFO).derive(key)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _packed(fields: Sequence[Any]) -> bytes:
    packed: bytes = msgpack.packb(tuple(fields), unicode_errors=_PACKER_ERRORS)
    return packed
