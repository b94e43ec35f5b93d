"""Encryption of backups: chunks sealed, and the manifest signed, with keys of the key ring.

Each backup has keys of its own, derived from the active key of the ring. The ring itself, which
the master key opens, lies in the manifest: a backup can be read when the store is lost.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from contextlib import suppress
from os import urandom
from typing import Final

from llmspell.backup.model import Encryption, Manifest
from llmspell.errors import (
    BackupDamaged,
    ConfigError,
    DecryptionFailed,
    IntegrityFailed,
    KeyMissing,
    StorageError,
    UnsupportedBackup,
    WrongKey,
)
from llmspell.security.ciphers import CIPHERS, Aead
from llmspell.security.keys.master import MasterKey, Passphrase
from llmspell.security.keys.ring import KeyRing
from llmspell.security.keys.ring_format import RingFacts, ring_facts
from llmspell.security.keys.secret import Secretive
from llmspell.store.base import INTERNAL

__all__ = ["BackupKey", "backup_key", "key_by_rings_of", "no_key"]

_SET: Final = (
    "set the one that was in use then (LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or"
    " state.security.key_file)"
)


class BackupKey(Secretive):
    """What seals, opens and signs one backup. Any number of threads may share it."""

    __slots__ = ("_aead", "_backup_id", "_cipher", "_generation", "_ring", "_signing_key")

    def __init__(self, ring: KeyRing, generation: bytes, cipher: str, backup_id: str) -> None:
        # No value is ever sealed in such a scope, so the keys serve nothing else.
        scope = f"{INTERNAL}backup:{backup_id}"
        self._ring = ring
        self._generation = generation
        self._cipher = CIPHERS[cipher]
        self._backup_id = backup_id
        self._aead: Aead = self._cipher.make(ring.data_key(generation, scope, cipher))
        self._signing_key = ring.data_key(generation, f"{scope}/manifest", cipher)

    @classmethod
    def of(cls, ring: KeyRing, cipher: str, backup_id: str) -> BackupKey:
        """Make the key of a new backup. Raises ConfigError for an unknown cipher."""
        if cipher not in CIPHERS:
            raise ConfigError(f"there is no cipher {cipher!r}", hint=f"one of {', '.join(CIPHERS)}")
        return cls(ring, ring.active.id, cipher, backup_id)

    def seal(self, name: str, data: bytes) -> bytes:
        """Return the data encrypted for the file of that name in this backup."""
        nonce = urandom(self._cipher.nonce_bytes)
        return nonce + self._aead.encrypt(nonce, data, self._bound(name))

    def open(self, name: str, data: bytes) -> bytes:
        """Return what was sealed for that file of this backup.

        Raises DecryptionFailed for what was changed, or lay elsewhere.
        """
        from cryptography.exceptions import InvalidTag

        size = self._cipher.nonce_bytes
        if len(data) < size + self._cipher.tag_bytes:
            raise self._failed(name)
        try:
            return self._aead.decrypt(data[:size], data[size:], self._bound(name))
        except InvalidTag as error:
            raise self._failed(name) from error

    def sign(self, manifest: bytes) -> str:
        """Return the HMAC-SHA256 of a manifest, in hex."""
        return hmac.digest(self._signing_key, manifest, "sha256").hex()

    def info(self) -> Encryption:
        """Return what the manifest says of the encryption, without a signature."""
        return Encryption(
            cipher=self._cipher.name,
            ring_id=self._ring.ring_id.hex(),
            generation=self._generation.hex(),
            ring=base64.b64encode(self._ring.pack()).decode("ascii"),
        )

    def _bound(self, name: str) -> bytes:
        return f"llmspell backup v1\0{self._backup_id}\0{name}".encode()

    def _failed(self, name: str) -> DecryptionFailed:
        return DecryptionFailed(
            f"{name} of backup {self._backup_id} does not decrypt: it was changed, or is a file"
            " of another backup",
            hint="restore from another backup",
            backup=self._backup_id,
            file=name,
        )


def backup_key(
    manifest: Manifest, ring: KeyRing | None, master: MasterKey | Passphrase | None
) -> BackupKey | None:
    """Return the key that opens a backup; None for one that is not encrypted.

    ``ring`` is the store's, if it has one: it fits also when its master key has changed since.
    Otherwise ``master`` has to open the ring that lies in the backup, which takes about 150 ms
    with a passphrase. Raises KeyMissing, WrongKey, BackupDamaged and UnsupportedBackup.
    """
    info = manifest.encryption
    if info is None:
        return None
    if info.cipher not in CIPHERS:
        raise _damaged(manifest, "it names a cipher that there is not")
    generation = _hex(manifest, info.generation)
    if ring is None or ring.ring_id != _hex(manifest, info.ring_id) or not _has(ring, generation):
        ring = _unwrapped(manifest, info, master)
    if not _has(ring, generation):
        raise _damaged(manifest, "the key ring in it lacks the key it is sealed with")
    return BackupKey(ring, generation, info.cipher, manifest.id)


def key_by_rings_of(
    manifest: Manifest, others: Iterable[Manifest], master: MasterKey | Passphrase
) -> BackupKey | None:
    """Return the key that opens a backup by the ring in another backup, None if none does.

    The master key may have changed between the backups of a chain. Each wrapped ring is tried
    once.
    """
    info = manifest.encryption
    tried = set() if info is None else {info.ring}
    for other in others:
        there = other.encryption
        if info is None or there is None or there.ring_id != info.ring_id or there.ring in tried:
            continue
        tried.add(there.ring)
        with suppress(WrongKey, BackupDamaged, UnsupportedBackup):
            ring = _unwrapped(other, there, master)
            if _has(ring, _hex(manifest, info.generation)):
                return backup_key(manifest, ring, master)
    return None


def no_key(manifest: Manifest, needed: str = "the master key or passphrase") -> KeyMissing:
    """Make the error of an encrypted backup without a key to open it."""
    return KeyMissing(
        f"backup {manifest.id} is encrypted: {needed} of the time it was made is needed, and none"
        " is configured",
        hint=_SET,
        backup=manifest.id,
    )


def _unwrapped(
    manifest: Manifest, info: Encryption, master: MasterKey | Passphrase | None
) -> KeyRing:
    """Open the ring that lies in the manifest."""
    try:
        packed = base64.b64decode(info.ring, validate=True)
        facts = ring_facts(packed)
        if facts.ring_id.hex() != info.ring_id:
            raise _damaged(manifest, "the key ring in it is another than it says")
        if master is None:
            raise no_key(manifest, _needed(facts))
        return KeyRing.unpack(packed, master)
    except WrongKey as error:
        raise WrongKey(
            f"the key does not open backup {manifest.id}: {_needed(facts)} of the time it was"
            " made is needed, and another one is configured",
            hint=_SET,
            backup=manifest.id,
        ) from error
    except (binascii.Error, ValueError) as error:
        if isinstance(error, BackupDamaged):
            raise
        why = error.message if isinstance(error, IntegrityFailed) else "it is no base64"
        raise _damaged(manifest, f"the key ring in it cannot be read: {why}") from error
    except StorageError as error:
        raise UnsupportedBackup(
            f"backup {manifest.id} has a key ring of a later version of llmspell",
            hint="upgrade llmspell",
            backup=manifest.id,
        ) from error


def _needed(facts: RingFacts) -> str:
    return "the master key" if facts.derivation is None else "the passphrase"


def _has(ring: KeyRing, generation: bytes) -> bool:
    return ring.generation(generation) is not None


def _hex(manifest: Manifest, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _damaged(manifest, "the id of a key in it is none") from None


def _damaged(manifest: Manifest, problem: str) -> BackupDamaged:
    return BackupDamaged(
        f"backup {manifest.id} is damaged: {problem}",
        hint="restore from another backup",
        backup=manifest.id,
        problems=[f"manifest.json: {problem}"],
    )
