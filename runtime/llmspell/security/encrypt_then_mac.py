"""AES-256 in counter mode, authenticated by HMAC-SHA256 over what it produced."""

from __future__ import annotations

import hmac
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

__all__ = ["AesCtrHmac"]

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 16
_TAG_BYTES: Final = 32
_LENGTH: Final = Struct(">Q")
_IDLE_STREAMS: Final = 8


class AesCtrHmac:
    """Encrypt-then-MAC: the tag covers length of associated data, the data, nonce, ciphertext.

    The key is 64 bytes: the first half encrypts, the second authenticates. The nonce is the
    first counter block, 16 bytes.
    """

    __slots__ = ("_cipher", "_idle", "_mac")

    def __init__(self, key: bytes) -> None:
        if len(key) != 2 * _KEY_BYTES:
            raise ValueError(f"AES-256-CTR with HMAC takes a key of {2 * _KEY_BYTES} bytes")
        self._cipher = Cipher(algorithms.AES(key[:_KEY_BYTES]), modes.CTR(bytes(_NONCE_BYTES)))
        self._mac = HMAC(key[_KEY_BYTES:], hashes.SHA256())
        # A stream serves one call at a time; setting its nonce costs a sixth of making one.
        # List pop and append are atomic, which makes this cheaper than a lock.
        self._idle: list[CipherContext] = []

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """Return the ciphertext followed by the tag. A nonce must never be used twice."""
        ciphertext = self._stream(nonce, data)
        return ciphertext + self._tag(nonce, ciphertext, associated_data or b"")

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """Return the plaintext. Nothing is decrypted unless the tag is right.

        Raises InvalidTag.
        """
        if len(data) < _TAG_BYTES:
            raise InvalidTag
        ciphertext = data[:-_TAG_BYTES]
        tag = self._tag(nonce, ciphertext, associated_data or b"")
        if not hmac.compare_digest(tag, data[-_TAG_BYTES:]):
            raise InvalidTag
        return self._stream(nonce, ciphertext)

    def _stream(self, nonce: bytes, data: bytes) -> bytes:
        try:
            stream = self._idle.pop()
        except IndexError:
            stream = self._cipher.encryptor()
        stream.reset_nonce(nonce)
        result = stream.update(data)
        if len(self._idle) < _IDLE_STREAMS:
            self._idle.append(stream)
        return result

    def _tag(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
        if len(nonce) != _NONCE_BYTES:
            raise ValueError(f"the nonce must have {_NONCE_BYTES} bytes")
        mac = self._mac.copy()
        mac.update(_LENGTH.pack(len(associated_data)) + associated_data + nonce)
        mac.update(ciphertext)
        return mac.finalize()
