"""A master key: 32 secret bytes that open a key ring."""

from __future__ import annotations

import binascii
import os
from typing import Final

from llmspell.errors import ConfigError
from llmspell.security.keys.derivation import Derivation
from llmspell.security.keys.secret import Secretive

__all__ = ["KEY_BYTES", "MasterKey"]

KEY_BYTES: Final = 32

_HEX_DIGITS: Final = 2 * KEY_BYTES
_BASE64_CHARACTERS: Final = 43
_EXPECTED: Final = f"{_HEX_DIGITS} hex digits, or {KEY_BYTES} bytes in base64"


class MasterKey(Secretive):
    """32 secret bytes that wrap a key ring. Never printed, pickled or stored."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ConfigError(f"a master key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = bytes(secret)

    @classmethod
    def parse(cls, text: str, *, origin: str) -> MasterKey:
        """Read a key from text: 64 hex digits, or 32 bytes in base64 or base64url.

        White space around it does not count. ``origin`` says in errors where the text came
        from. Raises ConfigError, which tells the length of the text and nothing else of it.
        """
        text = text.strip()
        secret = _from_hex(text) if len(text) == _HEX_DIGITS else _from_base64(text)
        if secret is None:
            length = f"{len(text)} characters" if text else "nothing"
            raise ConfigError(
                f"{origin} does not hold a master key: expected {_EXPECTED}, found {length}",
                hint="`llmspell keys generate` makes one; `openssl rand -hex 32` does, too",
            )
        return cls(secret)

    @classmethod
    def random(cls) -> MasterKey:
        """Make a new one."""
        return cls(os.urandom(KEY_BYTES))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MasterKey):
            return NotImplemented
        # Here, since a process that encrypts nothing should not wait for OpenSSL.
        from hmac import compare_digest

        return compare_digest(self._secret, other._secret)

    __hash__ = None  # type: ignore[assignment]

    def derive(self, derivation: Derivation | None) -> bytes | None:
        """Return the key; None when a ring needs a passphrase, as a ``derivation`` shows."""
        return self._secret if derivation is None else None

    def new_derivation(self) -> None:
        """Return None: a master key is used as it is."""

    def hex(self) -> str:
        """Return the key as text, to write it where it shall be kept."""
        return self._secret.hex()


def _from_hex(text: str) -> bytes | None:
    try:
        # Python's own int() and fromhex() would allow blanks and other scripts' digits.
        return binascii.unhexlify(text)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    bare = text.removesuffix("=").replace("-", "+").replace("_", "/")
    if len(bare) != _BASE64_CHARACTERS or "=" in bare:
        return None
    try:
        return binascii.a2b_base64(bare + "=", strict_mode=True)
    except ValueError:
        return None
