"""The bytes of a key ring: clear facts, and the secrets wrapped under the master key.

A fixed head that every later format keeps: magic, format version, SHA-256 of all else. Then
msgpack of: the clear facts (themselves msgpack), the key check value, a nonce, and the secrets
under AES-256-GCM with everything clear as associated data. The hash tells damage from a wrong
key; against forgery stands the tag.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Any, Final

import msgpack

from llmspell.errors import ConfigError, IntegrityFailed, StorageError, WrongKey
from llmspell.security.keys.derivation import Derivation

__all__ = [
    "SECRET_BYTES",
    "GenerationFacts",
    "RingFacts",
    "ring_facts",
    "unwrap",
    "wrap",
]

SECRET_BYTES: Final = 32

_MAGIC: Final = b"LSKR"
_FORMAT: Final = 1
_HEAD: Final = Struct(">4sB32s")
_ID_BYTES: Final = 4
_RING_ID_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_CHECK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """What is known of a key without opening the ring: its id, 4 bytes, and when it was made."""

    id: bytes
    created_us: int


@dataclass(frozen=True, slots=True)
class RingFacts:
    """The clear part of a key ring. Only opening the ring proves that it is genuine.

    ``derivation`` is None when a master key opens the ring, ``everything`` tells whether all
    values are sealed or those of class sensitive alone; the last generation is the active one.
    With ``complete`` no value is left in the open: one that is has been put there by somebody else.
    With ``hides_keys`` the names of keys are kept out of the files.
    """

    ring_id: bytes
    derivation: Derivation | None
    everything: bool
    generations: tuple[GenerationFacts, ...]
    complete: bool = False
    hides_keys: bool = False


def wrap(facts: RingFacts, wrapping_key: bytes, secrets: list[bytes]) -> bytes:
    """Return the bytes of a ring. The ``secrets`` have 32 bytes each."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    clear = _packed_facts(facts)
    check = _check_value(wrapping_key)
    nonce = os.urandom(_NONCE_BYTES)
    wrapped = AESGCM(wrapping_key).encrypt(nonce, b"".join(secrets), _bound(clear, check))
    body: bytes = msgpack.packb([clear, check, nonce, wrapped])
    return _HEAD.pack(_MAGIC, _FORMAT, _digest(_FORMAT, body)) + body


def unwrap(
    blob: bytes, wrapping_key_of: Callable[[RingFacts], bytes]
) -> tuple[RingFacts, bytes, list[bytes]]:
    """Open a ring with the key that ``wrapping_key_of`` returns for its clear facts.

    Returns the facts, that key, and the secrets in the order in which they were wrapped.
    Raises WrongKey, IntegrityFailed, and StorageError with reason ``newer_version``.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    clear, check, nonce, wrapped = _parts(blob)
    facts = _read_facts(clear)
    wrapping_key = wrapping_key_of(facts)
    if not hmac.compare_digest(_check_value(wrapping_key), check):
        raise wrong_key()
    try:
        joined = AESGCM(wrapping_key).decrypt(nonce, wrapped, _bound(clear, check))
    except InvalidTag as error:
        raise _damaged("its tag does not match, somebody changed it") from error
    secrets = [joined[at : at + SECRET_BYTES] for at in range(0, len(joined), SECRET_BYTES)]
    return facts, wrapping_key, secrets


def ring_facts(blob: bytes) -> RingFacts:
    """Read what a ring tells without a key. It is not authenticated: show it, do not trust it.

    Raises IntegrityFailed, and StorageError with reason ``newer_version``.
    """
    return _read_facts(_parts(blob)[0])


def wrong_key(hint: str | None = None) -> WrongKey:
    """Make the error of a key that does not open a ring."""
    return WrongKey(
        "the key does not open the key ring of this database",
        hint=hint or "configure the master key or passphrase that the ring was made with",
    )


def _parts(blob: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Split a ring; all four parts are bytes, and those of a fixed length have it."""
    if len(blob) < _HEAD.size:
        raise _damaged("it is too short")
    magic, version, digest = _HEAD.unpack_from(blob)
    body = blob[_HEAD.size :]
    if magic != _MAGIC:
        raise _damaged("it does not begin like one")
    if digest != _digest(version, body):
        raise _damaged("its checksum does not match")
    if version != _FORMAT:
        raise StorageError(
            f"the key ring has format {version}, this version of llmspell knows {_FORMAT}",
            hint="upgrade llmspell",
            reason="newer_version",
        )
    parts = _unpacked(body)
    if (
        len(parts) != 4
        or not all(isinstance(part, bytes) for part in parts)
        or len(parts[1]) != _CHECK_BYTES
        or len(parts[2]) != _NONCE_BYTES
    ):
        raise _damaged("it has not the parts of one")
    return parts[0], parts[1], parts[2], parts[3]


def _packed_facts(facts: RingFacts) -> bytes:
    how = facts.derivation
    derivation = how and [how.name, how.salt, how.iterations, how.memory_kib, how.lanes]
    made = [[one.id, one.created_us] for one in facts.generations]
    kinds = [facts.everything, facts.complete, facts.hides_keys]
    packed: bytes = msgpack.packb([facts.ring_id, derivation, kinds, made])
    return packed


def _read_facts(clear: bytes) -> RingFacts:
    """Read the facts of whoever wrote them: every type and length is looked at."""
    match _unpacked(clear):
        case [
            bytes() as ring_id,
            how,
            [bool() as everything, bool() as complete, bool() as hides_keys],
            [_, *_] as made,
        ]:
            generations = tuple(_read_generation(one) for one in made)
            distinct = len({one.id for one in generations}) == len(generations)
            if len(ring_id) == _RING_ID_BYTES and distinct:
                derivation = _read_derivation(how)
                return RingFacts(ring_id, derivation, everything, generations, complete, hides_keys)
    raise _damaged("its facts make no sense")


def _read_generation(fields: Any) -> GenerationFacts:
    match fields:
        case [bytes() as id_, int() as created_us] if len(id_) == _ID_BYTES and any(id_):
            return GenerationFacts(id_, created_us)
    raise _damaged("one of its keys has no proper id")


def _read_derivation(fields: Any) -> Derivation | None:
    match fields:
        case None:
            return None
        case [str() as name, bytes() as salt, int() as iterations, int() as memory, int() as lanes]:
            try:
                return Derivation(name, salt, iterations, memory, lanes)
            except ConfigError as error:
                raise _damaged(f"its key derivation cannot be: {error.message}") from error
    raise _damaged("its key derivation makes no sense")


def _unpacked(packed: bytes) -> list[Any]:
    try:
        value = msgpack.unpackb(packed)
    except (ValueError, msgpack.UnpackException) as error:
        raise _damaged("it cannot be read") from error
    if not isinstance(value, list):
        raise _damaged("it cannot be read")
    return value


def _digest(version: int, body: bytes) -> bytes:
    return sha256(_MAGIC + bytes([version]) + body).digest()


def _bound(clear: bytes, check: bytes) -> bytes:
    return _MAGIC + bytes([_FORMAT]) + check + clear


def _check_value(wrapping_key: bytes) -> bytes:
    """Return what tells a wrong key from damage. It gives away nothing of the key."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    info = b"llmspell key check value"
    return HKDFExpand(algorithm=SHA256(), length=_CHECK_BYTES, info=info).derive(wrapping_key)


def _damaged(why: str) -> IntegrityFailed:
    return IntegrityFailed(
        f"the key ring of this database is damaged: {why}",
        hint="restore it from a backup; without it nothing that is encrypted can be read",
    )
