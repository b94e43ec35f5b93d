"""Seal values for the place where they are stored, and open them there and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from struct import Struct
from typing import Final, NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag

from llmspell.errors import ConfigError, DecryptionFailed, IntegrityFailed, InvalidScope
from llmspell.security.ciphers import CIPHERS, DEFAULT_CIPHER, Aead, Cipher
from llmspell.security.keys.ring import KeyRing
from llmspell.security.keys.sealed_form import (
    HEAD_BYTES,
    SEALED,
    cipher_of,
    head,
    is_sealed,
    key_id_of,
    overhead,
)
from llmspell.security.keys.secret import Secretive

__all__ = ["SEALED", "Sealer", "is_sealed", "key_id_of", "overhead"]

_MAX_BOXES: Final = 4096
_MAX_SCOPE_BYTES: Final = 0xFFFF
_PLACE: Final = Struct(">qqH")
_Name = TypeVar("_Name")


class _Box(NamedTuple):
    """All that depends on key, cipher and scope alone."""

    head: bytes
    scope: bytes
    aead: Aead
    nonce_bytes: int
    least_bytes: int


class _Boxes:
    """The boxes of one ring. Another ring, after a rotation, gets an object of its own."""

    __slots__ = ("active_head", "opening", "ring", "sealing")

    def __init__(self, ring: KeyRing, cipher: Cipher) -> None:
        self.ring = ring
        self.active_head = head(cipher, ring.active.id)
        self.sealing: dict[str, _Box] = {}
        self.opening: dict[tuple[bytes, str], _Box] = {}


class Sealer(Secretive):
    """Seals stored values, each bound to its scope, key, version and schema version.

    Any number of threads may share one, and a forked process may go on with it: nonces come
    from the operating system, and no lock is held. ``ring`` is asked at every call and should
    return the same object until the ring changes. ``refresh`` is called when a value needs a
    key that the ring lacks, to load the ring anew.
    Raises ConfigError for an unknown cipher.
    """

    __slots__ = ("_boxes", "_cipher", "_refresh", "_ring")

    def __init__(
        self,
        ring: Callable[[], KeyRing],
        cipher: str = DEFAULT_CIPHER,
        *,
        refresh: Callable[[], bool] | None = None,
    ) -> None:
        if cipher not in CIPHERS:
            raise ConfigError(f"there is no cipher {cipher!r}", hint=f"one of {', '.join(CIPHERS)}")
        self._ring = ring
        self._cipher = CIPHERS[cipher]
        self._refresh = refresh
        self._boxes = _Boxes(ring(), self._cipher)

    def seal(
        self,
        scope: str,
        key: str,
        version: int,
        schema_version: int,
        plain: bytes,
        member: str = "",
    ) -> bytes:
        """Return ``plain`` encrypted for this place. Twice the same gives different bytes.

        ``member`` is for a part of the value: what names it there, and no key has in it.
        """
        boxes = self._current()
        box = boxes.sealing.get(scope) or self._sealing_box(boxes, scope)
        nonce = urandom(box.nonce_bytes)
        place = _PLACE.pack(version, schema_version, len(box.scope))
        bound = box.head + place + box.scope + (key + member).encode()
        return box.head + nonce + box.aead.encrypt(nonce, plain, bound)

    def open(
        self,
        scope: str,
        key: str,
        version: int,
        schema_version: int,
        sealed: bytes,
        member: str = "",
    ) -> bytes:
        """Return what was sealed for this place.

        Raises DecryptionFailed when the value was changed, was sealed for another place, or needs
        a key that the ring lacks (reason ``unknown_key``), and IntegrityFailed when it has not
        the form of a sealed value.
        """
        boxes = self._current()
        box = boxes.opening.get((sealed[:HEAD_BYTES], scope))
        if box is None or len(sealed) < box.least_bytes:
            box = self._opening_box(scope, key, version, sealed)
        ends = HEAD_BYTES + box.nonce_bytes
        place = _PLACE.pack(version, schema_version, len(box.scope))
        bound = box.head + place + box.scope + (key + member).encode()
        try:
            return box.aead.decrypt(sealed[HEAD_BYTES:ends], sealed[ends:], bound)
        except InvalidTag as error:
            raise DecryptionFailed(
                f"{_named(scope, key, version)} does not decrypt:"
                " it was changed, or was stored under another name or version",
                hint="restore it from a backup or an earlier version",
                scope=scope,
                key=key,
                version=version,
            ) from error

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a value is sealed with the active key and the cipher of this sealer."""
        return sealed.startswith(self._current().active_head)

    def __repr__(self) -> str:
        return f"<Sealer {self._cipher.name}>"

    def _current(self) -> _Boxes:
        """Return the boxes of the ring as it is now."""
        ring = self._ring()
        boxes = self._boxes
        if boxes.ring is not ring:
            boxes = self._boxes = _Boxes(ring, self._cipher)
        return boxes

    def _sealing_box(self, boxes: _Boxes, scope: str) -> _Box:
        box = _box(boxes.ring, boxes.active_head, self._cipher, scope)
        _keep(boxes.sealing, scope, box)
        return box

    def _opening_box(self, scope: str, key: str, version: int, sealed: bytes) -> _Box:
        try:
            cipher = cipher_of(sealed)
        except IntegrityFailed as error:
            raise IntegrityFailed(
                f"{_named(scope, key, version)} is damaged: {error.message}",
                hint="restore it from a backup or an earlier version",
                scope=scope,
                key=key,
                version=version,
            ) from error
        key_id = sealed[2:HEAD_BYTES]
        boxes = self._current()
        if boxes.ring.generation(key_id) is None and self._refresh is not None:
            # Whatever it returns: another thread may have brought the key in between.
            self._refresh()
            boxes = self._current()
        if boxes.ring.generation(key_id) is None:
            raise DecryptionFailed(
                f"{_named(scope, key, version)} needs the key {key_id.hex()}, which the key ring"
                " does not have",
                hint="was it sealed with another ring, or the ring restored from an old backup?",
                reason="unknown_key",
                scope=scope,
                key=key,
                version=version,
            )
        box = _box(boxes.ring, sealed[:HEAD_BYTES], cipher, scope)
        _keep(boxes.opening, (box.head, scope), box)
        return box


def _box(ring: KeyRing, first: bytes, cipher: Cipher, scope: str) -> _Box:
    encoded = scope.encode()
    if len(encoded) > _MAX_SCOPE_BYTES:
        raise InvalidScope(f"a scope of {len(encoded):,} bytes is too long to seal a value in")
    aead = cipher.make(ring.data_key(first[2:], scope, cipher.name))
    return _Box(first, encoded, aead, cipher.nonce_bytes, overhead(cipher.name))


def _keep(boxes: dict[_Name, _Box], name: _Name, box: _Box) -> None:
    # Emptying is atomic where throwing out the oldest would need a lock, which a fork could
    # leave taken for ever; what is lost is made again in 5 us.
    if len(boxes) >= _MAX_BOXES:
        boxes.clear()
    boxes[name] = box


def _named(scope: str, key: str, version: int) -> str:
    return f"the value of {key!r} in scope {scope!r}, version {version},"
