"""Where the master key of a process comes from: its environment, or a key file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from llmspell.errors import ConfigError
from llmspell.security.keys.derivation import DEFAULT_DERIVATION, DEFAULT_PBKDF2_ITERATIONS
from llmspell.security.keys.master_key import MasterKey
from llmspell.security.keys.passphrase import Passphrase
from llmspell.security.keys.secret import Secretive

__all__ = ["KEY_VARIABLE", "PASSPHRASE_VARIABLE", "MasterKeySource"]

KEY_VARIABLE: Final = "LLMSPELL_MASTER_KEY"
PASSPHRASE_VARIABLE: Final = "LLMSPELL_PASSPHRASE"


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeySource(Secretive):
    """Says where to look for the master key; ``find`` looks.

    A variable of the environment wins over the key file, as it does over any configuration.
    """

    key_file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    derivation: str = DEFAULT_DERIVATION
    pbkdf2_iterations: int = DEFAULT_PBKDF2_ITERATIONS

    def find(self) -> MasterKey | Passphrase | None:
        """Return the master key or passphrase, or None when none is configured.

        Derives nothing yet. Raises ConfigError when the variables give two at once, when one
        is there and empty (a deployment that lost its secret must not go on without), and when
        what is found is no key.
        """
        key, passphrase = self.environ.get(KEY_VARIABLE), self.environ.get(PASSPHRASE_VARIABLE)
        if key is not None and passphrase is not None:
            raise ConfigError(
                f"{KEY_VARIABLE} and {PASSPHRASE_VARIABLE} are both set",
                hint="unset the one that is not meant",
            )
        for name, text in ((KEY_VARIABLE, key), (PASSPHRASE_VARIABLE, passphrase)):
            if text is not None and not text.strip():
                raise ConfigError(f"{name} is set, but empty", hint="give it a value, or unset it")
        if key is not None:
            return MasterKey.parse(key, origin=KEY_VARIABLE)
        if passphrase is not None:
            return Passphrase(
                passphrase,
                derivation=self.derivation,
                pbkdf2_iterations=self.pbkdf2_iterations,
            )
        if self.key_file is None:
            return None
        from llmspell.security.keys.key_file import read_key_file

        return read_key_file(self.key_file)
