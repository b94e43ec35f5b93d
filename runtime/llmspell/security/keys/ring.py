"""The key ring: every key that values of one database were ever sealed with."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Final

from llmspell.errors import EncryptionError
from llmspell.security.ciphers import CIPHERS
from llmspell.security.keys.master import Derivation, MasterKey, Passphrase
from llmspell.security.keys.ring_format import (
    SECRET_BYTES,
    GenerationFacts,
    RingFacts,
    ring_facts,
    unwrap,
    wrap,
    wrong_key,
)
from llmspell.security.keys.secret import Secretive

__all__ = ["Generation", "GenerationFacts", "KeyRing", "RingFacts", "ring_facts"]

_ID_BYTES: Final = 4
_RING_ID_BYTES: Final = 16
# The order in which they are wrapped; the generations' secrets follow.
_PURPOSES: Final = ("index", "audit", "hash")


@dataclass(frozen=True, slots=True, repr=False)
class Generation(Secretive):
    """One root key; ``id`` is 4 random bytes, not all zero."""

    id: bytes
    created_us: int
    secret: bytes

    def __repr__(self) -> str:
        return f"<Generation {self.id.hex()}>"


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing(Secretive):
    """The keys of one database, oldest first; the last one is active. Never changes itself.

    Values are sealed with keys derived from the active generation, and stay readable after a
    rotation, since older generations are kept. Next to them are three secrets that are made
    once and never rotated, see ``secret``.
    """

    ring_id: bytes
    generations: tuple[Generation, ...]
    everything: bool
    derivation: Derivation | None
    _wrapping_key: bytes
    _fixed: tuple[bytes, ...]
    complete: bool = False
    hides_keys: bool = False

    @classmethod
    def create(
        cls, master: MasterKey | Passphrase, now_us: int, *, everything: bool = True
    ) -> KeyRing:
        """Make a ring with one generation, wrapped by ``master``.

        ``everything`` records whether all values are sealed or those of class sensitive alone.
        Takes about 150 ms with a passphrase.
        """
        ring_id = os.urandom(_RING_ID_BYTES)
        derivation = master.new_derivation()
        return cls(
            ring_id,
            (Generation(_new_id(()), now_us, os.urandom(SECRET_BYTES)),),
            everything,
            derivation,
            _wrapping_key(master, derivation, ring_id),
            tuple(os.urandom(SECRET_BYTES) for _ in _PURPOSES),
        )

    @classmethod
    def unpack(cls, blob: bytes, master: MasterKey | Passphrase) -> KeyRing:
        """Open a packed ring.

        Raises WrongKey when ``master`` is not what it was wrapped with, IntegrityFailed when the
        bytes are damaged or forged, and StorageError with reason ``newer_version``.
        """
        facts, wrapping_key, secrets = unwrap(
            blob, lambda facts: _wrapping_key(master, facts.derivation, facts.ring_id)
        )
        roots = secrets[len(_PURPOSES) :]
        generations = tuple(
            Generation(made.id, made.created_us, root)
            for made, root in zip(facts.generations, roots, strict=True)
        )
        fixed = tuple(secrets[: len(_PURPOSES)])
        return cls(
            facts.ring_id,
            generations,
            facts.everything,
            facts.derivation,
            wrapping_key,
            fixed,
            facts.complete,
            facts.hides_keys,
        )

    def pack(self) -> bytes:
        """Return the bytes to store: facts in the clear, every secret wrapped.

        Two calls give different bytes: the nonce is a new one each time.
        """
        secrets = [*self._fixed, *(one.secret for one in self.generations)]
        return wrap(self.facts, self._wrapping_key, secrets)

    @property
    def active(self) -> Generation:
        """The generation that new values are sealed with."""
        return self.generations[-1]

    @property
    def facts(self) -> RingFacts:
        """What is no secret: ids, times, the derivation, ``everything``."""
        made = tuple(GenerationFacts(one.id, one.created_us) for one in self.generations)
        return RingFacts(
            self.ring_id, self.derivation, self.everything, made, self.complete, self.hides_keys
        )

    def rotated(self, now_us: int) -> KeyRing:
        """Return a ring with one more generation, which is the active one.

        A clock that went backwards does no harm: the new one is never dated before the last.
        """
        taken = tuple(one.id for one in self.generations)
        created_us = max(now_us, self.active.created_us)
        added = Generation(_new_id(taken), created_us, os.urandom(SECRET_BYTES))
        return replace(self, generations=(*self.generations, added))

    def rewrapped(self, master: MasterKey | Passphrase) -> KeyRing:
        """Return the ring wrapped by another master key; no value has to be sealed anew."""
        derivation = master.new_derivation()
        wrapping_key = _wrapping_key(master, derivation, self.ring_id)
        return replace(self, derivation=derivation, _wrapping_key=wrapping_key)

    def with_everything(self, everything: bool) -> KeyRing:
        """Return the ring with another record of what is sealed."""
        return replace(self, everything=everything, complete=False)

    def completed(self) -> KeyRing:
        """Return the ring of a store in which no value is left in the open."""
        return replace(self, complete=True)

    def hiding_keys(self) -> KeyRing:
        """Return the ring of a store whose files do not tell how keys are called."""
        return replace(self, hides_keys=True)

    def generation(self, generation_id: bytes) -> Generation | None:
        """Return the generation of that id, or None when the ring does not have it."""
        return next((one for one in self.generations if one.id == generation_id), None)

    def data_key(self, generation_id: bytes, scope: str, cipher: str) -> bytes:
        """Return the key that a generation has for a scope and cipher.

        Raises EncryptionError when the ring does not have the generation.
        """
        generation = self.generation(generation_id)
        if generation is None:
            raise EncryptionError(f"the key ring has no key {generation_id.hex()}")
        info = b"llmspell data key v1" + cipher.encode() + b"\0" + scope.encode()
        return _hkdf(generation.secret, self.ring_id, info, CIPHERS[cipher].key_bytes)

    def secret(self, purpose: str) -> bytes:
        """Return 32 secret bytes, always the same, for ``index``, ``audit`` or ``hash``.

        What follows a slash separates further uses: ``hash/fields`` is another secret than
        ``hash``. Raises ValueError for another purpose.
        """
        fixed = self._fixed[_PURPOSES.index(purpose.partition("/")[0])]
        return _hkdf(fixed, self.ring_id, b"llmspell secret v1" + purpose.encode(), SECRET_BYTES)

    def __repr__(self) -> str:
        ids = ", ".join(one.id.hex() for one in self.generations)
        return f"<KeyRing {self.ring_id.hex()}: {ids}>"


def _new_id(taken: tuple[bytes, ...]) -> bytes:
    while True:
        candidate = os.urandom(_ID_BYTES)
        if any(candidate) and candidate not in taken:
            return candidate


def _wrapping_key(
    master: MasterKey | Passphrase, derivation: Derivation | None, ring_id: bytes
) -> bytes:
    secret = master.derive(derivation)
    if secret is None:
        needed, given = ("passphrase", "master key") if derivation else ("master key", "passphrase")
        raise wrong_key(f"the ring is opened by a {needed}, and a {given} is configured")
    return _hkdf(secret, ring_id, b"llmspell key encryption key", SECRET_BYTES)


def _hkdf(secret: bytes, salt: bytes, info: bytes, length_bytes: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length_bytes, salt=salt, info=info).derive(secret)
