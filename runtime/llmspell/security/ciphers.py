"""The ciphers a value can be sealed with, as a table by configuration name.

Reading the table imports no cryptography; ``make`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["CIPHERS", "DEFAULT_CIPHER", "Aead", "Cipher"]


class Aead(Protocol):
    """Authenticated encryption under one key. Any number of threads may share it."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """Return the ciphertext followed by the tag. A nonce must never be used twice."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """Return the plaintext. Raises ``cryptography.exceptions.InvalidTag``."""
        ...


@dataclass(frozen=True, slots=True)
class Cipher:
    """A cipher; ``number`` stands for it in sealed values and never changes its meaning."""

    name: str
    number: int
    key_bytes: int
    nonce_bytes: int
    tag_bytes: int
    make: Callable[[bytes], Aead]


def _aes_gcm(key: bytes) -> Aead:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _chacha20_poly1305(key: bytes) -> Aead:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return ChaCha20Poly1305(key)


def _aes_ctr_hmac(key: bytes) -> Aead:
    from llmspell.security.encrypt_then_mac import AesCtrHmac

    return AesCtrHmac(key)


DEFAULT_CIPHER: Final = "aes-256-gcm"

CIPHERS: Final[dict[str, Cipher]] = {
    cipher.name: cipher
    for cipher in (
        Cipher(DEFAULT_CIPHER, 1, 32, 12, 16, _aes_gcm),
        Cipher("chacha20-poly1305", 2, 32, 12, 16, _chacha20_poly1305),
        Cipher("aes-256-ctr", 3, 64, 16, 32, _aes_ctr_hmac),
    )
}
