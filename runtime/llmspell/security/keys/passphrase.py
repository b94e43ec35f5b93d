"""A passphrase that opens a key ring, by way of a slow derivation."""

from __future__ import annotations

import unicodedata
from typing import Final

from llmspell.errors import ConfigError
from llmspell.security.keys.derivation import (
    DEFAULT_DERIVATION,
    DEFAULT_PBKDF2_ITERATIONS,
    Derivation,
    new_derivation,
)
from llmspell.security.keys.secret import Secretive

__all__ = ["MIN_PASSPHRASE_CHARACTERS", "Passphrase"]

MIN_PASSPHRASE_CHARACTERS: Final = 8


class Passphrase(Secretive):
    """A passphrase; what is derived from it is kept, since deriving takes about 150 ms.

    Text is taken in Unicode form C, so that it is the same from every keyboard; nothing else
    is changed, white space included. ``derivation`` and ``pbkdf2_iterations`` are for rings that
    it is going to protect; a ring that exists says itself how it was derived. Raises ConfigError
    for less than 8 characters and for an unknown derivation.
    """

    __slots__ = ("_derivation", "_derived", "_iterations", "_secret")

    def __init__(
        self,
        secret: str | bytes,
        *,
        derivation: str = DEFAULT_DERIVATION,
        pbkdf2_iterations: int = DEFAULT_PBKDF2_ITERATIONS,
    ) -> None:
        if isinstance(secret, str):
            secret = _encoded(secret)
        characters = len(secret.decode("utf-8", "replace"))
        if characters < MIN_PASSPHRASE_CHARACTERS:
            raise ConfigError(
                f"the passphrase is too short: {characters} characters,"
                f" at least {MIN_PASSPHRASE_CHARACTERS} are needed",
                hint="several random words make a good one",
            )
        self._secret = secret
        self._derivation = derivation
        self._iterations = pbkdf2_iterations
        self._derived: dict[Derivation, bytes] = {}
        self.new_derivation()

    def derive(self, derivation: Derivation | None) -> bytes | None:
        """Return the derived key; None when a ring needs no passphrase but a master key."""
        if derivation is None:
            return None
        derived = self._derived.get(derivation)
        if derived is None:
            derived = self._derived[derivation] = derivation.derive(self._secret)
        return derived

    def new_derivation(self) -> Derivation:
        """Return the derivation, with a fresh salt, for a ring this passphrase shall protect."""
        return new_derivation(self._derivation, pbkdf2_iterations=self._iterations)


def _encoded(text: str) -> bytes:
    try:
        # Python reads bytes that are no UTF-8 from the environment as lone surrogates.
        return unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        pass
    # Not within the handler: that error holds the passphrase and would travel along.
    raise ConfigError("the passphrase holds characters that are no text")
