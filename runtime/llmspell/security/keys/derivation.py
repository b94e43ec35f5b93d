"""How a passphrase becomes a key: Argon2id, or PBKDF2-HMAC-SHA256."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from llmspell.errors import ConfigError, EncryptionError

__all__ = [
    "DEFAULT_DERIVATION",
    "DEFAULT_PBKDF2_ITERATIONS",
    "DERIVATIONS",
    "MAX_PBKDF2_ITERATIONS",
    "MIN_PBKDF2_ITERATIONS",
    "Derivation",
    "new_derivation",
]

DERIVATIONS: Final = ("argon2id", "pbkdf2")
DEFAULT_DERIVATION: Final = "argon2id"
DEFAULT_PBKDF2_ITERATIONS: Final = 600_000
MIN_PBKDF2_ITERATIONS: Final = 100_000
MAX_PBKDF2_ITERATIONS: Final = 10_000_000

_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
# The second recommended option of RFC 9106, for machines that have other work too.
_ARGON2_MEMORY_KIB: Final = 64 * 1024
_ARGON2_ITERATIONS: Final = 3
_ARGON2_LANES: Final = 4

# Bounds of what is accepted from a stored key ring, before anything proves that it is genuine:
# a forged one must neither exhaust this machine nor ask for a weak derivation.
_BOUNDS: Final = {
    "argon2id": {
        "memory_kib": (8 * 1024, 4 * 1024 * 1024),
        "iterations": (1, 64),
        "lanes": (1, 64),
    },
    "pbkdf2": {
        "memory_kib": (0, 0),
        "iterations": (MIN_PBKDF2_ITERATIONS, MAX_PBKDF2_ITERATIONS),
        "lanes": (0, 0),
    },
}


@dataclass(frozen=True, slots=True)
class Derivation:
    """A derivation with its salt and costs; stored in the clear beside what it protects.

    ``memory_kib`` and ``lanes`` are 0 for PBKDF2. Raises ConfigError for an unknown name, and
    for costs that are too low to protect or too high to compute.
    """

    name: str
    salt: bytes
    iterations: int
    memory_kib: int = 0
    lanes: int = 0

    def __post_init__(self) -> None:
        bounds = _BOUNDS.get(self.name)
        if bounds is None:
            raise ConfigError(
                f"there is no key derivation {self.name!r}", hint=f"one of {', '.join(DERIVATIONS)}"
            )
        if len(self.salt) != _SALT_BYTES:
            raise ConfigError(f"the salt of a key derivation has {_SALT_BYTES} bytes")
        for field, (least, most) in bounds.items():
            if not least <= getattr(self, field) <= most:
                raise ConfigError(
                    f"{self.name} takes {field} from {least:,} to {most:,},"
                    f" not {getattr(self, field):,}"
                )

    def derive(self, passphrase: bytes) -> bytes:
        """Return 32 bytes. Takes about 150 ms and, with Argon2id, 64 MiB: keep the result.

        Raises EncryptionError when this machine cannot compute it.
        """
        from cryptography.exceptions import UnsupportedAlgorithm

        try:
            return self._derive(passphrase)
        except UnsupportedAlgorithm as error:
            raise EncryptionError(
                f"the OpenSSL of this installation cannot compute {self.name}",
                hint="install the cryptography package from its wheel, or derive with pbkdf2",
            ) from error
        except MemoryError as error:
            raise EncryptionError(
                f"there is not enough memory to derive the key: {self.name} takes"
                f" {self.memory_kib // 1024} MiB for a moment",
                hint="free some memory, or use a master key in place of a passphrase",
            ) from error

    def _derive(self, passphrase: bytes) -> bytes:
        if self.name == "argon2id":
            from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

            return Argon2id(
                salt=self.salt,
                length=_KEY_BYTES,
                iterations=self.iterations,
                lanes=self.lanes,
                memory_cost=self.memory_kib,
            ).derive(passphrase)
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

        return PBKDF2HMAC(
            algorithm=SHA256(), length=_KEY_BYTES, salt=self.salt, iterations=self.iterations
        ).derive(passphrase)


def new_derivation(
    name: str = DEFAULT_DERIVATION, *, pbkdf2_iterations: int = DEFAULT_PBKDF2_ITERATIONS
) -> Derivation:
    """Return a derivation with a fresh salt and today's recommended costs.

    Argon2id takes 64 MiB, 3 passes and 4 lanes. Raises ConfigError.
    """
    salt = os.urandom(_SALT_BYTES)
    if name == "argon2id":
        return Derivation(name, salt, _ARGON2_ITERATIONS, _ARGON2_MEMORY_KIB, _ARGON2_LANES)
    return Derivation(name, salt, pbkdf2_iterations)
