"""The form of a sealed value: what it begins with, and what can be told without a key.

One byte that no other form begins with, one for the cipher, 4 for the key; then the nonce, the
ciphertext and the tag.
"""

from __future__ import annotations

from typing import Final

from llmspell.errors import IntegrityFailed
from llmspell.security.ciphers import CIPHERS, Cipher

__all__ = ["HEAD_BYTES", "SEALED", "cipher_of", "head", "is_sealed", "key_id_of", "overhead"]

SEALED: Final = 0xAE
HEAD_BYTES: Final = 6

_BY_NUMBER: Final = {cipher.number: cipher for cipher in CIPHERS.values()}


def is_sealed(blob: bytes) -> bool:
    """Tell whether stored bytes begin like a sealed value; they may be damaged all the same."""
    return len(blob) > 0 and blob[0] == SEALED


def key_id_of(sealed: bytes) -> bytes:
    """Return the id of the key that a value was sealed with. Raises IntegrityFailed."""
    cipher_of(sealed)
    return sealed[2:HEAD_BYTES]


def cipher_of(sealed: bytes) -> Cipher:
    """Return the cipher of a sealed value that is long enough for it. Raises IntegrityFailed."""
    if not is_sealed(sealed):
        raise IntegrityFailed("the value is not sealed")
    cipher = _BY_NUMBER.get(sealed[1]) if len(sealed) > 1 else None
    if cipher is None:
        raise IntegrityFailed("the sealed value names no known cipher")
    if len(sealed) < overhead(cipher.name):
        raise IntegrityFailed("the sealed value is too short")
    return cipher


def head(cipher: Cipher, key_id: bytes) -> bytes:
    """Return the first 6 bytes of what ``cipher`` seals with the key of that id."""
    return bytes([SEALED, cipher.number]) + key_id


def overhead(cipher: str) -> int:
    """Return by how many bytes sealing makes a value longer."""
    known = CIPHERS[cipher]
    return HEAD_BYTES + known.nonce_bytes + known.tag_bytes
